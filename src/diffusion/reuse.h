/* SPDX-License-Identifier: MIT
 * diffusion/reuse.h: two networks of one model: the whole, which also gives the map of one tap, and
 * what is left of it when that map is an input. */
#ifndef DUET_DIFFUSION_REUSE_H
#define DUET_DIFFUSION_REUSE_H

#include "model/network.h"

typedef struct duet_reuse {
    int64_t every;         /* runs of which the first is whole */
    int64_t count;         /* runs so far */
    int tap;               /* b */
    int64_t values;        /* of a batch's map */
    duet_network *whole;   /* outputs: raw, the map */
    duet_network *shallow; /* output: raw */
    float *deep;           /* [batch,H,W,C] the last whole run's map */
    float *in;             /* where the shallow network reads it */
} duet_reuse;

/* tap 0 = chosen. */
DUET_NODISCARD duet_status duet_reuse_open(duet_context *ctx, duet_reuse *reuse, duet_model *model,
                                           int64_t batch, int64_t every, int64_t tap);
void duet_reuse_close(duet_reuse *reuse);
/* The network whose turn it is; its inputs are to be set. */
duet_network *duet_reuse_next(const duet_reuse *reuse);
DUET_NODISCARD duet_status duet_reuse_run(duet_reuse *reuse);

#endif
