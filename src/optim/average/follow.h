/* SPDX-License-Identifier: MIT
 * optim/average/follow.h: what all averages do. */
#ifndef DUET_OPTIM_FOLLOW_H
#define DUET_OPTIM_FOLLOW_H

#include "engine/graph/update.h"

/* e = e + coefficients[0] (w - e) for what is averaged; other states are copied. */
void duet_average_follow(const duet_update_call *call);

#endif
