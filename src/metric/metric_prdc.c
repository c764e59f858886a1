/* SPDX-License-Identifier: MIT
 * metric/metric_prdc.c: how far two sets of rows cover each other. A ball around each row reaches
 * to its k-th nearest row of its own set. Precision: share of rows in a ball of a real row; recall:
 * share of real rows in a ball of a row (Kynkaanniemi et al. 2019; borders belong to balls, as in
 * guided-diffusion). With k' for balls of real rows, without borders (Naeem et al. 2020): density:
 * mean number of these balls around a row, over k'; coverage: share of these balls with a row in
 * them. Standard errors sqrt(p (1 - p) / N), of the density that of its mean, take the balls as
 * given. */
#include <math.h>

#include "base/error.h"
#include "metric/metric.h"

typedef struct prdc_options {
    int64_t k, near;
} prdc_options;

static const duet_param params[] = {
    DUET_INT(prdc_options, k, "3", 1, 100,
             "the balls of precision and recall reach to the k-th row"),
    DUET_INT(prdc_options, near, "5", 1, 100, "those of density and coverage"),
};

static const duet_metric_scalar scalars[] = {
    {"precision", "precision", "", 1},
    {"recall", "recall", "", 1},
    {"density", "density", "", 1},
    {"coverage", "coverage", "", 1},
    {"precision_se", "standard error of the precision", "", -1},
    {"recall_se", "standard error of the recall", "", -1},
    {"density_se", "standard error of the density", "", -1},
    {"coverage_se", "standard error of the coverage", "", -1},
};

static duet_status open(duet_metric *metric) {
    metric->keeps = DUET_METRIC_FEATURES | DUET_METRIC_REAL;
    return DUET_OK;
}

typedef struct cover {
    const double *drawn, *real; /* squared radii, [n, drawn_step], [m, real_step] */
    int drawn_step, real_step, k, near;
    uint8_t *inside;           /* [n] in a ball of a real row */
    int64_t *balls;            /* [n] number of these, of density */
    uint8_t *reached, *filled; /* [m] real rows in a ball; balls with a row in them */
} cover;

static void mark(uint8_t *flag) {
#pragma omp atomic write
    *flag = 1;
}

static void take(const duet_tile *t, void *user) {
    const cover *c = user;
    for (int64_t i = 0; i < t->rows; i++) {
        const int64_t row = t->row + i;
        const double own = c->drawn[row * c->drawn_step + c->k - 1];
        for (int64_t j = 0; j < t->columns; j++) {
            const int64_t column = t->column + j;
            const double *ball = c->real + column * c->real_step,
                         distance = t->value[i * t->stride + j];
            if (distance <= ball[c->k - 1]) c->inside[row] = 1;
            if (distance <= own) mark(&c->reached[column]);
            if (!(distance < ball[c->near - 1])) continue;
            c->balls[row]++;
            mark(&c->filled[column]);
        }
    }
}

static void share_of(const uint8_t *flag, int64_t n, double *share, double *error) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += flag[i];
    *share = (double)count / (double)n;
    *error = sqrt(*share * (1.0 - *share) / (double)n);
}

static void density_of(const cover *c, int64_t n, double *mean, double *error) {
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)c->balls[i] / c->near;
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double apart = (double)c->balls[i] / c->near - *mean;
        square += apart * apart;
    }
    *error = sqrt(square / (double)(n - 1) / (double)n);
}

static duet_status compare(cover *c, duet_kept *drawn, duet_kept *real, const double *center,
                           int threads, double *values) {
    const int64_t n = drawn->count, m = real->count;
    const int most = c->k > c->near ? c->k : c->near;
    DUET_TRY(duet_kept_nearest(real, most, center, threads));
    DUET_TRY(duet_kept_nearest(drawn, c->k, center, threads));
    c->real = real->near;
    c->drawn = drawn->near;
    c->real_step = real->near_count;
    c->drawn_step = drawn->near_count;
    DUET_TRY(duet_alloc(&c->inside, n, 1));
    DUET_TRY(duet_alloc(&c->balls, n, sizeof *c->balls));
    DUET_TRY(duet_alloc(&c->reached, m, 1));
    DUET_TRY(duet_alloc(&c->filled, m, 1));
    const duet_pairs pairs = {.a = duet_kept_all(drawn),
                              .b = duet_kept_all(real),
                              .center = center,
                              .distance = true,
                              .threads = threads,
                              .take = take,
                              .user = c};
    DUET_TRY(duet_pairs_run(&pairs));
    share_of(c->inside, n, &values[0], &values[4]);
    share_of(c->reached, m, &values[1], &values[5]);
    density_of(c, n, &values[2], &values[6]);
    share_of(c->filled, m, &values[3], &values[7]);
    return DUET_OK;
}

static duet_status finish(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count) {
    const prdc_options *o = (const prdc_options *)(const void *)&metric->choice.options;
    duet_kept *drawn = &metric->kept->features, *real = &metric->kept->real;
    cover c = {.k = (int)o->k, .near = (int)o->near};
    const int most = c.k > c.near ? c.k : c.near;
    (void)tables, (void)table_count;
    for (int i = 0; i < DUET_COUNT(scalars); i++) values[i] = (double)NAN;
    if (drawn->count <= c.k || real->count <= most) return DUET_OK; /* balls without an end */
    double *center = duet_arena_alloc(arena, real->dim, sizeof *center);
    DUET_TRY(duet_arena_status(arena));
    duet_kept_mean(real, center);
    const duet_status status = compare(&c, drawn, real, center, metric->setup->threads, values);
    duet_release(c.inside);
    duet_release(c.balls);
    duet_release(c.reached);
    duet_release(c.filled);
    return status;
}

const duet_metric_kind duet_metric_prdc = {
    .info = {.name = "prdc",
             .help = "precision, recall, density and coverage by nearest rows",
             .params = DUET_TABLE(params, prdc_options)},
    .needs = DUET_METRIC_FEATURES | DUET_METRIC_REAL,
    .scalars = scalars,
    .scalar_count = DUET_COUNT(scalars),
    .open = open,
    .finish = finish,
};
