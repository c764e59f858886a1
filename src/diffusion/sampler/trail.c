/* SPDX-License-Identifier: MIT
 * Evaluations and moves of a trail. The state stays in double precision; the network sees it
 * rounded to f32 and only its x0 is used, because computing eps = (x - alpha x0) / sigma loses
 * fewer digits than the reverse. A row is updated by one thread and draws its own noise, so that
 * rows do not depend on each other. */
#include "diffusion/sampler/trail.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "diffusion/sampler/threshold.h"
#include "diffusion/spacing/spacing.h"

static int64_t cells_of(const duet_trail *trail) {
    return trail->state->rows * trail->state->dim;
}

duet_status duet_trail_open(duet_trail *trail, int remembers) {
    const int64_t cells = cells_of(trail);
    trail->remembers = remembers;
    DUET_TRY(duet_alloc(&trail->x, cells, sizeof *trail->x));
    DUET_TRY(duet_alloc(&trail->x0, cells, sizeof *trail->x0));
    for (int i = 0; i < remembers; i++)
        DUET_TRY(duet_alloc(&trail->seen[i], cells, sizeof *trail->seen[i]));
    if (strcmp(trail->options->threshold, "dynamic") != 0) return DUET_OK;
    return duet_alloc(&trail->sorted, cells, sizeof *trail->sorted);
}

void duet_trail_close(duet_trail *trail) {
    for (int i = 0; i < DUET_TRAIL_SEEN; i++) duet_release(trail->seen[i]);
    duet_release(trail->mark);
    duet_release(trail->x);
    duet_release(trail->x0);
    duet_release(trail->noise);
    duet_release(trail->variance);
    duet_release(trail->sorted);
}

/* ---- evaluations ---- */

/* The oldest prediction makes room. */
static double *make_room(duet_trail *trail) {
    double *const oldest = trail->seen[trail->remembers - 1];
    for (int i = trail->remembers - 1; i > 0; i--) trail->seen[i] = trail->seen[i - 1];
    trail->seen[0] = oldest;
    return oldest;
}

void duet_trail_forget(duet_trail *trail) {
    double *const newest = trail->seen[0];
    for (int i = 1; i < trail->remembers; i++) trail->seen[i - 1] = trail->seen[i];
    trail->seen[trail->remembers - 1] = newest;
}

static void threshold_row(const duet_trail *trail, int64_t row) {
    const duet_trail_options *const o = trail->options;
    const int64_t dim = trail->state->dim;
    float *const x0 = trail->x0 + row * dim;
    if (!trail->state->clip || !o->clip) return;
    if (trail->sorted != NULL)
        duet_threshold_dynamic(x0, dim, o->ratio, o->most, trail->sorted + row * dim);
    else
        duet_threshold_static(x0, dim, 1.0F);
}

static duet_status look_exactly(duet_trail *trail, duet_level level, double *seen) {
    duet_sampler_state *const state = trail->state;
    DUET_TRY(state->denoise_exact(state->user, state->x, level, seen));
    for (int64_t i = 0; i < cells_of(trail); i++) trail->x0[i] = (float)seen[i];
    return DUET_OK;
}

duet_status duet_trail_look(duet_trail *trail, duet_level level) {
    duet_sampler_state *const state = trail->state;
    const int64_t cells = cells_of(trail), rows = state->rows;
    double *const seen = make_room(trail);
    if (state->denoise_exact != NULL) return look_exactly(trail, level, seen);
    if (trail->learned && trail->variance == NULL)
        DUET_TRY(duet_alloc(&trail->variance, cells, sizeof *trail->variance));
    for (int64_t i = 0; i < cells; i++) trail->x[i] = (float)state->x[i];
    const duet_denoised out = {.x0 = trail->x0, .variance = trail->variance};
    DUET_TRY(state->denoise(state->user, trail->x, level, &out));
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows; r++) threshold_row(trail, r);
    if (state->steer != NULL) DUET_TRY(state->steer(state->user, trail->x, level, trail->x0));
    for (int64_t i = 0; i < cells; i++) seen[i] = (double)trail->x0[i];
    return DUET_OK;
}

void duet_trail_slope(duet_trail *trail, duet_level level, double curve) {
    const double by = 1.0 / level.sigma, scale = level.alpha + curve * level.sigma;
    for (int64_t i = 0; i < cells_of(trail); i++)
        trail->seen[0][i] = (trail->state->x[i] - scale * trail->seen[0][i]) * by;
}

duet_status duet_trail_mark(duet_trail *trail) {
    const int64_t cells = cells_of(trail);
    if (trail->mark == NULL) DUET_TRY(duet_alloc(&trail->mark, cells, sizeof *trail->mark));
    memcpy(trail->mark, trail->state->x, (size_t)cells * sizeof *trail->mark);
    return DUET_OK;
}

/* ---- moves ---- */

