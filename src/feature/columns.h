/* SPDX-License-Identifier: MIT
 * feature/columns.h: the columns of a reader of taps, each with a setting: as they are listed, or
 * the grid of t, tap and pool; they are known before a network is built. */
#ifndef DUET_FEATURE_COLUMNS_H
#define DUET_FEATURE_COLUMNS_H

#include <duet/feature.h>

#define DUET_MOST_COLUMNS 4096

typedef struct duet_column {
    duet_setting setting;
    int64_t side, dim; /* of the map: dim = side^2 channels */
} duet_column;

/* Checks the settings against the model. Owned by the caller: duet_release. */
DUET_NODISCARD duet_status duet_columns_new(duet_column **out, int64_t *count,
                                            const duet_model *model,
                                            const duet_reader_options *options);
/* Whether the network gets the same inputs for both: level, draws and views. */
bool duet_same_inputs(const duet_setting *a, const duet_setting *b);

#endif
