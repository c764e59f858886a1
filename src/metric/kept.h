/* SPDX-License-Identifier: MIT
 * metric/kept.h: rows that metrics keep, and work on pairs of them. What is computed of them is the
 * same in whatever order they came: they are sorted by their numbers, and by their bytes where
 * numbers are equal. Pairs are worked off in tiles of a fixed size, so that nothing depends on the
 * number of threads, and two sets of rows never make a matrix of all pairs. */
#ifndef DUET_METRIC_KEPT_H
#define DUET_METRIC_KEPT_H

#include <duet/base.h>

typedef struct duet_kept {
    int64_t dim, count;
    float **block; /* of 1,024 rows each, so that growing copies nothing */
    int64_t *number;
    int64_t block_room, number_room;
    int64_t *order; /* [count] once sorted; NULL again after adding */
    double *near;   /* [count, near_count] squared distances, in the order of `order` */
    int near_count;
} duet_kept;

/* number NULL: all 0. */
DUET_NODISCARD duet_status duet_kept_add(duet_kept *rows, const float *x, const int64_t *number,
                                         int64_t count);
DUET_NODISCARD duet_status duet_kept_join(duet_kept *rows, const duet_kept *other);
DUET_NODISCARD duet_status duet_kept_sort(duet_kept *rows);
void duet_kept_free(duet_kept *rows);
const float *duet_kept_at(const duet_kept *rows, int64_t index); /* as they came */

/* Rows `order[0..count)` of a set. */
typedef struct duet_row_list {
    const duet_kept *rows;
    const int64_t *order;
    int64_t count;
} duet_row_list;
/* All of a sorted set. */
duet_row_list duet_kept_all(const duet_kept *rows);

typedef struct duet_tile { /* rows row … of list a and column … of list b */
    int64_t row, rows, column, columns;
    const double *value; /* [rows, stride]: products, or squared distances */
    int64_t stride;
} duet_tile;

typedef struct duet_pairs {
    duet_row_list a, b;
    const double *center; /* [D] taken off all rows; NULL = nothing. Keeps distances precise */
    bool distance;        /* else products */
    int threads;
    /* Tiles of the same rows come one after the other, in the order of the columns; others at the
     * same time. */
    void (*take)(const duet_tile *tile, void *user);
    void *user;
} duet_pairs;
DUET_NODISCARD duet_status duet_pairs_run(const duet_pairs *pairs);

/* Sees to it that rows->near holds the k nearest other rows of each row, ascending; infinity where
 * there are fewer. Of sorted rows. */
DUET_NODISCARD duet_status duet_kept_nearest(duet_kept *rows, int k, const double *center,
                                             int threads);
/* Means of the columns; the same in any order of adding. Of sorted rows. */
void duet_kept_mean(const duet_kept *rows, double *mean);

#endif
