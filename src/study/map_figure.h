/* SPDX-License-Identifier: MIT
 * study/map_figure.h: the picture of a map: points with the images at them. */
#ifndef DUET_STUDY_MAP_FIGURE_H
#define DUET_STUDY_MAP_FIGURE_H

#include <duet/data.h>

#include "figure/figure.h"

typedef struct duet_map_points {
    const duet_dataset *dataset;
    duet_split split;
    const duet_preprocess *how; /* of the images */
    const double *point;        /* [rows, 2] */
    const int64_t *index;       /* [rows] of the split */
    const int32_t *labels;      /* [rows], -1 = none */
    int64_t rows;
    const char *title, *line, *note;
} duet_map_points;
DUET_NODISCARD duet_status duet_map_figure(duet_figure **out, const duet_map_points *points);

#endif
