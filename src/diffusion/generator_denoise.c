/* SPDX-License-Identifier: MIT
 * diffusion/generator_denoise.c: images by a sampler over a denoiser. Image i starts from the noise
 * (seed, i), scaled to the highest level, and draws its step noise from (seed, i, step): nothing
 * depends on how images are batched. */
#include "base/choice.h"
#include "base/error.h"
#include "base/mem.h"
#include "diffusion/guide.h"
#include "diffusion/guiding.h"
#include "diffusion/sampler/sampler.h"

typedef struct walk {
    duet_choice sampler;
    duet_denoiser *denoiser;
    duet_guiding *guiding; /* NULL = none */
    double *x;             /* [batch, dim] */
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
    if (duet_guidance_given(&generator->guidance))
        DUET_TRY(duet_guiding_open(generator->ctx, &w->guiding, generator->model, generator->batch,
                                   &generator->guidance));
    generator->classes = w->guiding != NULL ? duet_guiding_classes(w->guiding) : 0;
    const duet_noise *noise = duet_denoiser_noise(w->denoiser);
    const double highest = duet_noise_level(noise, noise->steps - 1).sigma;
    w->spread = highest > 1.0 ? highest : 1.0;
    return duet_alloc(&w->x, generator->batch * generator->dim, sizeof *w->x);
}

static void close(duet_generator *generator) {
    walk *w = generator->state;
    if (w == NULL) return;
    duet_denoiser_free(w->denoiser);
    duet_guiding_close(w->guiding);
    duet_release(w->x);
    duet_release(w);
}

static duet_status denoise(void *user, const float *x, duet_level level, const duet_denoised *out) {
    const walk *w = user;
    const int64_t rows = w->rows->rows;
    DUET_TRY(duet_denoiser_run(w->denoiser, x, level, w->rows->labels, rows, out));
    return w->guiding != NULL ? duet_guiding_mix(w->guiding, x, level, rows, out->x0) : DUET_OK;
}

/* By classes first, so that what is known of an image has the last word. */
static duet_status steer(void *user, const float *x, duet_level level, float *x0) {
    const walk *w = user;
    const duet_guide *const guide = w->generator->guide;
    const duet_guide_point point = {
        .rows = w->rows, .dim = w->generator->dim, .level = level, .x = x, .x0 = x0};
    if (w->guiding != NULL)
        DUET_TRY(duet_guiding_steer(w->guiding, x, level, w->rows->labels, w->rows->rows, x0));
    return guide != NULL && guide->steer != NULL ? guide->steer(guide->state, &point) : DUET_OK;
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

/* Noise at the highest level. */
static duet_status begin(walk *w, const duet_generator_rows *rows) {
    const duet_generator *const g = w->generator;
    const duet_guide *const guide = g->guide;
    if (guide != NULL && guide->begin != NULL)
        DUET_TRY(guide->begin(guide->state, rows));
    else
        for (int64_t r = 0; r < rows->rows; r++)
            duet_image_noise(rows->x + r * g->dim, rows->seed, rows->id[r], g->dim);
    for (int64_t i = 0; i < rows->rows * g->dim; i++) w->x[i] = w->spread * (double)rows->x[i];
    return DUET_OK;
}

/* The images of the guide with the noise of the level at which its part of the steps begins. */
static duet_status begin_later(walk *w, const duet_generator_rows *rows, int64_t *first) {
    const duet_generator *const g = w->generator;
    duet_level *levels = NULL;
    int64_t steps;
    DUET_TRY(duet_sampler_levels(duet_sampler_of(w->sampler.entry), &w->sampler.options,
                                 duet_denoiser_noise(w->denoiser), &levels, &steps));
    const int64_t walked = (int64_t)(g->guide->strength * (double)steps + 0.5);
    *first = steps - (walked < 1 ? 1 : walked > steps ? steps : walked);
    const duet_level level = levels[*first];
    duet_release(levels);
    DUET_TRY(g->guide->begin(g->guide->state, rows));
    for (int64_t r = 0; r < rows->rows; r++) {
        float *const image = rows->x + r * g->dim;
        double *const x = w->x + r * g->dim;
        for (int64_t i = 0; i < g->dim; i++) x[i] = level.alpha * (double)image[i];
        duet_image_noise(image, rows->seed, rows->id[r], g->dim);
        for (int64_t i = 0; i < g->dim; i++) x[i] += level.sigma * (double)image[i];
    }
    return DUET_OK;
}

static duet_status set_low_res(walk *w, const duet_generator_rows *rows) {
    const duet_generator *const g = w->generator;
    float *const low = duet_denoiser_low_res(w->denoiser);
    if (low == NULL) return DUET_OK;
    if (g->guide == NULL || g->guide->enlarge == NULL)
        return duet_fail(DUET_UNSUPPORTED,
                         "the model enlarges small images and draws none from nothing; "
                         "'duet edit MODEL small.png' gives it one");
    g->guide->enlarge(g->guide->state, rows, low);
    return DUET_OK;
}

static duet_status run(duet_generator *generator, const duet_generator_rows *rows) {
    walk *w = generator->state;
    const duet_guide *const guide = generator->guide;
    const int64_t dim = generator->dim, cells = rows->rows * dim;
    const bool later = guide != NULL && guide->begin != NULL && guide->strength < 1.0;
    int64_t first = 0;
    DUET_TRY(later ? begin_later(w, rows, &first) : begin(w, rows));
    w->rows = rows;
    DUET_TRY(set_low_res(w, rows));
    duet_denoiser_begin(w->denoiser);
    if (w->guiding != NULL) duet_guiding_begin(w->guiding);
    duet_sampler_state state = {.user = w,
                                .denoise = denoise,
                                .steer = steer,
                                .learns_variance = duet_denoiser_learns_variance(w->denoiser),
                                .noise = duet_denoiser_noise(w->denoiser),
                                .rows = rows->rows,
                                .dim = dim,
                                .x = w->x,
                                .seed = rows->seed,
                                .id = rows->id,
                                .clip = true,
                                .first = first,
                                .jump = guide != NULL ? guide->jump : 0,
                                .again = guide != NULL ? guide->again : 0,
                                .step = after_step};
    DUET_TRY(duet_sampler_run(duet_sampler_of(w->sampler.entry), &w->sampler.options, &state));
    for (int64_t i = 0; i < cells; i++) rows->x[i] = (float)w->x[i];
    return guide != NULL && guide->finish != NULL ? guide->finish(guide->state, rows) : DUET_OK;
}

const duet_generator_kind duet_generator_denoise = {.open = open, .run = run, .close = close};
