/* SPDX-License-Identifier: MIT
 * study/meter_file.h: RUN/meters.csv: a line for each measurement of a training. */
#ifndef DUET_STUDY_METER_FILE_H
#define DUET_STUDY_METER_FILE_H

#include <duet/train.h>

/* Columns, after images, steps and seconds. NaN = not measured. */
enum {
    DUET_METER_OWN,
    DUET_METER_PROBE,
    DUET_METER_JUDGE,
    DUET_METER_RANDOM,
    DUET_METER_COPIES, /* percent of the drawn images */
    DUET_METER_GAP,
    DUET_METER_VALUES
};

/* Adds the line of a moment; those of as many images and more are of an earlier try and go. */
DUET_NODISCARD duet_status duet_meter_line(const char *run, const duet_train_moment *moment,
                                           const double value[DUET_METER_VALUES]);

#endif
