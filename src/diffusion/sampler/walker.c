/* SPDX-License-Identifier: MIT
 * Evaluations and moves of a walk. The state stays in double precision; the network sees it rounded
 * to f32 and only its x0 is used, because computing eps = (x - alpha x0) / sigma loses fewer digits
 * than the reverse. A row is updated by one thread and draws its own noise, so that rows do not
 * depend on each other. */
#include "diffusion/sampler/walker.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "diffusion/sampler/threshold.h"
#include "diffusion/spacing/spacing.h"

static int64_t cells_of(const duet_walk *walk) {
    return walk->state->rows * walk->state->dim;
}

duet_status duet_walk_open(duet_walk *walk, int remembers) {
    const int64_t cells = cells_of(walk);
    walk->remembers = remembers;
    DUET_TRY(duet_alloc(&walk->x, cells, sizeof *walk->x));
    DUET_TRY(duet_alloc(&walk->x0, cells, sizeof *walk->x0));
    for (int i = 0; i < remembers; i++)
        DUET_TRY(duet_alloc(&walk->seen[i], cells, sizeof *walk->seen[i]));
    if (strcmp(walk->options->threshold, "dynamic") != 0) return DUET_OK;
    return duet_alloc(&walk->sorted, cells, sizeof *walk->sorted);
}

void duet_walk_close(duet_walk *walk) {
    for (int i = 0; i < DUET_WALK_SEEN; i++) duet_release(walk->seen[i]);
    duet_release(walk->mark);
    duet_release(walk->x);
    duet_release(walk->x0);
    duet_release(walk->noise);
    duet_release(walk->variance);
    duet_release(walk->sorted);
}

/* ---- evaluations ---- */

/* The oldest prediction makes room. */
static double *make_room(duet_walk *walk) {
    double *const oldest = walk->seen[walk->remembers - 1];
    for (int i = walk->remembers - 1; i > 0; i--) walk->seen[i] = walk->seen[i - 1];
    walk->seen[0] = oldest;
    return oldest;
}

void duet_walk_forget(duet_walk *walk) {
    double *const newest = walk->seen[0];
    for (int i = 1; i < walk->remembers; i++) walk->seen[i - 1] = walk->seen[i];
    walk->seen[walk->remembers - 1] = newest;
}

static void threshold_row(const duet_walk *walk, int64_t row) {
    const duet_walk_options *const o = walk->options;
    const int64_t dim = walk->state->dim;
    float *const x0 = walk->x0 + row * dim;
    if (!walk->state->clip || !o->clip) return;
    if (walk->sorted != NULL)
        duet_threshold_dynamic(x0, dim, o->ratio, o->most, walk->sorted + row * dim);
    else
        duet_threshold_static(x0, dim, 1.0F);
}

static duet_status look_exactly(duet_walk *walk, duet_level level, double *seen) {
    duet_sampler_state *const state = walk->state;
    DUET_TRY(state->denoise_exact(state->user, state->x, level, seen));
    for (int64_t i = 0; i < cells_of(walk); i++) walk->x0[i] = (float)seen[i];
    return DUET_OK;
}

duet_status duet_walk_look(duet_walk *walk, duet_level level) {
    duet_sampler_state *const state = walk->state;
    const int64_t cells = cells_of(walk), dim = state->dim, rows = state->rows;
    double *const seen = make_room(walk);
    if (state->denoise_exact != NULL) return look_exactly(walk, level, seen);
    if (walk->learned && walk->variance == NULL)
        DUET_TRY(duet_alloc(&walk->variance, cells, sizeof *walk->variance));
    for (int64_t i = 0; i < cells; i++) walk->x[i] = (float)state->x[i];
    const duet_denoised out = {.x0 = walk->x0, .variance = walk->variance};
    DUET_TRY(state->denoise(state->user, walk->x, level, &out));
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        threshold_row(walk, r);
        for (int64_t i = r * dim; i < (r + 1) * dim; i++) seen[i] = (double)walk->x0[i];
    }
    return DUET_OK;
}

void duet_walk_slope(duet_walk *walk, duet_level level, double curve) {
    const double by = 1.0 / level.sigma, scale = level.alpha + curve * level.sigma;
    for (int64_t i = 0; i < cells_of(walk); i++)
        walk->seen[0][i] = (walk->state->x[i] - scale * walk->seen[0][i]) * by;
}

duet_status duet_walk_mark(duet_walk *walk) {
    const int64_t cells = cells_of(walk);
    if (walk->mark == NULL) DUET_TRY(duet_alloc(&walk->mark, cells, sizeof *walk->mark));
    memcpy(walk->mark, walk->state->x, (size_t)cells * sizeof *walk->mark);
    return DUET_OK;
}

/* ---- moves ---- */

static void add(double *x, double by, const double *term, int64_t dim) {
    for (int64_t i = 0; by != 0.0 && i < dim; i++) x[i] += by * term[i];
}