static void add(double *x, double by, const double *term, int64_t dim) {
    for (int64_t i = 0; by != 0.0 && i < dim; i++) x[i] += by * term[i];
}

static void add_noise(const duet_trail *trail, const duet_trail_move *move, int64_t row,
                      double *x) {
    const int64_t dim = trail->state->dim;
    const float *const noise = trail->noise + row * dim;
    const float *const v = trail->variance != NULL ? trail->variance + row * dim : NULL;
    const double small = move->learned ? log(move->small) : 0.0,
                 large = move->learned ? log(move->large) : 0.0;
    duet_rng_normal(duet_rng_make(trail->state->seed, "step", (uint64_t)trail->state->id[row]),
                    (uint64_t)(trail->draw * dim), trail->noise + row * dim, dim);
    for (int64_t i = 0; i < dim; i++) {
        double by = move->noise;
        if (move->learned && v != NULL) {
            const double f = 0.5 * ((double)v[i] + 1.0);
            by *= exp(0.5 * (f * large + (1.0 - f) * small));
        }
        x[i] += by * (double)noise[i];
    }
}

static void move_row(const duet_trail *trail, const duet_trail_move *move, int64_t row) {
    const int64_t dim = trail->state->dim, at = row * dim;
    double *const x = trail->state->x + at;
    const double *const x0 = trail->seen[0] + at;
    const double keep = move->keep, pull = move->seen[0], along = move->along, alpha = move->alpha;
    if (along != 0.0)
        for (int64_t i = 0; i < dim; i++)
            x[i] = keep * x[i] + pull * x0[i] + along * (x[i] - alpha * x0[i]);
    else
        for (int64_t i = 0; i < dim; i++) x[i] = keep * x[i] + pull * x0[i];
    if (trail->mark != NULL) add(x, move->mark, trail->mark + at, dim);
    for (int i = 1; i < trail->remembers; i++) add(x, move->seen[i], trail->seen[i] + at, dim);
    if (move->noise != 0.0) add_noise(trail, move, row, x);
}

duet_status duet_trail_go(duet_trail *trail, const duet_trail_move *move) {
    const int64_t rows = trail->state->rows;
    if (move->noise != 0.0 && trail->noise == NULL)
        DUET_TRY(duet_alloc(&trail->noise, cells_of(trail), sizeof *trail->noise));
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows; r++) move_row(trail, move, r);
    return DUET_OK;
}

/* ---- parts of rules ---- */

double duet_trail_h(const duet_trail *trail, int64_t back) {
    const int64_t k = trail->k - back;
    const double now = duet_level_ratio(trail->level[k]),
                 next = duet_level_ratio(trail->level[k + 1]);
    if (next <= 0.0 || !isfinite(now)) return INFINITY;
    return log(now) - log(next);
}

int64_t duet_trail_before(const duet_trail *trail) {
    int64_t back = 0;
    while (back < trail->k - trail->from && isfinite(duet_trail_h(trail, back + 1))) back++;
    return back;
}

double duet_trail_place(const duet_trail *trail, duet_level level) {
    return duet_curve_place(trail->curve, level);
}

duet_ancestral_step duet_trail_ancestral(const duet_trail *trail, const duet_ancestral_options *o) {
    duet_ancestral_step step = {.now = duet_trail_now(trail), .down = duet_trail_next(trail)};
    const double s2 = step.down.sigma * step.down.sigma,
                 all = o->eta * o->eta * duet_level_between(step.now, step.down).posterior,
                 v = all < s2 ? all : s2;
    step.down.sigma = sqrt(s2 - v);
    step.noise = sqrt(v) * o->s_noise;
    return step;
}

duet_status duet_trail_line(duet_trail *trail, duet_level now, duet_level next, double noise) {
    return duet_trail_go(trail, &(duet_trail_move){.seen = {next.alpha},
                                                   .along = next.sigma / now.sigma,
                                                   .alpha = now.alpha,
                                                   .noise = noise});
}

duet_status duet_trail_churn(duet_trail *trail, duet_level *hat) {
    const duet_churn_options *const o = (const void *)trail->options;
    const duet_level now = duet_trail_now(trail);
    const double ratio = duet_level_ratio(now),
                 gamma = fmin(o->s_churn / (double)trail->steps, sqrt(2.0) - 1.0);
    *hat = now;
    if (!(gamma > 0.0) || ratio < o->s_min || ratio > o->s_max || !isfinite(ratio)) return DUET_OK;
    *hat = duet_noise_find(trail->state->noise, ratio * (1.0 + gamma));
    const double high = duet_level_ratio(*hat), added = high * high - ratio * ratio;
    if (!(added > 0.0) || !isfinite(high)) {
        *hat = now;
        return DUET_OK;
    }
    return duet_trail_go(trail, &(duet_trail_move){.keep = hat->alpha / now.alpha,
                                                   .noise = hat->alpha * sqrt(added) * o->s_noise});
}
