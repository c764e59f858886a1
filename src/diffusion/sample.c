/* SPDX-License-Identifier: MIT
 * Images from a model, and strips that show what it removes from noisy images. Sample i starts from
 * the noise (seed, i) and draws its step noise from (seed, i, step): nothing depends on how samples
 * are batched. */
#include <duet/sample.h>

#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "diffusion/denoiser.h"

#define OPTIONS_SIZE  1024
#define DEFAULT_BATCH 32
#define STRIP_BATCH   16

typedef struct sampling {
    duet_context *ctx;
    duet_denoiser *denoiser;
    int64_t rows, ready, count; /* images of this batch; images finished; images wanted */
    const int32_t *labels;
} sampling;

static duet_status denoise(void *user, const float *x, duet_level level, float *x0, float *eps) {
    sampling *s = user;
    return duet_denoiser_run(s->denoiser, x, level, s->labels, s->rows, x0, eps);
}

static duet_status after_step(void *user, int64_t done, int64_t total, const double *x,
                              const float *x0) {
    const sampling *s = user;
    (void)x;
    (void)x0;
    const double part = (double)s->rows * (double)done / (double)total;
    duet_progress_report(s->ctx, "sampling", "images", (double)s->ready + part, (double)s->count,
                         NULL);
    return duet_check_cancelled(s->ctx);
}

typedef struct sample_buffers {
    double *x;       /* [batch, dim] */
    float *narrow;   /* [batch, dim] */
    uint8_t *pixels; /* [batch, dim] */
    int64_t *id;     /* [batch] */
    int32_t *labels;
} sample_buffers;

static duet_status buffers_new(sample_buffers *b, int64_t batch, int64_t dim) {
    DUET_TRY(duet_alloc(&b->x, batch * dim, sizeof *b->x));
    DUET_TRY(duet_alloc(&b->narrow, batch * dim, sizeof *b->narrow));
    DUET_TRY(duet_alloc(&b->pixels, batch * dim, sizeof *b->pixels));
    DUET_TRY(duet_alloc(&b->id, batch, sizeof *b->id));
    return duet_alloc(&b->labels, batch, sizeof *b->labels);
}

static void buffers_free(sample_buffers *b) {
    duet_release(b->x);
    duet_release(b->narrow);
    duet_release(b->pixels);
    duet_release(b->id);
    duet_release(b->labels);
}

/* Numbers, labels and initial noise of samples first to first + rows - 1; `spread`, the scale of
 * the noise, is more than 1 for variance-exploding schedules. */
static void start_rows(sample_buffers *b, const duet_sample_options *options, int64_t classes,
                       int64_t first, int64_t rows, int64_t dim, double spread) {
    for (int64_t r = 0; r < rows; r++) {
        const int64_t id = first + r;
        b->id[r] = id;
        b->labels[r] = options->label >= 0 ? (int32_t)options->label
                       : classes > 0       ? (int32_t)(id % classes)
                                           : 0;
        duet_image_noise(b->narrow + r * dim, options->seed, id, dim);
        for (int64_t i = 0; i < dim; i++)
            b->x[r * dim + i] = spread * (double)b->narrow[r * dim + i];
    }
}

static duet_status check_options(const duet_model *model, const duet_sample_options *options) {
    if (options->count < 1)
        return duet_fail(DUET_ARG, "%lld samples were requested; at least 1 is needed",
                         (long long)options->count);
    if (options->first < 0 || options->batch < 0) {
        return duet_fail(DUET_ARG,
                         "the first sample (%lld) and the batch (%lld) cannot be negative",
                         (long long)options->first, (long long)options->batch);
    }
    const int64_t classes = model->shape.class_count;
    if (classes > 0 && options->label >= classes) {
        return duet_fail(DUET_ARG, "label %lld is outside of the model's %lld classes",
                         (long long)options->label, (long long)classes);
    }
    return DUET_OK;
}

duet_status duet_sample_each(duet_context *ctx, duet_model *model,
                             const duet_sample_options *options, duet_sample_take take,
                             void *user) {
    duet_status status = DUET_OK;
    union {
        max_align_t align;
        uint8_t bytes[OPTIONS_SIZE];
    } choice = {0};
    const duet_entry *entry = NULL;
    sample_buffers b = {0};
    sampling s = {.ctx = ctx, .count = options->count};
    const int64_t dim = model->shape.size * model->shape.size * model->shape.in_channels;
    const char *spec = options->sampler[0] != '\0' ? options->sampler : DUET_DEFAULT_SAMPLER;
    DUET_DO(check_options(model, options));
    DUET_DO(duet_family_parse(&duet_family_sampler, &entry, &choice, sizeof choice, spec));
    const int64_t wanted = options->batch > 0 ? options->batch : DEFAULT_BATCH;
    const int64_t batch = wanted < options->count ? wanted : options->count;
    DUET_DO(duet_denoiser_new(ctx, &s.denoiser, model, batch));
    DUET_DO(buffers_new(&b, batch, dim));
    s.labels = b.labels;
    const duet_noise *noise = duet_denoiser_noise(s.denoiser);
    const double highest = duet_noise_level(noise, noise->steps - 1).sigma,
                 spread = highest > 1.0 ? highest : 1.0;
    for (; s.ready < s.count; s.ready += s.rows) {
        s.rows = s.count - s.ready < batch ? s.count - s.ready : batch;
        start_rows(&b, options, model->shape.class_count, options->first + s.ready, s.rows, dim,
                   spread);
        duet_sampler_state state = {.user = &s,
                                    .denoise = denoise,
                                    .noise = noise,
                                    .rows = s.rows,
                                    .dim = dim,
                                    .x = b.x,
                                    .seed = options->seed,
                                    .id = b.id,
                                    .clip = true,
                                    .step = after_step};
        DUET_DO(((const duet_sampler *)(const void *)entry)->run(&choice, &state));
        for (int64_t i = 0; i < s.rows * dim; i++) b.narrow[i] = (float)b.x[i];
        duet_float_to_pixels(b.pixels, b.narrow, s.rows * dim);
        DUET_DO(take(b.pixels, s.ready, s.rows, user));
    }
done:
    duet_denoiser_free(s.denoiser);
    buffers_free(&b);
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

typedef struct strip {
    duet_denoiser *denoiser;
    int64_t dim, t_count, first, rows;   /* number of rows of this chunk, from image `first` on */
    float *clean, *noise, *noisy, *back; /* [batch, dim] */
    int32_t *labels;                     /* zeros: class 0 for conditional models */
} strip;

/* Fills the columns x_t and predicted x0 of one t. */
static duet_status strip_column(const strip *s, int64_t column, duet_level level, uint8_t *pixels) {
    const int64_t dim = s->dim;
    duet_level plain = level;
    plain.in_scale = 1.0;
    duet_add_noise(s->noisy, s->clean, s->noise, plain, s->rows * dim);
    DUET_TRY(duet_denoiser_run(s->denoiser, s->noisy, level, s->labels, s->rows, s->back, NULL));
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
