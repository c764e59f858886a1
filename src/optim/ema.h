/* SPDX-License-Identifier: MIT
 * optim/ema.h: averages of weights over training. */
#ifndef DUET_OPTIM_EMA_H
#define DUET_OPTIM_EMA_H

#include "engine/graph/update.h"

#define DUET_EMA "ema" /* the kind of the slots that hold averages */

typedef struct duet_ema_options {
    double decay; /* 0 … 1: the largest */
} duet_ema_options;
/* The rule: averages of weights and statistics follow, those of other states are
 * copies. */
extern const duet_rule duet_rule_ema;

/* The decay at step k = 0, 1, …: min(decay, (1 + k) / (10 + k)). */
double duet_ema_decay(double decay, int64_t step);

#endif
