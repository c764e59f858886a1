/* SPDX-License-Identifier: MIT
 * The family `sampler` and the loop its members share. The state stays in double precision; the
 * network sees it rounded to f32 and only its x0 is used, because computing eps = (x - alpha x0) /
 * sigma loses fewer digits than the reverse. A row is updated by one thread and draws its own
 * noise, so that rows do not depend on each other. */
#include "diffusion/sampler/sampler.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "diffusion/sampler/sampler.def"

DUET_FAMILY(sampler, DUET_SAMPLERS, "ways from noise to an image");

typedef struct buffers { /* each [rows, dim] */
    float *x, *x0, *noise;
    int64_t *t; /* [levels] descending */
} buffers;

static void narrow(float *out, const double *in, int64_t count) {
    for (int64_t i = 0; i < count; i++) out[i] = (float)in[i];
}

static void clamp(float *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) x[i] = x[i] < -1.0F ? -1.0F : x[i] > 1.0F ? 1.0F : x[i];
}

static duet_sampler_move move_between(const duet_noise *noise, int64_t now, int64_t next) {
    duet_sampler_move move = {.now = duet_noise_level(noise, now),
                              .next = duet_noise_level(noise, next)};
    const double ratio = move.now.alpha / move.next.alpha;
    const double t2 = move.now.sigma * move.now.sigma, s2 = move.next.sigma * move.next.sigma;
    move.added = t2 - ratio * ratio * s2;
    move.posterior = move.added * s2 / t2;
    return move;
}

static duet_status one_step(duet_sampler_state *state, const buffers *b,
                            const duet_sampler_move *move, int64_t k, bool clip, bool noisy,
                            duet_sampler_rule rule, const void *options) {
    const int64_t dim = state->dim, rows = state->rows;
    narrow(b->x, state->x, rows * dim);
    DUET_TRY(state->denoise(state->user, b->x, move->now, &(duet_denoised){.x0 = b->x0}));
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        float *noise = noisy ? b->noise + r * dim : NULL;
        if (clip) clamp(b->x0 + r * dim, dim);
        if (noisy) {
            const duet_rng rng = duet_rng_make(state->seed, "step", (uint64_t)state->id[r]);
            duet_rng_normal(rng, (uint64_t)(k * dim), noise, dim);
        }
        rule(options, move, state->x + r * dim, b->x0 + r * dim, noise, dim);
    }
    return DUET_OK;
}

duet_status duet_sampler_walk(duet_sampler_state *state, int64_t count, int64_t levels, bool clip,
                              bool noisy, duet_sampler_rule rule, const void *options) {
    duet_status status = DUET_OK;
    const int64_t cells = state->rows * state->dim;
    buffers b = {0};
    DUET_DO(duet_alloc(&b.t, levels, sizeof *b.t));
    DUET_DO(duet_respace(b.t, state->noise->steps, levels));
    DUET_DO(duet_alloc(&b.x, cells, sizeof *b.x));
    DUET_DO(duet_alloc(&b.x0, cells, sizeof *b.x0));
    if (noisy) DUET_DO(duet_alloc(&b.noise, cells, sizeof *b.noise));
    for (int64_t k = 0; k < count; k++) {
        const bool last = k == count - 1;
        const duet_sampler_move move = move_between(state->noise, b.t[k], last ? -1 : b.t[k + 1]);
        DUET_DO(one_step(state, &b, &move, k, state->clip && clip, noisy && !last, rule, options));
        if (state->step != NULL) DUET_DO(state->step(state->user, k + 1, count, state->x, b.x0));
    }
done:
    duet_release(b.t);
    duet_release(b.x);
    duet_release(b.x0);
    duet_release(b.noise);
    return status;
}

duet_status duet_sampler_loop(duet_sampler_state *state, int64_t steps, bool clip, bool noisy,
                              duet_sampler_rule rule, const void *options) {
    const int64_t count = steps > 0 ? steps : state->noise->steps;
    return duet_sampler_walk(state, count, count, clip, noisy, rule, options);
}
