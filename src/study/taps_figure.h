/* SPDX-License-Identifier: MIT
 * study/taps_figure.h: the sheet of what taps see. */
#ifndef DUET_STUDY_TAPS_FIGURE_H
#define DUET_STUDY_TAPS_FIGURE_H

#include <duet/data.h>
#include <duet/model.h>

#include "figure/figure.h"

typedef struct duet_taps_column {
    const duet_tap_row *tap;
    int64_t channel;    /* of the tap, from 0; -1: all of them, as colours */
    int64_t side;       /* of its pictures */
    uint8_t *pixels;    /* [levels, images, side, side, 3] */
    double variance[3]; /* of the components, or of the channel, in percent of the tap's */
    double low, high;   /* all but the outermost hundredths of a channel's values lie between */
} duet_taps_column;

typedef struct duet_taps_sheet {
    const duet_dataset *dataset; /* names of rows and classes */
    duet_split split;
    int64_t images, *index;     /* [images] of the split */
    const uint8_t *pixels;      /* [images, S, S, channels] */
    const duet_preprocess *how; /* S, channels */
    uint8_t *inputs;            /* [levels, images, S, S, channels] with noise; NULL = none */
    const duet_int_list *times;
    duet_taps_column *column; /* [columns]: taps, or channels of one tap */
    int64_t columns;
    const char *model;
} duet_taps_sheet;
DUET_NODISCARD duet_status duet_taps_figure(duet_figure **out, const duet_taps_sheet *sheet);

#endif
