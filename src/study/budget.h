/* SPDX-License-Identifier: MIT
 * study/budget.h: how much of a sweep or probe fits into the time, from the measured cost of its
 * first rows and heads. Nothing is measured here. */
#ifndef DUET_STUDY_BUDGET_H
#define DUET_STUDY_BUDGET_H

#include <duet/base.h>

/* Seconds per row from two measurements, on few and on more rows: their difference cancels what
 * does not depend on the rows. Where the clock is too coarse for that, the second measurement alone
 * is used. */
double duet_cost_of_row(double few_seconds, int64_t few, double more_seconds, int64_t more);

/* The number of rows for which `fixed` + rows * `row` seconds fit into `seconds`: at least `least`,
 * at most `most`. */
int64_t duet_rows_within(double seconds, double fixed, double row, int64_t least, int64_t most);

enum { DUET_MOST_POOLS = 64 };
typedef struct duet_sweep_cost {
    double pass;    /* seconds of one row at one t through the network */
    double head;    /* seconds of one feature of one row in a head, with all threads at work */
    int64_t passes; /* number of levels, with those of the baselines */
    int pools;
    double features[DUET_MOST_POOLS]; /* features of all heads together, with the first, the first
                                         two, … pools */
} duet_sweep_cost;

/* The largest number of pools that leaves time for `least` rows to fit on, and the number of rows
 * for which there is time then, at most `most`; half as many rows are used for validation. With one
 * pool there are at least `fewest` rows. */
typedef struct duet_sweep_size {
    int pools;
    int64_t rows;
    double seconds; /* estimated duration */
} duet_sweep_size;
duet_sweep_size duet_sweep_within(const duet_sweep_cost *cost, double seconds, int64_t fewest,
                                  int64_t least, int64_t most);

#endif
