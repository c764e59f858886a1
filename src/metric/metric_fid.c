/* SPDX-License-Identifier: MIT
 * metric/metric_fid.c: the Frechet distance of features (Heusel et al. 2017): FID where the reader
 * is Inception. Its standard error is that of a bootstrap over the rows to measure, the real ones
 * held fixed: the deviation of the distances of sets of N rows that are drawn from the N with
 * replacement. Their mean is no estimate: drawing again adds about as much bias as N rows have
 * already. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/rng.h"
#include "metric/metric.h"

enum { AUTOMATIC = -1, USUAL = 50, CHEAP_DIM = 512, PART = 512 };

typedef struct fid_options {
    int64_t bootstrap;
    uint64_t seed;
} fid_options;

static const duet_param params[] = {
    DUET_INT(fid_options, bootstrap, "-1", -1, 10000,
             "drawn sets for the standard error; -1 = 50 for up to 512 features, else none"),
    DUET_SEED(fid_options, seed, "0", "seed of these sets"),
};

static const duet_metric_scalar scalars[] = {
    {"fid", "Frechet distance", "", -1},
    {"fid_se", "standard error of the Frechet distance", "", -1},
};

static const fid_options *options_of(const duet_metric *metric) {
    return (const fid_options *)(const void *)&metric->choice.options;
}

static int64_t sets_of(const duet_metric *metric) {
    const int64_t n = options_of(metric)->bootstrap;
    return n != AUTOMATIC ? n : metric->setup->dim <= CHEAP_DIM ? USUAL : 0;
}

static duet_status open(duet_metric *metric) {
    if (sets_of(metric) > 0) metric->keeps = DUET_METRIC_FEATURES;
    return duet_frechet_metric_open(metric, DUET_METRIC_FEATURES);
}

/* Mean and covariance of the rows pick[0..n), around `center` for precision. */
static duet_status moments_of(duet_moments *out, const duet_kept *rows, const int64_t *pick,
                              int64_t n, const double *center) {
    const int64_t dim = rows->dim;
    double *part = NULL;
    DUET_TRY(duet_moments_new(out, dim));
    DUET_TRY(duet_alloc(&part, PART * dim, sizeof *part));
    for (int64_t first = 0; first < n; first += PART) {
        const int64_t count = n - first < PART ? n - first : PART;
        for (int64_t i = 0; i < count; i++) {
            const float *x = duet_kept_at(rows, pick[first + i]);
            for (int64_t j = 0; j < dim; j++) {
                part[i * dim + j] = (double)x[j] - center[j];
                out->mean[j] += part[i * dim + j] / (double)n;
            }
        }
        duet_gram_f64(dim, count, part, out->covariance);
    }
    duet_release(part);
    for (int64_t i = 0; i < dim; i++)
        for (int64_t j = 0; j < dim; j++) {
            double *c = &out->covariance[i * dim + j];
            *c = (*c - (double)n * out->mean[i] * out->mean[j]) / (double)(n - 1);
        }
    for (int64_t j = 0; j < dim; j++) out->mean[j] += center[j];
    return DUET_OK;
}

/* The distance of set number b. */
static duet_status draw(const duet_metric *metric, const duet_moments *real, const double *center,
                        int64_t b, double *out) {
    const duet_kept *rows = &metric->kept->features;
    const duet_rng rng = duet_rng_make(options_of(metric)->seed, "bootstrap", (uint64_t)b);
    duet_status status = DUET_OK;
    duet_moments m = {.dim = 0};
    int64_t *pick = NULL;
    DUET_DO(duet_alloc(&pick, rows->count, sizeof *pick));
    for (int64_t i = 0; i < rows->count; i++)
        pick[i] = rows->order[duet_rng_below(rng, (uint64_t)i, (uint64_t)rows->count)];
    DUET_DO(moments_of(&m, rows, pick, rows->count, center));
    DUET_DO(duet_frechet(out, &m, real));
done:
    duet_moments_free(&m);
    duet_release(pick);
    return status;
}

static duet_status draw_all(const duet_metric *metric, double *distances, int64_t sets) {
    const duet_moments *real = duet_frechet_metric_against(metric);
    duet_status status = DUET_OK, *each = NULL;
    double *center = NULL;
    DUET_DO(duet_alloc(&each, sets, sizeof *each));
    DUET_DO(duet_alloc(&center, real->dim, sizeof *center));
    duet_kept_mean(&metric->kept->features, center);
    const int before = duet_linalg_set_threads(1);
#pragma omp parallel for schedule(dynamic, 1) \
    num_threads(metric->setup->threads > 1 ? metric->setup->threads : 1)
    for (int64_t b = 0; b < sets; b++) each[b] = draw(metric, real, center, b, &distances[b]);
    (void)duet_linalg_set_threads(before);
    for (int64_t b = 0; b < sets; b++)
        if (each[b] != DUET_OK)
            DUET_FAIL(each[b], "the standard error of '%s' cannot be computed: %s",
                      metric->choice.entry->name, duet_status_name(each[b]));
done:
    duet_release(each);
    duet_release(center);
    return status;
}

static duet_status standard_error(const duet_metric *metric, double *out) {
    const int64_t sets = sets_of(metric);
    double *distances = NULL, mean = 0, sum = 0;
    *out = (double)NAN;
    if (sets < 2 || metric->kept->features.count < 2) return DUET_OK;
    DUET_TRY(duet_alloc(&distances, sets, sizeof *distances));
    const duet_status status = draw_all(metric, distances, sets);
    for (int64_t b = 0; b < sets; b++) mean += distances[b] / (double)sets;
    for (int64_t b = 0; b < sets; b++) sum += (distances[b] - mean) * (distances[b] - mean);
    duet_release(distances);
    if (status == DUET_OK) *out = sqrt(sum / (double)(sets - 1));
    return status;
}

static duet_status finish(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count) {
    (void)arena, (void)tables, (void)table_count;
    DUET_TRY(duet_frechet_metric_distance(metric, &values[0]));
    return standard_error(metric, &values[1]);
}

const duet_metric_kind duet_metric_fid = {
    .info = {.name = "fid",
             .help = "Frechet distance of the features' Gaussians; FID where they are Inception's",
             .params = DUET_TABLE(params, fid_options)},
    .needs = DUET_METRIC_FEATURES | DUET_METRIC_REAL,
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
