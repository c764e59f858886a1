/* SPDX-License-Identifier: MIT
 * study/meters.h: what measurements while training are made of (meters.c). */
#ifndef DUET_STUDY_METERS_H
#define DUET_STUDY_METERS_H

#include <duet/study.h>

#include "data/view.h"

typedef struct duet_meter_images {
    duet_view view;
    int64_t count;
    uint8_t *pixels; /* [count,S,S,C] */
    int32_t *labels; /* [count] */
} duet_meter_images;

struct duet_meters {
    duet_context *ctx;
    const duet_dataset *dataset;
    duet_meters_options options;
    duet_train_options training; /* whose rows they are */
    char run[DUET_PATH_SIZE];
    duet_meter_images fit, val;
    duet_meter_images
        all; /* the training rows, where others are held out and they are not too many */
    bool read, labelled, alarm;
    duet_model *judge, *own; /* own: made here */
    int64_t dim;             /* of the judge's features */
    float *real;             /* [fit.count, dim] */
    float *every, *held;     /* [all.count, dim], [val.count, 2, dim] */
};

/* x[count, dim], owned; image i has number i. */
DUET_NODISCARD duet_status duet_meter_features(duet_meters *m, duet_model *model,
                                               const duet_preprocess *how,
                                               const duet_settings *settings, const uint8_t *pixels,
                                               int64_t count, float **x, int64_t *dim);
/* Draws images: their distance, and the share of copies among them, in percent, where training
 * images are known and others held out. Warns at the first alarm. */
DUET_NODISCARD duet_status duet_meter_distance(duet_meters *m, duet_model *model,
                                               const duet_preprocess *how, double *out,
                                               double *copies);

#endif
