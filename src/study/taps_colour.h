/* SPDX-License-Identifier: MIT
 * study/taps_colour.h: feature maps of a tap as pixels, all channels at once or one by one. */
#ifndef DUET_STUDY_TAPS_COLOUR_H
#define DUET_STUDY_TAPS_COLOUR_H

#include "study/taps_figure.h"

typedef struct duet_taps_maps {
    const duet_tap_row *tap;
    const float *level[DUET_LIST_SIZE]; /* [levels]: [images, side, side, channels] */
    int64_t levels, images, side, channels;
} duet_taps_maps;
/* The first three principal components of the channels as red, green and blue. */
DUET_NODISCARD duet_status duet_taps_colour(duet_taps_column *out, const duet_taps_maps *maps);
/* The columns of a sheet that has its images: `count` channels, or as many as there are, those of
 * the largest variance first, each on its image: orange above its median, blue below. */
DUET_NODISCARD duet_status duet_taps_channels(duet_taps_sheet *sheet, const duet_taps_maps *maps,
                                              int64_t count);

#endif
