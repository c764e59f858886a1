/* SPDX-License-Identifier: MIT
 * metric/metric_is.c: Inception Score (Salimans et al. 2016) of a classifier's logits: with p(k|i)
 * the softmax of row i and p(k) its mean, exp(mean_i sum_k p(k|i) (log p(k|i) - log p(k))), as mean
 * and deviation over parts of equal size: a number of parts of the rows in an order drawn by the
 * seed (torch-fidelity), or parts of a number of rows, in their order, the last one the rest
 * (guided-diffusion: shuffle=false,size=5000). A logit that is not a number counts as minus
 * infinity. */
#include <math.h>

#include "base/error.h"
#include "base/rng.h"
#include "metric/metric.h"

typedef struct is_options {
    int64_t splits, size;
    bool shuffle;
    uint64_t seed;
} is_options;

static const duet_param params[] = {
    DUET_INT(is_options, splits, "10", 1, 100000, "parts of which mean and deviation are taken"),
    DUET_INT(is_options, size, "0", 0, 1000000000, "instead: rows of a part"),
    DUET_BOOLEAN(is_options, shuffle, "true", "draws the order of the rows"),
    DUET_SEED(is_options, seed, "2020", "seed of the order"),
};

static const duet_metric_scalar scalars[] = {
    {"is", "Inception score", "", 1},
    {"is_std", "deviation over its parts", "", -1},
};

static duet_status open(duet_metric *metric) {
    metric->keeps = DUET_METRIC_LOGITS;
    return DUET_OK;
}

/* log p(k|i) */
static void log_softmax(double *out, const float *logits, int64_t classes) {
    double most = -INFINITY, sum = 0;
    for (int64_t k = 0; k < classes; k++)
        if ((double)logits[k] > most) most = (double)logits[k];
    for (int64_t k = 0; k < classes; k++) {
        out[k] = (double)logits[k] == most ? 0.0 : (double)logits[k] - most;
        if (isnan(out[k])) out[k] = -INFINITY;
        sum += exp(out[k]);
    }
    for (int64_t k = 0; k < classes; k++) out[k] -= log(sum);
}

/* scratch [2, classes] */
static double score(const duet_kept *rows, const int64_t *order, int64_t count, double *scratch) {
    const int64_t classes = rows->dim;
    double *mean = scratch, *row = scratch + classes, own = 0, common = 0;
    for (int64_t k = 0; k < classes; k++) mean[k] = 0;
    for (int64_t i = 0; i < count; i++) {
        log_softmax(row, duet_kept_at(rows, order[i]), classes);
        for (int64_t k = 0; k < classes; k++) {
            const double p = exp(row[k]);
            mean[k] += p / (double)count;
            if (p > 0) own += p * row[k] / (double)count;
        }
    }
    for (int64_t k = 0; k < classes; k++)
        if (mean[k] > 0) common += mean[k] * log(mean[k]);
    return exp(own - common);
}

static duet_status finish(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count) {
    const is_options *o = (const is_options *)(const void *)&metric->choice.options;
    const duet_kept *rows = &metric->kept->logits;
    const int64_t n = rows->count, parts = o->size > 0     ? (n + o->size - 1) / o->size
                                           : o->splits < n ? o->splits
                                                           : n;
    double sum = 0, square = 0;
    (void)tables, (void)table_count;
    values[0] = values[1] = (double)NAN;
    if (n == 0) return DUET_OK;
    int64_t *order = duet_arena_alloc(arena, n, sizeof *order);
    double *scratch = duet_arena_alloc(arena, 2 * rows->dim, sizeof *scratch),
           *each = duet_arena_alloc(arena, parts, sizeof *each);
    DUET_TRY(duet_arena_status(arena));
    for (int64_t i = 0; i < n; i++) order[i] = i;
    if (o->shuffle) duet_rng_permutation(duet_rng_make(o->seed, "is", 0), order, n);
    for (int64_t i = 0; i < n; i++) order[i] = rows->order[order[i]];
    for (int64_t p = 0; p < parts; p++) {
        const int64_t first = o->size > 0 ? p * o->size : p * n / parts,
                      end = o->size > 0 ? first + o->size : (p + 1) * n / parts;
        each[p] = score(rows, order + first, (end < n ? end : n) - first, scratch);
        sum += each[p] / (double)parts;
    }
    for (int64_t p = 0; p < parts; p++) square += (each[p] - sum) * (each[p] - sum);
    values[0] = sum;
    values[1] = sqrt(square / (double)parts);
    return DUET_OK;
}

const duet_metric_kind duet_metric_is = {
    .info = {.name = "is",
             .help = "Inception score, of any classifier's logits",
             .params = DUET_TABLE(params, is_options)},
    .needs = DUET_METRIC_LOGITS,
    .scalars = scalars,
    .scalar_count = DUET_COUNT(scalars),
    .open = open,
    .finish = finish,
};
