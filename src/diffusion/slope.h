/* SPDX-License-Identifier: MIT
 * diffusion/slope.h: the gradient of log p(class | x_t) by a network that recognises noisy images:
 * a classifier of its own, or a linear head on a tap of the model, whose weights may be others at
 * each level. */
#ifndef DUET_DIFFUSION_SLOPE_H
#define DUET_DIFFUSION_SLOPE_H

#include "diffusion/denoiser.h"

typedef struct duet_slope_head {
    int64_t tap, pool, classes; /* logits = W f + b of the tap's map, averaged to pool x pool */
} duet_slope_head;

/* Fuses the graph and adds the gradient of `loss` by its input x: out[0]; out[1]: `also`, a value
 * that is wanted too. For a duet_network_spec that says `differentiated`. */
DUET_NODISCARD duet_status duet_slope_by_x(duet_graph *graph, duet_value loss, duet_value also,
                                           duet_value out[2]);

typedef struct duet_slope duet_slope;
/* head NULL: the model classifies noisy images itself. The model must outlive it. */
DUET_NODISCARD duet_status duet_slope_open(duet_context *ctx, duet_slope **out, duet_model *model,
                                           int64_t batch, const duet_slope_head *head);
void duet_slope_close(duet_slope *slope); /* NULL is accepted */
int64_t duet_slope_classes(const duet_slope *slope);
int64_t duet_slope_dim(const duet_slope *slope); /* of f */
/* W [classes,dim] and b [classes] of the head, from now on. */
void duet_slope_set(duet_slope *slope, const float *weight, const float *bias);
/* *out [rows,S,S,C], until the next run; rows <= batch. */
DUET_NODISCARD duet_status duet_slope_run(duet_slope *slope, const float *x, duet_level level,
                                          const int32_t *labels, int64_t rows, const float **out);
/* Sum of log p(class | x_t) over the rows of the last run. */
double duet_slope_sum(const duet_slope *slope);

#endif
