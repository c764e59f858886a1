/* SPDX-License-Identifier: MIT
 * Images from a model: a source over a generator, and its images at once; and strips that show what
 * a model removes from noisy images. */
#include <duet/sample.h>

#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/source.h"
#include "diffusion/generator.h"
#include "diffusion/noised.h"

#define STRIP_BATCH 16

static duet_status check_options(const duet_sample_options *options) {
    if (options->count < 1)
        return duet_fail(DUET_ARG, "%lld samples were requested; at least 1 is needed",
                         (long long)options->count);
    if (options->first < 0 || options->batch < 0) {
        return duet_fail(DUET_ARG,
                         "the first sample (%lld) and the batch (%lld) cannot be negative",
                         (long long)options->first, (long long)options->batch);
    }
    for (int64_t i = 0; options->index != NULL && i < options->count; i++)
        if (options->index[i] < 0)
            return duet_fail(DUET_ARG, "the number of a sample (%lld) cannot be negative",
                             (long long)options->index[i]);
    return DUET_OK;
}

/* ---- a generator as a source ---- */

typedef struct samples {
    duet_generator *generator;
    duet_sample_options options;
    int64_t classes, ready; /* of the model; images given */
    uint8_t *pixels;        /* [batch, dim] */
    int32_t *labels;        /* [batch] */
    int64_t *index;         /* [batch] */
} samples;

static duet_status next_samples(void *state, duet_batch *out) {
    samples *s = state;
    const int64_t rest = s->options.count - s->ready, batch = s->generator->batch;
    const int64_t rows = rest < batch ? rest : batch, first = s->options.first + s->ready;
    *out = (duet_batch){.position = s->ready};
    if (rows == 0) return DUET_OK;
    for (int64_t r = 0; r < rows; r++) {
        s->index[r] = s->options.index != NULL ? s->options.index[s->ready + r] : first + r;
        s->labels[r] = s->classes < 1          ? -1
                       : s->options.label >= 0 ? (int32_t)s->options.label
                                               : (int32_t)(s->index[r] % s->classes);
    }
    DUET_TRY(duet_generator_go(s->generator, first, s->index, rows, s->options.seed, s->labels,
                               s->pixels, s->ready, s->options.count));
    *out = (duet_batch){.count = rows,
                        .pixels = s->pixels,
                        .labels = s->labels,
                        .index = s->index,
                        .position = s->ready};
    s->ready += rows;
    return DUET_OK;
}

static void close_samples(void *state) {
    samples *s = state;
    if (s == NULL) return;
    duet_generator_close(s->generator);
    duet_release(s->pixels);
    duet_release(s->labels);
    duet_release(s->index);
    duet_release(s);
}

static duet_status open_samples(duet_context *ctx, samples *s, duet_model *model) {
    const int64_t count = s->options.count;
    duet_generator_options options = {.batch = s->options.batch > 0 ? s->options.batch
                                                                    : DUET_GENERATOR_BATCH,
                                      .watch = s->options.watch,
                                      .watcher = s->options.watcher};
    if (options.batch > count) options.batch = count;
    options.guidance = s->options.guidance;
    options.reuse = s->options.reuse;
    options.reuse_tap = s->options.reuse_tap;
    memcpy(options.sampler, s->options.sampler, sizeof options.sampler);
    DUET_TRY(duet_generator_open(ctx, &s->generator, model, &options));
    s->classes =
        model->shape.class_count > 0 ? duet_model_conditions(model) : s->generator->classes;
    if (s->classes > 0 && s->options.label >= s->classes)
        return duet_fail(DUET_ARG, "label %lld is outside of the %lld classes",
                         (long long)s->options.label, (long long)s->classes);
    DUET_TRY(duet_alloc(&s->pixels, options.batch, (size_t)s->generator->dim));
    DUET_TRY(duet_alloc(&s->labels, options.batch, sizeof *s->labels));
    return duet_alloc(&s->index, options.batch, sizeof *s->index);
}

