/* SPDX-License-Identifier: MIT
 * study/why_figure.h: images beside what their predictions look at. */
#ifndef DUET_STUDY_WHY_FIGURE_H
#define DUET_STUDY_WHY_FIGURE_H

#include <duet/preprocess.h>

#include "figure/figure.h"

typedef struct duet_why_image {
    uint8_t *pixels; /* [S,S,C] */
    double *fall;    /* [S,S] of the probability */
    int label;
    double chance; /* its probability, of the whole image */
    char name[128];
} duet_why_image;
DUET_NODISCARD duet_status duet_why_figure(duet_figure **out, const duet_why_image *image,
                                           int64_t count, const duet_preprocess *how);

#endif
