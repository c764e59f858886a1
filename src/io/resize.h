/* SPDX-License-Identifier: MIT
 * io/resize.h: Pillow-exact separable resampling of 8-bit images (Pillow's ImagingResample:
 * supports scaled by the reduction, 22-bit fixed-point coefficients, horizontal then vertical
 * pass), and the crop used by guided-diffusion. */
#ifndef DUET_IO_RESIZE_H
#define DUET_IO_RESIZE_H

#include "io/image.h"

typedef enum duet_filter {
    DUET_FILTER_BOX,
    DUET_FILTER_BILINEAR,
    DUET_FILTER_BICUBIC,
    DUET_FILTER_LANCZOS
} duet_filter;

DUET_NODISCARD duet_status duet_image_resize(duet_image *out, const duet_image *in, int64_t width,
                                             int64_t height, duet_filter filter);
/* The same of f32 values [height,width,channels], as Pillow resizes its mode F: weights in double,
 * nothing rounded or cut off. */
DUET_NODISCARD duet_status duet_resize_f32(float *out, const float *in, int64_t height,
                                           int64_t width, int64_t channels, int64_t to_height,
                                           int64_t to_width, duet_filter filter);
/* Copies the window [x, x+width) x [y, y+height); it must lie inside. */
DUET_NODISCARD duet_status duet_image_crop(duet_image *out, const duet_image *in, int64_t x,
                                           int64_t y, int64_t width, int64_t height);
/* guided-diffusion's center_crop_arr: while the short side is >= 2*size, BOX halving (floor
 * division); then BICUBIC so that the short side is `size` (round half to even, as Python's round);
 * then the centre size x size window (floor offsets). */
DUET_NODISCARD duet_status duet_image_center_crop(duet_image *out, const duet_image *in,
                                                  int64_t size);

/* torchvision's evaluation of networks for ImageNet: BILINEAR, or another filter, so that the short
 * side is size / 0.875 (224: 256), the long one rounded down; then the centre size x size window
 * (half offsets to even). */
DUET_NODISCARD duet_status duet_image_imagenet_crop(duet_image *out, const duet_image *in,
                                                    int64_t size, duet_filter filter);
/* Bilinear without antialiasing, as the inputs of networks that score images are prepared: values
 * in f32, not rounded. `out` has height x width x channels values in 0..255. Pixel i of `to` lies
 * at
 *   DUET_BILINEAR_TORCH: (i + 1/2) from/to - 1/2, not below 0 (torch's interpolate,
 *   align_corners=False: pytorch-fid)
 *   DUET_BILINEAR_TF1:
 *   i from/to (TensorFlow 1's resize_bilinear: the graph that the original scores come from,
 * torch-fidelity) */
typedef enum duet_bilinear { DUET_BILINEAR_TORCH, DUET_BILINEAR_TF1 } duet_bilinear;
DUET_NODISCARD duet_status duet_image_bilinear(float *out, const duet_image *in, int64_t width,
                                               int64_t height, duet_bilinear how);

/* Left and right of images [images, size, size, channels] exchanged; out is another place. */
void duet_pixels_mirror(uint8_t *out, const uint8_t *in, int64_t images, int64_t size,
                        int channels);

#endif
