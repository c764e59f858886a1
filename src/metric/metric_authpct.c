/* SPDX-License-Identifier: MIT
 * metric/metric_authpct.c: are rows copies of training rows? A row is authentic where its nearest
 * training row has a neighbour in the training set that is nearer than the row (Alaa et al. 2022);
 * the ratio of the two distances is below 1 for what looks like a copy. The real rows must be those
 * that the model was trained on. The table lists the rows of the smallest ratios. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "metric/metric.h"

typedef struct authpct_options {
    int64_t rows;
} authpct_options;

static const duet_param params[] = {
    DUET_INT(authpct_options, rows, "20", 0, 1000000000, "rows in the table of the nearest copies"),
};

static const duet_metric_scalar scalars[] = {
    {"authpct", "authentic", "%", 1},
    {"authpct_se", "standard error of that share", "%", -1},
    {"copy_ratio", "median ratio to a training row's own neighbour", "", 1},
    {"copy_ratio_least", "smallest ratio", "", 1},
};

static duet_status open(duet_metric *metric) {
    metric->keeps = DUET_METRIC_FEATURES | DUET_METRIC_REAL;
    return DUET_OK;
}

typedef struct nearest {
    double square, ratio; /* squared distance of the nearest real row */
    int64_t row, real;    /* places in the order of the rows */
} nearest;

static void take(const duet_tile *t, void *user) {
    nearest *found = user;
    for (int64_t i = 0; i < t->rows; i++) {
        nearest *best = &found[t->row + i];
        for (int64_t j = 0; j < t->columns; j++) {
            if (!(t->value[i * t->stride + j] < best->square)) continue;
            best->square = t->value[i * t->stride + j];
            best->real = t->column + j;
        }
    }
}

static int ascending(const void *a, const void *b) {
    const nearest *x = a, *y = b;
    if (x->ratio != y->ratio) return x->ratio < y->ratio ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* 0 / 0, a copy of one of two equal rows, is a copy. */
static double ratio_of(double square, double own) {
    return square == 0 ? 0.0 : sqrt(square / own);
}

static duet_status search(nearest *found, duet_kept *drawn, duet_kept *real, const double *center,
                          int threads) {
    const duet_pairs pairs = {.a = duet_kept_all(drawn),
                              .b = duet_kept_all(real),
                              .center = center,
                              .distance = true,
                              .threads = threads,
                              .take = take,
                              .user = found};
    for (int64_t i = 0; i < drawn->count; i++)
        found[i] = (nearest){.square = (double)INFINITY, .row = i};
    DUET_TRY(duet_kept_nearest(real, 1, center, threads));
    DUET_TRY(duet_pairs_run(&pairs));
    for (int64_t i = 0; i < drawn->count; i++)
        found[i].ratio = ratio_of(found[i].square, real->near[found[i].real * real->near_count]);
    return DUET_OK;
}

static duet_status make_table(duet_metric_table *out, duet_arena *arena, const nearest *found,
                              int64_t rows, const duet_kept *drawn, const duet_kept *real) {
    static const char *const columns[] = {"image", "training image", "distance", "ratio"};
    double *cells = duet_arena_alloc(arena, rows * DUET_COUNT(columns), sizeof *cells);
    DUET_TRY(duet_arena_status(arena));
    for (int64_t i = 0; i < rows; i++) {
        double *cell = cells + i * DUET_COUNT(columns);
        cell[0] = (double)drawn->number[drawn->order[found[i].row]];
        cell[1] = (double)real->number[real->order[found[i].real]];
        cell[2] = sqrt(found[i].square);
        cell[3] = found[i].ratio;
    }
    *out = (duet_metric_table){.name = "copies",
                               .rows = rows,
                               .columns = DUET_COUNT(columns),
                               .column_names = columns,
                               .cells = cells};
    return DUET_OK;
}

static void judge(double *values, const nearest *found, int64_t n) {
    int64_t authentic = 0;
    for (int64_t i = 0; i < n; i++) authentic += found[i].ratio > 1.0;
    const double share = (double)authentic / (double)n;
    values[0] = 100.0 * share;
    values[1] = 100.0 * sqrt(share * (1.0 - share) / (double)n);
    values[2] = 0.5 * (found[(n - 1) / 2].ratio + found[n / 2].ratio);
    values[3] = found[0].ratio;
}

static duet_status finish(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count) {
    const authpct_options *o = (const authpct_options *)(const void *)&metric->choice.options;
    duet_kept *drawn = &metric->kept->features, *real = &metric->kept->real;
    const int64_t n = drawn->count;
    for (int i = 0; i < DUET_COUNT(scalars); i++) values[i] = (double)NAN;
    if (n < 1 || real->count < 2) return DUET_OK;
    double *center = duet_arena_alloc(arena, real->dim, sizeof *center);
    nearest *found = duet_arena_alloc(arena, n, sizeof *found);
    DUET_TRY(duet_arena_status(arena));
    duet_kept_mean(real, center);
    DUET_TRY(search(found, drawn, real, center, metric->setup->threads));
    qsort(found, (size_t)n, sizeof *found, ascending);
    judge(values, found, n);
    *table_count = 1;
    return make_table(&tables[0], arena, found, o->rows < n ? o->rows : n, drawn, real);
}

const duet_metric_kind duet_metric_authpct = {
    .info = {.name = "authpct",
             .help = "share of rows that are no copies of training rows, and the likest ones",
             .params = DUET_TABLE(params, authpct_options)},
    .needs = DUET_METRIC_FEATURES | DUET_METRIC_REAL,
    .scalars = scalars,
    .scalar_count = DUET_COUNT(scalars),
    .open = open,
    .finish = finish,
};
