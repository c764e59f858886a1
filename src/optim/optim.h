/* SPDX-License-Identifier: MIT
 * optim/optim.h: an optimiser changes the weights by their gradients. It works on tiles:
 * short stretches of one tensor, fixed by the shapes alone, so that sums over them do not depend on
 * the number of threads. */
#ifndef DUET_OPTIM_OPTIM_H
#define DUET_OPTIM_OPTIM_H

#include <duet/registry.h>

#define DUET_OPTIM_MOMENTS 2     /* most moment blocks */
#define DUET_OPTIM_TILE    16384 /* most elements of a tile */

typedef struct duet_optim_tile {
    int64_t slot;                               /* index of the parameter */
    float *weight, *moment[DUET_OPTIM_MOMENTS]; /* [count] each; moments are zero at first */
    int64_t grad;                               /* offset in floats into the gradient block */
    int64_t count;
    bool decay; /* weight decay applies: tensors of rank >= 2 */
} duet_optim_tile;

typedef struct duet_optim_call {
    const float *grad; /* gradient block */
    const duet_optim_tile *tiles;
    int64_t tile_count;
    double factor;     /* of the learning-rate rule */
    double grad_scale; /* factor of gradient clipping; 1 = none */
    int64_t step;      /* 1, 2, … */
    int threads;
} duet_optim_call;

typedef struct duet_optim {
    duet_entry info;
    int moments;
    const char *moment_name[DUET_OPTIM_MOMENTS]; /* in state files */
    double (*rate)(const void *options);
    void (*step)(const void *options, const duet_optim_call *call);
} duet_optim;
DUET_FAMILY_OF(optim, duet_optim);

/* Euclidean norm of all gradients: a sum in double per tile, then over the tiles in order.
 * sums[tile_count] is scratch. */
double duet_optim_norm(const float *grad, const duet_optim_tile *tiles, int64_t count, double *sums,
                       int threads);
/* Index of the first of `count` values that is NaN or infinite; -1 where there is none. */
int64_t duet_optim_first_bad(const float *x, int64_t count);

#endif
