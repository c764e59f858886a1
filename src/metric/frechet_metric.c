/* SPDX-License-Identifier: MIT
 * metric/frechet_metric.c: the Frechet distance between the Gaussians of two sets of rows, for the
 * metrics that name it (fid, sfid). counts: those of exact_sums.h, which need no rows in memory. */
#include <math.h>

#include "base/error.h"
#include "metric/exact_sums.h"
#include "metric/metric.h"

typedef struct frechet_state {
    unsigned which; /* the input that is compared */
    duet_exact_sums drawn, real;
    int64_t *real_counts;
    duet_moments against;      /* of the real rows, owned, or: */
    const duet_moments *given; /* borrowed */
} frechet_state;

static int64_t dim_of(const duet_metric *metric, unsigned which) {
    return which == DUET_METRIC_SPATIAL ? metric->setup->spatial_dim : metric->setup->dim;
}

static const float *rows_of(const frechet_state *s, const duet_metric_batch *batch) {
    return s->which == DUET_METRIC_SPATIAL ? batch->spatial : batch->features;
}

duet_status duet_frechet_metric_open(duet_metric *metric, unsigned which) {
    frechet_state *s = duet_arena_alloc(metric->arena, 1, sizeof *s);
    const int64_t dim = dim_of(metric, which);
    DUET_TRY(duet_arena_status(metric->arena));
    s->which = which;
    metric->state = s;
    if (dim < 1 || dim > DUET_MOST_MOMENTS)
        return duet_fail(DUET_ARG, "%lld features have no covariance here; at most %d",
                         (long long)dim, DUET_MOST_MOMENTS);
    metric->count = duet_exact_sums_count(dim);
    DUET_TRY(duet_alloc(&metric->counts, metric->count, sizeof *metric->counts));
    return duet_exact_sums_new(&s->drawn, dim, metric->counts);
}

duet_status duet_frechet_metric_real(duet_metric *metric, const duet_metric_batch *batch) {
    frechet_state *s = metric->state;
    if (s->given != NULL) return DUET_OK; /* the moments that were given are taken */
    if (s->real_counts == NULL) {
        DUET_TRY(duet_alloc(&s->real_counts, metric->count, sizeof *s->real_counts));
        DUET_TRY(duet_exact_sums_new(&s->real, s->drawn.dim, s->real_counts));
    }
    if (batch->rows > 0) return duet_exact_sums_real(&s->real, rows_of(s, batch), batch->rows);
    DUET_TRY(duet_exact_sums_real_end(&s->real));
    DUET_TRY(duet_exact_sums_moments(&s->real, &s->against));
    s->drawn.unit = s->real.unit;
    duet_exact_sums_free(&s->real);
    duet_release(s->real_counts);
    s->real_counts = NULL;
    return DUET_OK;
}

/* The largest value is taken to be six deviations from the mean at most. */
duet_status duet_frechet_metric_moments(duet_metric *metric, const duet_moments *real) {
    frechet_state *s = metric->state;
    double most = 0;
    if (real->dim != s->drawn.dim)
        return duet_fail(DUET_SHAPE,
                         "the statistics to compare with are of %lld features, the reader's rows "
                         "have %lld; take the reader that made them",
                         (long long)real->dim, (long long)s->drawn.dim);
    for (int64_t i = 0; i < real->dim; i++) {
        const double variance = real->covariance[i * (real->dim + 1)],
                     value = fabs(real->mean[i]) + 6.0 * sqrt(variance > 0 ? variance : 0.0);
        if (value > most) most = value;
    }
    s->drawn.unit = duet_exact_sums_unit(most);
    s->given = real;
    return DUET_OK;
}

const duet_moments *duet_frechet_metric_against(const duet_metric *metric) {
    const frechet_state *s = metric->state;
    return s->given != NULL ? s->given : s->against.dim > 0 ? &s->against : NULL;
}

duet_status duet_frechet_metric_add(duet_metric *metric, const duet_metric_batch *batch) {
    frechet_state *s = metric->state;
    return duet_exact_sums_add(&s->drawn, rows_of(s, batch), batch->rows);
}

duet_status duet_frechet_metric_merge(duet_metric *metric, const duet_metric *other) {
    frechet_state *a = metric->state, *b = other->state;
    if (a->drawn.unit != b->drawn.unit)
        return duet_fail(DUET_ARG,
                         "rows of '%s' were added up in units of %g and %g; take the same real "
                         "images",
                         metric->choice.entry->name, a->drawn.unit, b->drawn.unit);
    duet_exact_sums_flush(&a->drawn);
    duet_exact_sums_flush(&b->drawn);
    duet_metric_add_counts(metric, other);
    return DUET_OK;
}

static duet_status copy(duet_moments *out, const duet_moments *from) {
    DUET_TRY(duet_moments_new(out, from->dim));
    out->rows = from->rows;
    out->reader = from->reader;
    for (int64_t i = 0; i < from->dim; i++) out->mean[i] = from->mean[i];
    for (int64_t i = 0; i < from->dim * from->dim; i++) out->covariance[i] = from->covariance[i];
    return DUET_OK;
}

duet_status duet_frechet_metric_of(const duet_metric *metric, bool real, duet_moments *out) {
    frechet_state *s = metric->state;
    const duet_moments *against = duet_frechet_metric_against(metric);
    if (!real) return duet_exact_sums_moments(&s->drawn, out);
    if (against == NULL) return duet_fail(DUET_ARG, "the real images have not come yet");
    return copy(out, against);
}

duet_status duet_frechet_metric_distance(const duet_metric *metric, double *out) {
    frechet_state *s = metric->state;
    const duet_moments *against = duet_frechet_metric_against(metric);
    duet_moments drawn = {.dim = 0};
    duet_status status = DUET_OK;
    *out = (double)NAN;
    DUET_DO(duet_exact_sums_moments(&s->drawn, &drawn));
    if (drawn.rows > 1 && against != NULL) DUET_DO(duet_frechet(out, &drawn, against));
done:
    duet_moments_free(&drawn);
    return status;
}

void duet_frechet_metric_close(duet_metric *metric) {
    frechet_state *s = metric->state;
    if (s == NULL) return;
    duet_exact_sums_free(&s->drawn);
    duet_exact_sums_free(&s->real);
    duet_release(s->real_counts);
    duet_moments_free(&s->against);
}
