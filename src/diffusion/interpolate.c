/* SPDX-License-Identifier: MIT
 * diffusion/interpolate.c: from one picture to another (duet/edit.h). A step back from level n to
 * the noisier level t solves what ddim does from t to n,
 *   x_n = alpha_n x0 + sigma_n eps,   x0 and eps of the network at (x_t, t),
 * for x_t, by fixed-point iteration: x_t <- alpha_t / alpha_n (x_n - sigma_n eps) + sigma_t eps. */
#include <math.h>
#include <string.h>

#include <duet/edit.h>

#include "base/choice.h"
#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "diffusion/guide.h"
#include "diffusion/sampler/sampler.h"
#include "diffusion/sampler/threshold.h"

enum { ENDS = 2 };

typedef struct passage {
    duet_context *ctx;
    duet_denoiser *denoiser;
    duet_level *level; /* [steps + 1], from the noisiest on */
    int64_t steps, dim, cells, frames;
    double *low, *high; /* [2,dim] states of the level before, and of the one that is looked for */
    float *x, *x0;      /* [2,dim] */
    float *latents;     /* [2,dim] */
    int32_t labels[ENDS];
} passage;

static duet_status open_passage(passage *p, duet_model *model, const char *spec) {
    duet_choice sampler;
    const duet_arch_shape *const shape = &model->shape;
    p->dim = shape->size * shape->size * shape->in_channels;
    p->cells = ENDS * p->dim;
    DUET_TRY(duet_choice_parse(&sampler, &duet_family_sampler, spec));
    DUET_TRY(duet_denoiser_new(p->ctx, &p->denoiser, model, ENDS));
    DUET_TRY(duet_sampler_levels(duet_sampler_of(sampler.entry), &sampler.options,
                                 duet_denoiser_noise(p->denoiser), &p->level, &p->steps));
    DUET_TRY(duet_alloc(&p->low, p->cells, sizeof *p->low));
    DUET_TRY(duet_alloc(&p->high, p->cells, sizeof *p->high));
    DUET_TRY(duet_alloc(&p->x, p->cells, sizeof *p->x));
    DUET_TRY(duet_alloc(&p->x0, p->cells, sizeof *p->x0));
    return duet_alloc(&p->latents, p->cells, sizeof *p->latents);
}

static void release(passage *p) {
    duet_denoiser_free(p->denoiser);
    duet_release(p->level);
    duet_release(p->low);
    duet_release(p->high);
    duet_release(p->x);
    duet_release(p->x0);
    duet_release(p->latents);
}

/* p->low at level k + 1 -> p->high at level k. */
static duet_status step_back(passage *p, int64_t k, int64_t refine) {
    const duet_level to = p->level[k], now = p->level[k + 1];
    const double ratio = to.alpha / now.alpha;
    for (int64_t i = 0; i < p->cells; i++) p->high[i] = ratio * p->low[i];
    for (int64_t round = 0; round < refine; round++) {
        for (int64_t i = 0; i < p->cells; i++) p->x[i] = (float)p->high[i];
        duet_denoiser_begin(p->denoiser);
        DUET_TRY(duet_denoiser_run(p->denoiser, p->x, to, p->labels, ENDS,
                                   &(duet_denoised){.x0 = p->x0}));
        duet_threshold_static(p->x0, p->cells, 1.0F); /* as ddim does */
        for (int64_t i = 0; i < p->cells; i++) {
            const double eps = (p->high[i] - to.alpha * (double)p->x0[i]) / to.sigma;
            p->high[i] = ratio * (p->low[i] - now.sigma * eps) + to.sigma * eps;
        }
    }
    return duet_check_cancelled(p->ctx);
}

static duet_status lead_back(passage *p, const uint8_t *between, int64_t refine) {
    duet_pixels_to_float(p->x, between, p->cells);
    for (int64_t i = 0; i < p->cells; i++) p->low[i] = (double)p->x[i];
    for (int64_t k = p->steps - 1; k >= 0; k--) {
        DUET_TRY(step_back(p, k, refine));
        memcpy(p->low, p->high, (size_t)p->cells * sizeof *p->low);
        duet_progress_report(p->ctx, "back to noise", "steps", (double)(p->steps - k),
                             (double)p->steps, NULL);
    }
    const double spread = p->level[0].sigma > 1.0 ? p->level[0].sigma : 1.0;
    for (int64_t i = 0; i < p->cells; i++) p->latents[i] = (float)(p->low[i] / spread);
    return DUET_OK;
}

/* Frame f of the great circle between the two latents (Shoemake 1985). */
static void between_latents(const passage *p, int64_t frame, float *out) {
    const float *const a = p->latents, *const b = p->latents + p->dim;
    const double part = (double)frame / (double)(p->frames - 1);
    double aa = 0, bb = 0, ab = 0;
    for (int64_t i = 0; i < p->dim; i++) {
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
        ab += (double)a[i] * (double)b[i];
    }
    const double angle = acos(fmax(-1.0, fmin(1.0, ab / sqrt(aa * bb)))), sine = sin(angle),
                 from = sine > 1e-6 ? sin((1.0 - part) * angle) / sine : 1.0 - part,
                 to = sine > 1e-6 ? sin(part * angle) / sine : part;
    for (int64_t i = 0; i < p->dim; i++) out[i] = (float)(from * (double)a[i] + to * (double)b[i]);
}

static duet_status begin(void *state, const duet_generator_rows *rows) {
    const passage *p = state;
    for (int64_t r = 0; r < rows->rows; r++) between_latents(p, rows->id[r], rows->x + r * p->dim);
    return DUET_OK;
}

static duet_status draw(passage *p, duet_model *model, const char *spec, uint8_t *pixels) {
    duet_generator_options how = {.batch = 0};
    const duet_guide guide = {.state = p, .strength = 1.0, .begin = begin};
    duet_generator *generator = NULL;
    int32_t *labels = NULL;
    duet_status status = DUET_OK;
    memcpy(how.sampler, spec, strlen(spec) + 1);
    DUET_DO(duet_alloc(&labels, p->frames, sizeof *labels));
    for (int64_t i = 0; i < p->frames; i++) labels[i] = p->labels[0];
    DUET_DO(duet_generator_open(p->ctx, &generator, model, &how));
    DUET_DO(duet_generator_follow(generator, &guide));
    DUET_DO(duet_generator_run(generator, 0, p->frames, 0, labels, pixels));
done:
    duet_generator_close(generator);
    duet_release(labels);
    return status;
}

duet_status duet_interpolate(duet_context *ctx, duet_model *model, const uint8_t *between,
                             const duet_interpolate_options *options, uint8_t *pixels) {
    char spec[DUET_TEXT_SIZE];
    duet_status status = DUET_OK;
    passage p = {.ctx = ctx, .frames = options->frames};
    if (options->frames < ENDS || options->steps < 1 || options->refine < 1)
        return duet_fail(DUET_ARG, "an interpolation has 2 frames or more, and 1 step or more that "
                                   "is refined once or more");
    for (int i = 0; i < ENDS; i++) p.labels[i] = options->label > 0 ? (int32_t)options->label : 0;
    duet_format(spec, sizeof spec, "ddim:steps=%lld", (long long)options->steps);
    DUET_DO(open_passage(&p, model, spec));
    DUET_DO(lead_back(&p, between, options->refine));
    DUET_DO(draw(&p, model, spec, pixels));
done:
    release(&p);
    return status;
}
