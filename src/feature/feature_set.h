/* SPDX-License-Identifier: MIT
 * feature/feature_set.h: the internals of a set of columns, which features.c opens and reads and
 * fill.c computes. */
#ifndef DUET_FEATURE_FEATURE_SET_H
#define DUET_FEATURE_FEATURE_SET_H

#include "feature/columns.h"
#include "feature/shelf.h"

struct duet_feature_set {
    duet_context *ctx;
    duet_reader *reader;
    duet_reader_info info; /* of the reader */
    uint64_t noise_seed;
    const duet_dataset *dataset;
    duet_split split;
    duet_features_options options;
    duet_column *columns; /* [count] */
    duet_shelf *shelves;  /* [count] */
    int64_t count;
    int *level; /* [count]: columns with the same inputs of the network have the same number */
    int levels;
    /* number of places on a shelf: the rows of the split, or of the view where nothing is cached */
    int64_t rows;
    int64_t *place; /* [rows of the split], -1 = none; NULL: the row's number */
    duet_features_work work;
};

/* The number of a row's noise: rows of different splits get different noise. */
static inline int64_t duet_row_noise(duet_split split, int64_t index) {
    return (int64_t)split << 40 | index;
}
/* The place of row `row` of the split; -1 where it has none. */
int64_t duet_feature_set_place(const duet_feature_set *set, int64_t row);
/* Computes the rows of the view that are missing. */
DUET_NODISCARD duet_status duet_feature_set_fill(duet_feature_set *set, const duet_view *view);

#endif
