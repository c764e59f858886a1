/* SPDX-License-Identifier: MIT
 * optim/average/average.h: averages of weights over training: rules of updates that read no
 * gradient. Averages of weights and statistics follow, those of other states are copies. Several
 * may follow at once, each in slots of a kind of its own; the first is what a model file holds. */
#ifndef DUET_OPTIM_AVERAGE_H
#define DUET_OPTIM_AVERAGE_H

#include "base/choice.h"
#include "engine/graph/update.h"

#define DUET_EMA "ema"           /* the kind of the slots that hold the first average */
enum { DUET_AVERAGES_MOST = 4 }; /* averages of one training */

DUET_FAMILY_OF(average, duet_rule);

typedef struct duet_averages {
    duet_choice list[DUET_AVERAGES_MOST];
    int count;
} duet_averages;
/* Specs joined by '+', "0.999+power:std=0.1"; a number is the decay of `ema`. */
DUET_NODISCARD duet_status duet_averages_parse(duet_averages *out, const char *text);
/* The kind of the slots of average `index`: "ema", "ema.1", … */
const char *duet_average_kind(int index);

/* Of `ema`: the decay at step k = 0, 1, …: min(decay, (1 + k) / (10 + k)). */
double duet_ema_decay(double decay, int64_t step);

/* Of `power` (Karras et al. 2024, "Analyzing and improving the training dynamics of diffusion
 * models", section 3): the average at step T weights step t by about t^gamma. Its length is the
 * standard deviation of these weights divided by T,
 *   std = sqrt((gamma + 1) / ((gamma + 2)^2 (gamma + 3))). */
double duet_power_exponent(double std); /* gamma of a length, 0 < std < 0.288 */
double duet_power_std(double gamma);
/* The decay at step k = 1, 2, …: (1 - 1/k)^(gamma + 1). */
double duet_power_decay(double gamma, int64_t step);
/* gamma of an average; negative where it is no power average. */
double duet_average_exponent(const duet_choice *average);

#endif
