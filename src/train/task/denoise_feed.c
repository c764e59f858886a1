/* SPDX-License-Identifier: MIT
 * train/task/denoise_feed.c: a batch becomes the inputs of the loss. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "model/low_res.h"
#include "train/task/denoise.h"

/* What a row needs beside the network's inputs; NULL where the plan does not read it. */
typedef struct inputs {
    float *target, *weight, *level, *clean, *variances, *self_x, *self_raw;
    int32_t *self_y;
    float *eps;         /* [B,dim] */
    duet_level *levels; /* [B] */
    double *weights;    /* [B] */
    double *chances;    /* [T] */
} inputs;

enum { LEVEL_FLOATS = (int)(sizeof(duet_level) / sizeof(float)) };

/* Levels whose chances are worked out at each step. */
static int64_t chances_of(const duet_task_setup *setup) {
    return denoise_of(setup)->history > 0 ? setup->noise->steps : 0;
}

/* levels[B], weights[B], chances[T], eps[B,dim]: the doubles first. */
int64_t duet_denoise_room(const duet_task_setup *setup) {
    return setup->batch * (denoise_dim(setup) + LEVEL_FLOATS + 2) + 2 * chances_of(setup);
}

static inputs inputs_of(const duet_task_setup *setup, const duet_task_feed *to) {
    duet_session *const s = to->session;
    void *const scratch = to->scratch;
    duet_level *const levels = scratch;
    double *const weights = (double *)(void *)(levels + setup->batch), *const chances =
                                                                           weights + setup->batch;
    return (inputs){.target = duet_session_input(s, "target"),
                    .weight = duet_session_input(s, "weight"),
                    .level = duet_session_input(s, "level"),
                    .clean = duet_session_input(s, "clean"),
                    .variances = duet_session_input(s, "variances"),
                    .self_x = duet_session_input(s, "self_x"),
                    .self_raw = duet_session_input(s, "self_raw"),
                    .self_y = duet_session_input(s, "self_y"),
                    .levels = levels,
                    .weights = weights,
                    .chances = chances,
                    .eps = (float *)(void *)(chances + chances_of(setup))};
}

int32_t duet_denoise_quarter(const duet_noise *noise, duet_level level) {
    return level.t > 0.0 ? (int32_t)(4 * (int64_t)level.t / noise->steps) : 0;
}

/* Fixed Fourier features of ln(sigma/alpha)/4: sqrt(2) cos(2 pi (f x + phase)), f ~ N(0,1). */
static void fourier(float *out, const denoise_prepared *p, duet_level level) {
    const double ratio = fmin(duet_level_ratio(level), 1e6), x = log(ratio) / 4.0;
    for (int i = 0; i < DENOISE_FEATURES; i++)
        out[i] = (float)(1.41421356237309504880 *
                         cos(6.28318530717958647693 * ((double)p->frequency[i] * x + p->phase[i])));
}

void duet_denoise_variances(float rows[4], const duet_noise *noise, int64_t t, double x0_raw) {
    const duet_level now = duet_noise_level(noise, t), next = duet_noise_level(noise, t - 1);
    const duet_level_gap gap = duet_level_between(now, next);
    /* the last step's is that of the step before, as the authors clip it */
    const double posterior =
        t > 0 ? gap.posterior : duet_level_between(duet_noise_level(noise, 1), now).posterior;
    rows[0] = (float)log(posterior);
    rows[1] = (float)log(gap.added);
    rows[2] = (float)(next.alpha * gap.added / (now.sigma * now.sigma) * x0_raw);
    rows[3] = t == 0 ? 1.0f : 0.0f;
}

void duet_denoise_factors(const duet_task_setup *setup, const duet_predict_map *map,
                          duet_level level, float *by_x, float *by_raw) {
    for (int64_t c = 0; c < setup->model->shape.in_channels; c++) {
        by_x[c] = (float)(map->x0_x / level.in_scale);
        by_raw[c] = (float)map->x0_raw;
    }
}

void duet_denoise_tell(const duet_task_setup *setup, const duet_batch *batch,
                       const duet_network_inputs *in, int64_t r) {
    const duet_arch_shape *const shape = &setup->model->shape;
    const int64_t dim = denoise_dim(setup);
    if (in->low_res != NULL)
        duet_low_res(in->low_res + r * dim, batch->pixels + r * dim, shape->size,
                     shape->in_channels, shape->low_res);
    if (in->sample_id != NULL) in->sample_id[r] = (int32_t)((batch->position + r) & 0x7FFFFFFF);
}

