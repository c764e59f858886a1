/* SPDX-License-Identifier: MIT
 * optim/ema.h: averages of weights over training. */
#ifndef DUET_OPTIM_EMA_H
#define DUET_OPTIM_EMA_H

#include "engine/graph/slots.h"

#define DUET_EMA "ema" /* the kind of the slots that hold averages */

/* The decay at step k = 0, 1, …: min(decay, (1 + k) / (10 + k)). */
double duet_ema_decay(double decay, int64_t step);
/* All slots that are averages: those of weights are averaged; states and constants are copied. */
void duet_ema_update(const duet_slots *slots, double decay, int threads);

#endif