duet_status duet_source_open_samples(duet_context *ctx, duet_source **out, duet_model *model,
                                     const duet_sample_options *options) {
    static const duet_source_kind kind = {.next = next_samples, .close = close_samples};
    const duet_source_info info = {.size = model->shape.size,
                                   .channels = (int)model->shape.in_channels,
                                   .count = options->count};
    samples *s = NULL;
    DUET_TRY(check_options(options));
    DUET_TRY(duet_alloc(&s, 1, sizeof *s));
    s->options = *options;
    const duet_status status = open_samples(ctx, s, model);
    if (status == DUET_OK) return duet_source_new(out, &kind, s, &info);
    close_samples(s);
    return status;
}

/* ---- samples one batch after the other, or at once ---- */

duet_status duet_sample_each(duet_context *ctx, duet_model *model,
                             const duet_sample_options *options, duet_sample_take take,
                             void *user) {
    duet_source *source = NULL;
    duet_batch batch;
    DUET_TRY(duet_source_open_samples(ctx, &source, model, options));
    duet_status status = duet_source_next(source, &batch);
    while (status == DUET_OK && batch.count > 0) {
        status = take(batch.pixels, batch.position, batch.count, user);
        if (status == DUET_OK) status = duet_source_next(source, &batch);
    }
    duet_source_close(source);
    return status;
}

typedef struct keeping {
    uint8_t *pixels;
    int64_t bytes; /* values of an image */
} keeping;

static duet_status keep(const uint8_t *pixels, int64_t first, int64_t count, void *user) {
    const keeping *k = user;
    memcpy(k->pixels + first * k->bytes, pixels, (size_t)(count * k->bytes));
    return DUET_OK;
}

duet_status duet_sample(duet_context *ctx, duet_model *model, const duet_sample_options *options,
                        uint8_t *pixels) {
    keeping k = {.pixels = pixels,
                 .bytes = model->shape.size * model->shape.size * model->shape.in_channels};
    return duet_sample_each(ctx, model, options, keep, &k);
}

/* ---- strips ---- */

/* The columns x_t and predicted x0 of one t, for the images from `first` on. */
static duet_status strip_column(duet_noised *n, int64_t first, int64_t column, int64_t columns,
                                duet_level level, uint8_t *pixels) {
    const int64_t dim = n->dim;
    DUET_TRY(duet_noised_at(n, level));
    for (int64_t r = 0; r < n->rows; r++) {
        uint8_t *row = pixels + (first + r) * columns * dim;
        duet_float_to_pixels(row + (1 + 2 * column) * dim, n->x + r * dim, dim);
        duet_float_to_pixels(row + (2 + 2 * column) * dim, n->x0 + r * dim, dim);
    }
    return DUET_OK;
}

duet_status duet_denoise_strip(duet_context *ctx, duet_model *model, const uint8_t *images,
                               int64_t count, const int64_t *t, int64_t t_count, uint64_t seed,
                               uint8_t *pixels) {
    duet_status status = DUET_OK;
    duet_noised n = {.denoiser = NULL};
    const int64_t batch = count < STRIP_BATCH ? count : STRIP_BATCH, columns = 1 + 2 * t_count;
    DUET_DO(duet_noised_open(ctx, &n, model, batch));
    const duet_noise *noise = duet_denoiser_noise(n.denoiser);
    for (int64_t k = 0; k < t_count; k++) {
        if (t[k] < -1 || t[k] >= noise->steps) {
            DUET_FAIL(DUET_ARG, "level t %lld does not exist; the model's levels are 0 to %lld",
                      (long long)t[k], (long long)noise->steps - 1);
        }
    }
    for (int64_t first = 0; first < count; first += n.rows) {
        duet_noised_images(&n, images + first * n.dim,
                           count - first < batch ? count - first : batch);
        duet_noised_draw(&n, seed, first);
        for (int64_t r = 0; r < n.rows; r++)
            memcpy(pixels + (first + r) * columns * n.dim, images + (first + r) * n.dim,
                   (size_t)n.dim);
        for (int64_t k = 0; k < t_count; k++) {
            DUET_DO(duet_check_cancelled(ctx));
            DUET_DO(strip_column(&n, first, k, columns, duet_noise_level(noise, t[k]), pixels));
        }
    }
done:
    duet_noised_close(&n);
    return status;
}
