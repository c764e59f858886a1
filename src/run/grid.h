/* SPDX-License-Identifier: MIT
 * run/grid.h: lays images of equal size out on one sheet. Layer 2, so it knows plain pixels
 * only. */
#ifndef DUET_RUN_GRID_H
#define DUET_RUN_GRID_H

#include "io/image.h"

/* pixels: count images, each height x width x channels (HWC, u8), one after the other. `gap` pixels
 * of white between and around; each pixel becomes scale x scale (nearest). The last row may be
 * short (white); a sheet of fewer images than columns is only as wide as they are. */
DUET_NODISCARD duet_status duet_grid(duet_image *out, const uint8_t *pixels, int64_t count,
                                     int64_t height, int64_t width, int channels, int64_t columns,
                                     int64_t gap, int64_t scale);

#endif
