/* SPDX-License-Identifier: MIT
 * metric/metric_uniformity.c: how evenly rows are spread over the sphere (Wang and Isola 2020):
 *   log of the mean of exp(-t |x_i - x_j|^2) over all pairs of different rows,
 * x_i of length one. 0: all rows are one; evenly spread ones have about -2t. Of more than MOST rows
 * so many are taken, evenly from their order. */
#include <math.h>

#include "base/error.h"
#include "metric/metric.h"

enum { MOST = 8192 };

typedef struct uniformity_options {
    double t;
} uniformity_options;

static const duet_param params[] = {
    DUET_FLOAT(uniformity_options, t, "2", 0.001, 1000, "how fast a pair counts less"),
};

static const duet_metric_scalar scalars[] = {
    {"uniformity", "uniformity", "", -1},
};

static duet_status open(duet_metric *metric) {
    metric->keeps = DUET_METRIC_FEATURES;
    return DUET_OK;
}

typedef struct potential {
    const double *length; /* [n] */
    double *row;          /* [n] sums over the other rows */
    double t;
} potential;

static void take(const duet_tile *tile, void *user) {
    const potential *p = user;
    for (int64_t i = 0; i < tile->rows; i++) {
        const double own = p->length[tile->row + i];
        double sum = 0;
        for (int64_t j = 0; j < tile->columns; j++) {
            const double cosine =
                tile->value[i * tile->stride + j] / (own * p->length[tile->column + j]);
            sum += tile->row + i == tile->column + j ? 0 : exp(-p->t * (2 - 2 * cosine));
        }
        p->row[tile->row + i] += sum;
    }
}

/* Rows with a direction, at most MOST; their lengths. */
static int64_t choose(const duet_kept *rows, int64_t *order, double *length) {
    const int64_t all = rows->count, wanted = all < MOST ? all : MOST;
    int64_t count = 0;
    for (int64_t k = 0; k < wanted; k++) {
        const int64_t at = rows->order[k * all / wanted];
        const float *x = duet_kept_at(rows, at);
        double square = 0;
        for (int64_t j = 0; j < rows->dim; j++) square += (double)x[j] * (double)x[j];
        if (!(square > 0) || !isfinite(square)) continue;
        order[count] = at;
        length[count++] = sqrt(square);
    }
    return count;
}

static duet_status finish(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count) {
    const uniformity_options *o = (const uniformity_options *)(const void *)&metric->choice.options;
    const duet_kept *rows = &metric->kept->features;
    const int64_t room = rows->count < MOST ? rows->count : MOST;
    (void)tables, (void)table_count;
    values[0] = (double)NAN;
    int64_t *order = duet_arena_alloc(arena, room, sizeof *order);
    double *length = duet_arena_alloc(arena, room, sizeof *length),
           *sums = duet_arena_alloc(arena, room, sizeof *sums), sum = 0;
    DUET_TRY(duet_arena_status(arena));
    const int64_t n = choose(rows, order, length);
    if (n < 2) return DUET_OK;
    potential p = {.length = length, .row = sums, .t = o->t};
    const duet_row_list list = {.rows = rows, .order = order, .count = n};
    const duet_pairs pairs = {
        .a = list, .b = list, .threads = metric->setup->threads, .take = take, .user = &p};
    DUET_TRY(duet_pairs_run(&pairs));
    for (int64_t i = 0; i < n; i++) sum += sums[i];
    values[0] = log(sum / ((double)n * (double)(n - 1)));
    return DUET_OK;
}

const duet_metric_kind duet_metric_uniformity = {
    .info = {.name = "uniformity",
             .help = "how evenly rows are spread, of features of length one",
             .params = DUET_TABLE(params, uniformity_options)},
    .needs = DUET_METRIC_FEATURES,
    .scalars = scalars,
    .scalar_count = DUET_COUNT(scalars),
    .open = open,
    .finish = finish,
};
