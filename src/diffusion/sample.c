/* SPDX-License-Identifier: MIT
 * Images from a model: a source over a generator, and its images at once; and strips that show what
 * a model removes from noisy images. */
#include <duet/sample.h>

#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/source.h"
#include "diffusion/denoiser.h"
#include "diffusion/generator.h"
#include "model/low_res.h"

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

typedef struct strip {
    duet_denoiser *denoiser;
    int64_t dim, t_count, first, rows;   /* number of rows of this chunk, from image `first` on */
    float *clean, *noise, *noisy, *back; /* [batch, dim] */
    int32_t *labels;                     /* zeros: class 0 for conditional models */
} strip;

/* Networks that enlarge images get the small ones of the images that are shown. */
static void strip_low_res(const strip *s, const duet_model *model, const uint8_t *images) {
    const duet_arch_shape *const shape = &model->shape;
    float *const low = duet_denoiser_low_res(s->denoiser);
    for (int64_t r = 0; low != NULL && r < s->rows; r++)
        duet_low_res(low + r * s->dim, images + (s->first + r) * s->dim, shape->size,
                     shape->in_channels, shape->low_res);
}

/* Fills the columns x_t and predicted x0 of one t. */
static duet_status strip_column(const strip *s, int64_t column, duet_level level, uint8_t *pixels) {
    const int64_t dim = s->dim;
    duet_level plain = level;
    plain.in_scale = 1.0;
    duet_add_noise(s->noisy, s->clean, s->noise, plain, s->rows * dim);
    duet_denoiser_begin(s->denoiser);
    DUET_TRY(duet_denoiser_run(s->denoiser, s->noisy, level, s->labels, s->rows,
                               &(duet_denoised){.x0 = s->back}));
    for (int64_t r = 0; r < s->rows; r++) {
        uint8_t *row = pixels + (s->first + r) * (1 + 2 * s->t_count) * dim;
        duet_float_to_pixels(row + (1 + 2 * column) * dim, s->noisy + r * dim, dim);
        duet_float_to_pixels(row + (2 + 2 * column) * dim, s->back + r * dim, dim);
    }
    return DUET_OK;
}

static duet_status strip_new(duet_context *ctx, strip *s, duet_model *model, int64_t batch) {
    DUET_TRY(duet_denoiser_new(ctx, &s->denoiser, model, batch));
    DUET_TRY(duet_alloc(&s->clean, batch * s->dim, sizeof(float)));
    DUET_TRY(duet_alloc(&s->noise, batch * s->dim, sizeof(float)));
    DUET_TRY(duet_alloc(&s->noisy, batch * s->dim, sizeof(float)));
    DUET_TRY(duet_alloc(&s->back, batch * s->dim, sizeof(float)));
    return duet_alloc(&s->labels, batch, sizeof(int32_t));
}

duet_status duet_denoise_strip(duet_context *ctx, duet_model *model, const uint8_t *images,
                               int64_t count, const int64_t *t, int64_t t_count, uint64_t seed,
                               uint8_t *pixels) {
    duet_status status = DUET_OK;
    strip s = {.dim = model->shape.size * model->shape.size * model->shape.in_channels,
               .t_count = t_count};
    const int64_t batch = count < STRIP_BATCH ? count : STRIP_BATCH;
    DUET_DO(strip_new(ctx, &s, model, batch));
    const duet_noise *noise = duet_denoiser_noise(s.denoiser);
    for (int64_t k = 0; k < t_count; k++) {
        if (t[k] < -1 || t[k] >= noise->steps) {
            DUET_FAIL(DUET_ARG, "level t %lld does not exist; the model's levels are 0 to %lld",
                      (long long)t[k], (long long)noise->steps - 1);
        }
    }
    for (s.first = 0; s.first < count; s.first += s.rows) {
        s.rows = count - s.first < batch ? count - s.first : batch;
        duet_pixels_to_float(s.clean, images + s.first * s.dim, s.rows * s.dim);
        strip_low_res(&s, model, images);
        for (int64_t r = 0; r < s.rows; r++) {
            duet_image_noise(s.noise + r * s.dim, seed, s.first + r, s.dim);
            memcpy(pixels + (s.first + r) * (1 + 2 * t_count) * s.dim,
                   images + (s.first + r) * s.dim, (size_t)s.dim);
        }
        for (int64_t k = 0; k < t_count; k++) {
            DUET_DO(duet_check_cancelled(ctx));
            DUET_DO(strip_column(&s, k, duet_noise_level(noise, t[k]), pixels));
        }
    }
done:
    duet_denoiser_free(s.denoiser);
    duet_release(s.clean);
    duet_release(s.noise);
    duet_release(s.noisy);
    duet_release(s.back);
    duet_release(s.labels);
    return status;
}
