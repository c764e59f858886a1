/* SPDX-License-Identifier: MIT
 * diffusion/sampler/threshold.h: bounds of predicted images. */
#ifndef DUET_DIFFUSION_SAMPLER_THRESHOLD_H
#define DUET_DIFFUSION_SAMPLER_THRESHOLD_H

#include <duet/base.h>

/* x is clipped to [-most, most]. */
void duet_threshold_static(float *x, int64_t count, float most);
/* Dynamic thresholding (Saharia et al. 2022, section 2.3): with s = max(1, quantile of |x|), at
 * most `most` where that is not 0, x is clipped to [-s, s] and divided by s. The quantile lies
 * linearly between neighbours in order. scratch[count]. */
void duet_threshold_dynamic(float *x, int64_t count, double ratio, double most, float *scratch);

#endif
