/* SPDX-License-Identifier: MIT
 * metric/metric_kid.c: kernel distance (Binkowski et al. 2018): the unbiased estimate of the
 * squared maximum mean discrepancy with the kernel k(x, y) = (x y / D + 1)^3, sum_{i != j} k(x_i,
 * x_j) / (n (n - 1)) + the same of y - 2 sum_{ij} k(x_i, y_j) / (n m), as its mean over subsets
 * drawn without replacement (torch-fidelity's KID), and of all rows where these are few enough for
 * it. Standard error of the latter, to first order: with h_i the mean of k(x_i, x_j) over j less
 * that of k(x_i, y_j), sqrt(4 var(h) / n + the same of y); else, of subsets of s rows, their
 * deviation times sqrt(s / min(n, m)). */
#include <math.h>

#include "base/error.h"
#include "base/rng.h"
#include "metric/metric.h"

#define MOST_WORK 4e12 /* multiply-adds for all pairs of rows */

typedef struct kid_options {
    int64_t subsets, size;
    uint64_t seed;
} kid_options;

static const duet_param params[] = {
    DUET_INT(kid_options, subsets, "100", 1, 100000, "subsets, drawn without replacement"),
    DUET_INT(kid_options, size, "1000", 2, 1000000, "rows of each; at most those that there are"),
    DUET_SEED(kid_options, seed, "2020", "seed of the subsets"),
};

static const duet_metric_scalar scalars[] = {
    {"kid", "kernel distance", "", -1},
    {"kid_std", "deviation over its subsets", "", -1},
    {"kid_all", "of all rows", "", -1},
    {"kid_se", "standard error of the kernel distance", "", -1},
};

static const kid_options *options_of(const duet_metric *metric) {
    return (const kid_options *)(const void *)&metric->choice.options;
}

static duet_status open(duet_metric *metric) {
    metric->keeps = DUET_METRIC_FEATURES | DUET_METRIC_REAL;
    return DUET_OK;
}

typedef struct kernel_sums {
    double *row; /* [n] sums over the other list */
    double dim;
    bool same; /* both lists are the same: a row is no pair with itself */
} kernel_sums;

static void take(const duet_tile *t, void *user) {
    const kernel_sums *s = user;
    for (int64_t i = 0; i < t->rows; i++) {
        double sum = 0;
        for (int64_t j = 0; j < t->columns; j++) {
            const double base = t->value[i * t->stride + j] / s->dim + 1.0;
            sum += s->same && t->row + i == t->column + j ? 0.0 : base * base * base;
        }
        s->row[t->row + i] += sum;
    }
}

static duet_status sum_rows(double *row, const duet_row_list *a, const duet_row_list *b, bool same,
                            int threads) {
    kernel_sums sums = {.row = row, .dim = (double)a->rows->dim, .same = same};
    const duet_pairs pairs = {.a = *a, .b = *b, .threads = threads, .take = take, .user = &sums};
    for (int64_t i = 0; i < a->count; i++) row[i] = 0;
    return duet_pairs_run(&pairs);
}

static double mean_of(const double *v, int64_t n, double divisor) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += v[i];
    return sum / divisor;
}

/* Variance of the h of one side. */
static double variance_of(const double *own, const double *cross, int64_t n, int64_t m) {
    double mean = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        mean += (own[i] / (double)(n - 1) - cross[i] / (double)m) / (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double h = own[i] / (double)(n - 1) - cross[i] / (double)m - mean;
        sum += h * h;
    }
    return sum / (double)(n - 1);
}

/* The estimate of two lists; error may be NULL. */
static duet_status estimate(double *out, double *error, const duet_row_list *x,
                            const duet_row_list *y, int threads) {
    const int64_t n = x->count, m = y->count;
    duet_status status = DUET_OK;
    double *xx = NULL, *yy = NULL, *xy = NULL, *yx = NULL;
    DUET_DO(duet_alloc(&xx, n, sizeof *xx));
    DUET_DO(duet_alloc(&yy, m, sizeof *yy));
    DUET_DO(duet_alloc(&xy, n, sizeof *xy));
    DUET_DO(duet_alloc(&yx, m, sizeof *yx));
    DUET_DO(sum_rows(xx, x, x, true, threads));
    DUET_DO(sum_rows(yy, y, y, true, threads));
    DUET_DO(sum_rows(xy, x, y, false, threads));
    *out = mean_of(xx, n, (double)n * (double)(n - 1)) +
           mean_of(yy, m, (double)m * (double)(m - 1)) -
           2.0 * mean_of(xy, n, (double)n * (double)m);
    if (error == NULL) goto done;
    DUET_DO(sum_rows(yx, y, x, false, threads));
    *error = sqrt(4.0 * variance_of(xx, xy, n, m) / (double)n +
                  4.0 * variance_of(yy, yx, m, n) / (double)m);
done:
    duet_release(xx);
    duet_release(yy);
    duet_release(xy);
    duet_release(yx);
    return status;
}

