/* SPDX-License-Identifier: MIT
 * study/budget.h: how much of a sweep or a probe fits into the time, from what its first rows and
 * heads have cost. Nothing here measures. */
#ifndef DUET_STUDY_BUDGET_H
#define DUET_STUDY_BUDGET_H

#include <duet/base.h>

/* Seconds of one row, from two measurements on few and on more rows: what does not depend on the
 * rows falls out. Where the clock was too coarse for that, all of the second counts. */
double duet_cost_of_row(double few_seconds, int64_t few, double more_seconds, int64_t more);

/* Rows that cost `fixed` + rows * `row` seconds in all: at least `least`, at most `most`. */
int64_t duet_rows_within(double seconds, double fixed, double row, int64_t least, int64_t most);

enum { DUET_MOST_POOLS = 64 };
typedef struct duet_sweep_cost {
    double pass;    /* seconds of one row at one t through the network */
    double head;    /* seconds of one feature of one row in a head, with all threads at work */
    int64_t passes; /* t's, those of the baselines among them */
    int pools;
    double features[DUET_MOST_POOLS]; /* of all heads, with the first, the first two, … pools */
} duet_sweep_cost;

/* As many pools as leave `least` rows to fit on, and all rows that fit into the time then, at most
 * `most`; half as many again validate. With one pool there are no fewer than `fewest` rows. */
typedef struct duet_sweep_size {
    int pools;
    int64_t rows;
    double seconds; /* that it will take */
} duet_sweep_size;
duet_sweep_size duet_sweep_within(const duet_sweep_cost *cost, double seconds, int64_t fewest,
                                  int64_t least, int64_t most);

#endif
