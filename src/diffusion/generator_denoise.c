/* SPDX-License-Identifier: MIT
 * diffusion/generator_denoise.c: images by a sampler over a denoiser. Image i starts from the noise
 * (seed, i), scaled to the highest level, and draws its step noise from (seed, i, step): nothing
 * depends on how images are batched. */
#include "base/choice.h"
#include "base/error.h"
#include "base/mem.h"
#include "diffusion/generator.h"
#include "diffusion/sampler/sampler.h"

typedef struct walk {
    duet_choice sampler;
    duet_denoiser *denoiser;
    double *x;     /* [batch, dim] */
    double spread; /* scale of the first noise: more than 1 for variance-exploding schedules */
    /* of the pass that is running */
    duet_generator *generator;
    const duet_generator_rows *rows;
} walk;

static duet_status open(duet_generator *generator, const char *spec) {
    walk *w = NULL;
    DUET_TRY(duet_alloc(&w, 1, sizeof *w));
    generator->state = w;
    w->generator = generator;
    DUET_TRY(duet_choice_parse(&w->sampler, &duet_family_sampler, spec));
    DUET_TRY(duet_denoiser_new(generator->ctx, &w->denoiser, generator->model, generator->batch));
    DUET_TRY(duet_denoiser_reuse(w->denoiser, generator->reuse, generator->reuse_tap));
    const duet_noise *noise = duet_denoiser_noise(w->denoiser);
    const double highest = duet_noise_level(noise, noise->steps - 1).sigma;
    w->spread = highest > 1.0 ? highest : 1.0;
    return duet_alloc(&w->x, generator->batch * generator->dim, sizeof *w->x);
}

static void close(duet_generator *generator) {
    walk *w = generator->state;
    if (w == NULL) return;
    duet_denoiser_free(w->denoiser);
    duet_release(w->x);
    duet_release(w);
}

static duet_status denoise(void *user, const float *x, duet_level level, const duet_denoised *out) {
    const walk *w = user;
    return duet_denoiser_run(w->denoiser, x, level, w->rows->labels, w->rows->rows, out);
}

static duet_status after_step(void *user, int64_t done, int64_t total, const double *x,
                              const float *x0) {
    const walk *w = user;
    const duet_generator *const g = w->generator;
    const duet_generator_step seen = {.done = done,
                                      .total = total,
                                      .rows = w->rows->rows,
                                      .index = w->rows->id,
                                      .x = x,
                                      .x0 = x0};
    if (g->watch != NULL) DUET_TRY(g->watch(&seen, g->watcher));
    return duet_generator_passed(w->generator, w->rows->rows, (double)done / (double)total);
}

static duet_status run(duet_generator *generator, const duet_generator_rows *rows) {
    walk *w = generator->state;
    const int64_t dim = generator->dim, cells = rows->rows * dim;
    for (int64_t r = 0; r < rows->rows; r++)
        duet_image_noise(rows->x + r * dim, rows->seed, rows->id[r], dim);
    for (int64_t i = 0; i < cells; i++) w->x[i] = w->spread * (double)rows->x[i];
    w->rows = rows;
    duet_denoiser_begin(w->denoiser);
    duet_sampler_state state = {.user = w,
                                .denoise = denoise,
                                .learns_variance = duet_denoiser_learns_variance(w->denoiser),
                                .noise = duet_denoiser_noise(w->denoiser),
                                .rows = rows->rows,
                                .dim = dim,
                                .x = w->x,
                                .seed = rows->seed,
                                .id = rows->id,
                                .clip = true,
                                .step = after_step};
    DUET_TRY(duet_sampler_run(duet_sampler_of(w->sampler.entry), &w->sampler.options, &state));
    for (int64_t i = 0; i < cells; i++) rows->x[i] = (float)w->x[i];
    return DUET_OK;
}

const duet_generator_kind duet_generator_denoise = {.open = open, .run = run, .close = close};
