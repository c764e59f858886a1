/* SPDX-License-Identifier: MIT
 * optim/optim.h: optimisers: rules of updates (engine/graph/update.h) that change weights by their
 * gradients, with moments beside the weights. */
#ifndef DUET_OPTIM_OPTIM_H
#define DUET_OPTIM_OPTIM_H

#include "engine/graph/update.h"

DUET_FAMILY_OF(optim, duet_rule);

/* Rows of weights that are to keep their length (duet_keep_unit) get root mean square 1, before the
 * averages. */
extern const duet_rule duet_rule_unit;

/* Index of the first of `count` values that is NaN or infinite; -1 where there is none. */
int64_t duet_optim_first_bad(const float *x, int64_t count);

#endif
