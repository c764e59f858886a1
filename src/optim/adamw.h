/* SPDX-License-Identifier: MIT
 * optim/adamw.h: the arithmetic of AdamW, also for optimisers that leave some weights to it. */
#ifndef DUET_OPTIM_ADAMW_H
#define DUET_OPTIM_ADAMW_H

#include "engine/graph/update.h"

typedef struct duet_adamw_options {
    double rate, beta1, beta2, eps, weight_decay;
} duet_adamw_options;

enum { DUET_ADAMW_COEFFICIENTS = 8 };

/* c[DUET_ADAMW_COEFFICIENTS]: of step 1, 2, …; factor: of the learning-rate rule. */
void duet_adamw_prepare(const duet_adamw_options *options, double factor, int64_t step, float *c);
/* Changes a tile, with the two moments beside it. */
void duet_adamw_tile(const duet_update_tile *tile, const float *c, const float *grad, float scale);

#endif