static void feed_row(const denoise_prepared *p, const duet_task_setup *setup, const inputs *at,
                     const duet_network_inputs *in, int64_t r) {
    const int64_t dim = denoise_dim(setup), C = setup->model->shape.in_channels;
    const duet_level level = at->levels[r];
    const duet_predict_map map = setup->predict->map(setup->predict_options, level);
    float *x = in->x + r * dim, *eps = at->eps + r * dim;
    duet_predict_target(&map, x, eps, dim, at->target + r * dim);
    if (at->weight != NULL)
        at->weight[r] =
            (float)(at->weights[r] * duet_weight_raw(p->kind, &p->weight.options, &map, level));
    if (at->level != NULL) fourier(at->level + r * DENOISE_FEATURES, p, level);
    if (at->clean != NULL) memcpy(at->clean + r * dim, x, (size_t)dim * sizeof(float));
    if (at->variances != NULL)
        duet_denoise_variances(at->variances + r * 4, setup->noise, (int64_t)level.t, map.x0_raw);
    if (at->self_x != NULL)
        duet_denoise_factors(setup, &map, level, at->self_x + r * C, at->self_raw + r * C);
    duet_add_noise(x, x, eps, level, dim);
    if (in->net_t != NULL) in->net_t[r] = (float)level.net_t;
}

duet_status duet_denoise_labels(const duet_task_setup *setup, const duet_batch *batch, double drop,
                                uint64_t seed, int32_t *y) {
    const int64_t classes = setup->model->shape.class_count - (drop > 0.0 ? 1 : 0);
    for (int64_t r = 0; r < setup->batch; r++) {
        if (batch->labels[r] < 0 || batch->labels[r] >= classes) {
            return duet_fail(
                DUET_ARG,
                "the model is conditioned on %lld classes but row %lld of the data has label %d",
                (long long)classes, (long long)batch->index[r], (int)batch->labels[r]);
        }
        const duet_rng rng = duet_rng_make(seed, "drop", (uint64_t)(batch->position + r));
        y[r] = drop > 0.0 && duet_rng_uniform(rng, 0) < drop ? (int32_t)classes : batch->labels[r];
    }
    return DUET_OK;
}

duet_status duet_denoise_feed(const void *options, const duet_task_setup *setup, int program,
                              const duet_task_feed *to) {
    (void)program;
    const denoise_options *o = options;
    const denoise_prepared *p = denoise_of(setup);
    const duet_batch *batch = to->batch;
    const int64_t dim = denoise_dim(setup), rows = setup->batch;
    const uint64_t seed = duet_rng_u64(duet_rng_make(setup->seed, "train", 0), 0);
    const duet_network_inputs in = duet_network_inputs_of(to->session);
    const inputs at = inputs_of(setup, to);
    float *const queue = duet_session_input(to->session, "queue");
    if (in.x == NULL || at.target == NULL)
        return duet_fail(DUET_FORMAT, "the plan of the loss does not read its images");
    duet_denoise_draw(o, setup, seed, batch->position, at.levels, at.weights, at.chances);
    if (queue != NULL)
        memcpy(queue, setup->kept + p->history, (size_t)(o->queue * p->width) * sizeof(float));
#pragma omp parallel for schedule(static) num_threads(setup->threads)
    for (int64_t r = 0; r < rows; r++) {
        const uint64_t position = (uint64_t)(batch->position + r);
        to->column[r] = duet_denoise_quarter(setup->noise, at.levels[r]);
        duet_pixels_to_float(in.x + r * dim, batch->pixels + r * dim, dim);
        duet_image_noise(at.eps + r * dim, seed, (int64_t)position, dim);
        feed_row(p, setup, &at, &in, r);
        duet_denoise_tell(setup, batch, &in, r);
    }
    if (in.y == NULL) return DUET_OK;
    DUET_TRY(duet_denoise_labels(setup, batch, o->drop, seed, in.y));
    if (at.self_y != NULL) memcpy(at.self_y, in.y, (size_t)(rows / 2) * sizeof *at.self_y);
    return DUET_OK;
}

/* The queue: the oldest features go out at the front. */
static duet_status push_features(const denoise_options *o, const duet_task_setup *setup,
                                 const duet_task_feed *from) {
    const denoise_prepared *p = denoise_of(setup);
    const int64_t rows = setup->batch < o->queue ? setup->batch : o->queue, rest = o->queue - rows;
    float *queue = setup->kept + p->history;
    memmove(queue, queue + rows * p->width, (size_t)(rest * p->width) * sizeof(float));
    return duet_session_get(from->session, from->extra, rows, queue + rest * p->width);
}

duet_status duet_denoise_after(const void *options, const duet_task_setup *setup, int program,
                               const duet_task_feed *from) {
    (void)program;
    const denoise_options *o = options;
    if (o->importance) duet_denoise_remember(setup, inputs_of(setup, from).levels, from->row_loss);
    if (o->dispersion > 0.0 && o->queue > 0) return push_features(o, setup, from);
    return DUET_OK;
}