static void add_noise(const duet_walk *walk, const duet_walk_move *move, int64_t row, double *x) {
    const int64_t dim = walk->state->dim;
    const float *const noise = walk->noise + row * dim;
    const float *const v = walk->variance != NULL ? walk->variance + row * dim : NULL;
    const double small = move->learned ? log(move->small) : 0.0,
                 large = move->learned ? log(move->large) : 0.0;
    duet_rng_normal(duet_rng_make(walk->state->seed, "step", (uint64_t)walk->state->id[row]),
                    (uint64_t)(walk->k * dim), walk->noise + row * dim, dim);
    for (int64_t i = 0; i < dim; i++) {
        double by = move->noise;
        if (move->learned && v != NULL) {
            const double f = 0.5 * ((double)v[i] + 1.0);
            by *= exp(0.5 * (f * large + (1.0 - f) * small));
        }
        x[i] += by * (double)noise[i];
    }
}

static void move_row(const duet_walk *walk, const duet_walk_move *move, int64_t row) {
    const int64_t dim = walk->state->dim, at = row * dim;
    double *const x = walk->state->x + at;
    const double *const x0 = walk->seen[0] + at;
    const double keep = move->keep, pull = move->seen[0], along = move->along, alpha = move->alpha;
    if (along != 0.0)
        for (int64_t i = 0; i < dim; i++)
            x[i] = keep * x[i] + pull * x0[i] + along * (x[i] - alpha * x0[i]);
    else
        for (int64_t i = 0; i < dim; i++) x[i] = keep * x[i] + pull * x0[i];
    if (walk->mark != NULL) add(x, move->mark, walk->mark + at, dim);
    for (int i = 1; i < walk->remembers; i++) add(x, move->seen[i], walk->seen[i] + at, dim);
    if (move->noise != 0.0) add_noise(walk, move, row, x);
}

duet_status duet_walk_go(duet_walk *walk, const duet_walk_move *move) {
    const int64_t rows = walk->state->rows;
    if (move->noise != 0.0 && walk->noise == NULL)
        DUET_TRY(duet_alloc(&walk->noise, cells_of(walk), sizeof *walk->noise));
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows; r++) move_row(walk, move, r);
    return DUET_OK;
}

/* ---- parts of rules ---- */

double duet_walk_h(const duet_walk *walk, int64_t back) {
    const int64_t k = walk->k - back;
    const double now = duet_level_ratio(walk->level[k]),
                 next = duet_level_ratio(walk->level[k + 1]);
    if (next <= 0.0 || !isfinite(now)) return INFINITY;
    return log(now) - log(next);
}

int64_t duet_walk_before(const duet_walk *walk) {
    int64_t back = 0;
    while (back < walk->k && isfinite(duet_walk_h(walk, back + 1))) back++;
    return back;
}

double duet_walk_place(const duet_walk *walk, duet_level level) {
    return duet_curve_place(walk->curve, level);
}

duet_walk_gap duet_walk_between(duet_level now, duet_level next) {
    const double ratio = now.alpha / next.alpha;
    const double t2 = now.sigma * now.sigma, s2 = next.sigma * next.sigma;
    const double added = t2 - ratio * ratio * s2;
    return (duet_walk_gap){.added = added, .posterior = added * s2 / t2};
}

duet_level duet_walk_down(duet_level now, duet_level next, double eta, double *up) {
    const double s2 = next.sigma * next.sigma,
                 all = eta * eta * duet_walk_between(now, next).posterior, v = all < s2 ? all : s2;
    duet_level down = next;
    down.sigma = sqrt(s2 - v);
    *up = sqrt(v);
    return down;
}

duet_status duet_walk_line(duet_walk *walk, duet_level now, duet_level next, double noise) {
    return duet_walk_go(walk, &(duet_walk_move){.seen = {next.alpha},
                                                .along = next.sigma / now.sigma,
                                                .alpha = now.alpha,
                                                .noise = noise});
}

duet_status duet_walk_churn(duet_walk *walk, duet_level *hat) {
    const duet_churn_options *const o = (const void *)walk->options;
    const duet_level now = duet_walk_now(walk);
    const double ratio = duet_level_ratio(now),
                 gamma = fmin(o->s_churn / (double)walk->steps, sqrt(2.0) - 1.0);
    *hat = now;
    if (!(gamma > 0.0) || ratio < o->s_min || ratio > o->s_max || !isfinite(ratio)) return DUET_OK;
    *hat = duet_noise_find(walk->state->noise, ratio * (1.0 + gamma));
    const double high = duet_level_ratio(*hat), added = high * high - ratio * ratio;
    if (!(added > 0.0) || !isfinite(high)) {
        *hat = now;
        return DUET_OK;
    }
    return duet_walk_go(walk, &(duet_walk_move){.keep = hat->alpha / now.alpha,
                                                .noise = hat->alpha * sqrt(added) * o->s_noise});
}
