/* SPDX-License-Identifier: MIT
 * model/timm.h: config.json of timm beside a network's weights: how its images are prepared. */
#ifndef DUET_MODEL_TIMM_H
#define DUET_MODEL_TIMM_H

#include "model/foreign.h"

/* Takes mean, deviation and side of the images from it ("pretrained_cfg", or the object itself in
 * older files) out of what is assumed. It is not an error if there is nothing. */
DUET_NODISCARD duet_status duet_timm_read(duet_guess *guess, const duet_arch *arch);

#endif
