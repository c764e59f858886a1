/* SPDX-License-Identifier: MIT
 * train/task/denoise.h: the parts of the task `denoise`: its options, the terms of its loss
 * (denoise_terms.c), the levels it draws (denoise_draw.c), its inputs (denoise_feed.c). */
#ifndef DUET_TRAIN_TASK_DENOISE_H
#define DUET_TRAIN_TASK_DENOISE_H

#include "base/choice.h"
#include "model/network.h"
#include "train/task/task.h"

typedef struct denoise_options {
    char weight[DUET_TEXT_SIZE];
    bool uncertainty, importance;
    double variance, drop, dispersion, temperature;
    int64_t queue, tap;
} denoise_options;

enum { DENOISE_FEATURES = 64 }; /* of the level, for the learned uncertainty */

typedef struct denoise_prepared {
    duet_choice weight;
    const duet_weight *kind;           /* NULL = all levels alike */
    bool weighted;                     /* rows have weights */
    bool variance;                     /* the network learns variances, and is trained to */
    int64_t tap, width;                /* of the dispersion: the tap and its channels */
    float frequency[DENOISE_FEATURES]; /* of the level's Fourier features */
    double phase[DENOISE_FEATURES];
    int64_t history; /* floats of `kept` in front of the queue */
} denoise_prepared;

static inline const denoise_prepared *denoise_of(const duet_task_setup *setup) {
    return setup->prepared;
}
static inline int64_t denoise_dim(const duet_task_setup *setup) {
    const duet_arch_shape *shape = &setup->model->shape;
    return shape->size * shape->size * shape->in_channels;
}

/* ---- denoise_terms.c: nodes of the loss ---- */

/* A network's pass with its inputs: "x", "net_t", … */
typedef struct denoise_pass {
    duet_model_inputs in;
    duet_value raw;     /* [B,S,S,out_channels] */
    duet_value feature; /* [B,H,W,C] of the tap, where wanted */
} denoise_pass;
DUET_NODISCARD duet_status duet_denoise_forward(duet_graph *g, const duet_task_setup *setup,
                                                denoise_pass *out);
/* Of what a network gives, the channels of an image: without variances. */
duet_value duet_denoise_image(duet_graph *g, const duet_task_setup *setup, duet_value given);
/* x0[B,S,S,C] = by_x x + by_raw raw, of factors [B,C]. */
duet_value duet_denoise_x0(duet_graph *g, duet_value x, duet_value raw, duet_value by_x,
                           duet_value by_raw);
/* weight[B] of the rows times exp(-u), and the mean of u: EDM2's learned uncertainty. */
void duet_denoise_uncertainty(duet_graph *g, const duet_task_setup *setup, duet_value *weight,
                              duet_value *mean);
/* The bound that trains the variances. */
duet_value duet_denoise_variance(duet_graph *g, const duet_task_setup *setup, duet_value raw,
                                 duet_value pred, duet_value target);
/* The dispersion of the features; *rows: what goes into the queue. */
duet_value duet_denoise_dispersion(duet_graph *g, const denoise_options *o,
                                   const duet_task_setup *setup, duet_value feature,
                                   duet_value *rows);

/* ---- denoise_draw.c: levels ---- */

int64_t duet_denoise_history(const denoise_options *o,
                             const duet_noise *noise); /* floats it keeps */
/* The levels of all rows, and 1 over how much likelier each is than by the schedule's own draw.
 * chances: room for one a level, where levels are drawn by importance. */
void duet_denoise_draw(const denoise_options *o, const duet_task_setup *setup, uint64_t seed,
                       int64_t position, duet_level *levels, double *weights, double *chances);
void duet_denoise_remember(const duet_task_setup *setup, const duet_level *levels,
                           const float *row_loss);

/* ---- denoise_feed.c ---- */

/* rows[4] of duet_variance_bound, of the step from t to t - 1. */
void duet_denoise_variances(float rows[4], const duet_noise *noise, int64_t t, double x0_raw);

/* by_x[C], by_raw[C] of duet_denoise_x0, of the x that the network gets at this level. */
void duet_denoise_factors(const duet_task_setup *setup, const duet_predict_map *map,
                          duet_level level, float *by_x, float *by_raw);
/* Quarter of the schedule in which a level lies: its column of the curve. */
int32_t duet_denoise_quarter(const duet_noise *noise, duet_level level);
/* What a network is told of row r beside its noisy image: the enlarged small one, its number. */
void duet_denoise_tell(const duet_task_setup *setup, const duet_batch *batch,
                       const duet_network_inputs *in, int64_t r);
/* The classes of a batch; a share `drop` of them is withheld, which is the network's last class. */
DUET_NODISCARD duet_status duet_denoise_labels(const duet_task_setup *setup,
                                               const duet_batch *batch, double drop, uint64_t seed,
                                               int32_t *y);
/* Floats of scratch: levels[B], weights[B], chances[T], eps[B,dim]. */
int64_t duet_denoise_room(const duet_task_setup *setup);
DUET_NODISCARD duet_status duet_denoise_feed(const void *options, const duet_task_setup *setup,
                                             int program, const duet_task_feed *to);
DUET_NODISCARD duet_status duet_denoise_after(const void *options, const duet_task_setup *setup,
                                              int program, const duet_task_feed *from);

#endif
