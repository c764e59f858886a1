/* SPDX-License-Identifier: MIT
 * metric/metric_sfid.c: the Frechet distance of features that keep the place in the image (Nash et
 * al. 2021): sFID where they are those of Inception. */
#include "metric/metric.h"

static const duet_metric_scalar scalars[] = {
    {"sfid", "spatial Frechet distance", "", -1},
};

static duet_status open(duet_metric *metric) {
    return duet_frechet_metric_open(metric, DUET_METRIC_SPATIAL);
}

static duet_status finish(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count) {
    (void)arena, (void)tables, (void)table_count;
    return duet_frechet_metric_distance(metric, &values[0]);
}

const duet_metric_kind duet_metric_sfid = {
    .info = {.name = "sfid",
             .help = "the same of spatial features; sFID where they are Inception's",
             .params = DUET_TABLE_EMPTY},
    .needs = DUET_METRIC_SPATIAL | DUET_METRIC_REAL,
    .scalars = scalars,
    .scalar_count = DUET_COUNT(scalars),
    .open = open,
    .real = duet_frechet_metric_real,
    .moments = duet_frechet_metric_moments,
    .add = duet_frechet_metric_add,
    .merge = duet_frechet_metric_merge,
    .finish = finish,
    .close = duet_frechet_metric_close,
};
