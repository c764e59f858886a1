/* SPDX-License-Identifier: MIT
 * model/low_res.h: the second input of networks for super-resolution. */
#ifndef DUET_MODEL_LOW_RES_H
#define DUET_MODEL_LOW_RES_H

#include <stdint.h>

/* out[size,size,channels] in [-1,1]: the pixels averaged to `small` x `small` and enlarged again,
 * bilinearly between the centres of pixels, as guided-diffusion prepares its training images and
 * PyTorch's interpolate enlarges them. `small` divides `size`. */
void duet_low_res(float *out, const uint8_t *pixels, int64_t size, int64_t channels, int64_t small);
/* The second half of it, of an image [small,small,channels] that is small already. */
void duet_low_res_enlarge(float *out, const float *image, int64_t size, int64_t channels,
                          int64_t small);

#endif
