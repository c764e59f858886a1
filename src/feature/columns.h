/* SPDX-License-Identifier: MIT
 * feature/columns.h: the columns of a reader, in the order of t, tap and pool; they are known
 * before a network is built. */
#ifndef DUET_FEATURE_COLUMNS_H
#define DUET_FEATURE_COLUMNS_H

#include <duet/feature.h>

#define DUET_MOST_COLUMNS 4096

typedef struct duet_column {
    int64_t t;
    int tap, pool;
    int64_t dim;
} duet_column;

/* The levels of the options: `times`, or only t. */
duet_int_list duet_reader_times(const duet_reader_options *options);
/* Checks t, taps and pools against the model. Owned by the caller: duet_release. */
DUET_NODISCARD duet_status duet_columns_new(duet_column **out, int64_t *count,
                                            const duet_model *model,
                                            const duet_reader_options *options);

#endif