/* The first `size` places of a permutation of the rows of a list. */
static void pick(int64_t *out, int64_t *scratch, const duet_row_list *from, duet_rng rng,
                 int64_t size) {
    for (int64_t i = 0; i < from->count; i++) scratch[i] = from->order[i];
    for (int64_t i = 0; i < size; i++) {
        const int64_t at =
            i + (int64_t)duet_rng_below(rng, (uint64_t)i, (uint64_t)(from->count - i));
        out[i] = scratch[at];
        scratch[at] = scratch[i];
    }
}

/* Mean and deviation (of the whole, as torch-fidelity's) of n values. */
static void summarise(const double *v, int64_t n, double *mean, double *deviation) {
    double square = 0;
    *mean = mean_of(v, n, (double)n);
    for (int64_t i = 0; i < n; i++) square += (v[i] - *mean) * (v[i] - *mean);
    *deviation = sqrt(square / (double)n);
}

static duet_status subsets(const duet_metric *metric, const duet_row_list *x,
                           const duet_row_list *y, int64_t size, double *values) {
    const kid_options *o = options_of(metric);
    const int64_t most = x->count > y->count ? x->count : y->count,
                  count = size < most ? o->subsets : 1; /* all rows are one subset */
    duet_status status = DUET_OK;
    int64_t *order = NULL, *scratch = NULL;
    double *each = NULL;
    DUET_DO(duet_alloc(&order, 2 * size, sizeof *order));
    DUET_DO(duet_alloc(&scratch, most, sizeof *scratch));
    DUET_DO(duet_alloc(&each, count, sizeof *each));
    for (int64_t s = 0; s < count; s++) {
        const duet_row_list a = {.rows = x->rows, .order = order, .count = size},
                            b = {.rows = y->rows, .order = order + size, .count = size};
        pick(order, scratch, x, duet_rng_make(o->seed, "kid x", (uint64_t)s), size);
        pick(order + size, scratch, y, duet_rng_make(o->seed, "kid y", (uint64_t)s), size);
        DUET_DO(estimate(&each[s], NULL, &a, &b, metric->setup->threads));
    }
    summarise(each, count, &values[0], &values[1]);
done:
    duet_release(order);
    duet_release(scratch);
    duet_release(each);
    return status;
}

static duet_status finish(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count) {
    const duet_row_list x = duet_kept_all(&metric->kept->features),
                        y = duet_kept_all(&metric->kept->real);
    const kid_options *o = options_of(metric);
    const int64_t least = x.count < y.count ? x.count : y.count,
                  size = o->size < least ? o->size : least;
    const double n = (double)x.count, m = (double)y.count,
                 work = (n * n + m * m + 2 * n * m) * (double)metric->setup->dim;
    (void)arena, (void)tables, (void)table_count;
    for (int i = 0; i < DUET_COUNT(scalars); i++) values[i] = (double)NAN;
    if (least < 2) return DUET_OK;
    DUET_TRY(subsets(metric, &x, &y, size, values));
    values[3] = values[1] * sqrt((double)size / (double)least);
    if (work > MOST_WORK) return DUET_OK;
    return estimate(&values[2], &values[3], &x, &y, metric->setup->threads);
}

const duet_metric_kind duet_metric_kid = {
    .info = {.name = "kid",
             .help = "kernel distance, unbiased; KID where the features are Inception's",
             .params = DUET_TABLE(params, kid_options)},
    .needs = DUET_METRIC_FEATURES | DUET_METRIC_REAL,
    .scalars = scalars,
    .scalar_count = DUET_COUNT(scalars),
    .open = open,
    .finish = finish,
};
