/* SPDX-License-Identifier: MIT
 * study/auto_cost.c: what a search will cost, and what a sweep of the whole grid would, from a few
 * rows and heads that are timed. Ridge regression on n rows of d features is counted in
 * floating-point operations, 2 n d m for the matrix and m^3 / 3 for each strength, m = min(n, d);
 * other heads in rows times features. */
#include "study/auto.h"

#include <stdlib.h>

#include "base/context.h"
#include "base/mem.h"

enum { PILOT = 600, TIMED = 4, STRENGTHS = 9, PARTNERS = 16, FINALISTS = 3, JOINED = 5 };

static double operations(double n, double d) {
    const double m = n < d ? n : d;
    return 2.0 * n * d * m + STRENGTHS * m * m * m / 3.0;
}

/* The columns of a set, from narrow to wide. */
typedef struct columns {
    duet_candidate *list;
    int64_t count, features;
} columns;

static int narrower(const void *a, const void *b) {
    const duet_candidate *x = a, *y = b;
    return (x->dim > y->dim) - (x->dim < y->dim);
}

static duet_status list_columns(columns *out, const duet_feature_set *set) {
    DUET_TRY(duet_searching_columns(&out->list, &out->count, set));
    for (int64_t c = 0; c < out->count; c++) out->features += out->list[c].dim;
    qsort(out->list, (size_t)out->count, sizeof *out->list, narrower);
    return DUET_OK;
}

/* Seconds of heads on columns of several widths; *work: what they do, in operations of ridge
 * regression and in features times rows. */
static duet_status time_heads(const duet_searching *s, const columns *all,
                              const duet_head_list *heads, double *seconds, double work[2]) {
    duet_candidate list[TIMED];
    duet_auto_cost cost = {0};
    duet_trial *trials = NULL;
    const int64_t count = all->count < TIMED ? all->count : TIMED;
    const double rows = (double)s->views.fit.count;
    work[0] = work[1] = 0;
    for (int64_t i = 0; i < count; i++) {
        list[i] = all->list[(i + 1) * all->count / count - 1];
        work[0] += operations(rows, (double)list[i].dim);
        work[1] += rows * (double)list[i].dim;
    }
    DUET_TRY(duet_searching_fit(s, &trials, list, count, heads, "first heads, timed", &cost));
    duet_trials_free(trials, count * heads->count);
    *seconds = cost.seconds_heads;
    return DUET_OK;
}

duet_auto_cost duet_auto_expected(const duet_auto_plan *plan, const duet_auto_rates *rates) {
    const double wide = (double)rates->widest,
                 mean = (double)rates->features / (double)rates->columns;
    duet_auto_cost cost = {0};
    double rows = 0, work;
    for (int r = 0; r < DUET_AUTO_ROUNDS; r++) { /* rows of earlier rounds are there already */
        cost.passes += ((double)plan->rows[r] - rows) * (double)plan->levels[r];
        rows = (double)plan->rows[r];
    }
    work = (double)rates->columns * operations((double)plan->fit[0], mean) +
           PARTNERS * operations((double)plan->fit[1], 2.0 * mean);
    cost.seconds_passes = cost.passes * rates->pass;
    cost.seconds_heads = rates->operation * work +
                         rates->feature * (FINALISTS + JOINED) * wide * (double)plan->fit[2];
    return cost;
}

duet_auto_cost duet_auto_grid(const duet_auto_plan *plan, const duet_auto_rates *rates) {
    duet_auto_cost cost = {.passes = (double)plan->grid_rows * (double)plan->levels[0]};
    cost.seconds_passes = cost.passes * rates->pass;
    cost.seconds_heads = rates->feature * (double)rates->features * (double)plan->grid_fit;
    return cost;
}

duet_status duet_searching_time(duet_searching *s, duet_auto_rates *out,
                                const duet_reader_options *grid) {
    duet_status status = DUET_OK;
    duet_auto_cost cost = {0};
    duet_reader *reader = NULL;
    duet_feature_set *set = NULL;
    columns all = {0};
    double ridge = 0, heads = 0, ridge_work[2], head_work[2];
    const int64_t share = s->all.rows.count / PILOT;
    DUET_DO(duet_searching_views(s, share > DUET_AUTO_FIRST ? (int)share : DUET_AUTO_FIRST));
    DUET_DO(duet_searching_read(s, &set, &reader, grid, &cost));
    DUET_DO(list_columns(&all, set));
    DUET_DO(time_heads(s, &all, &s->ridge, &ridge, ridge_work));
    DUET_DO(time_heads(s, &all, &s->heads, &heads, head_work));
    cost.seconds_heads = ridge + heads;
    s->out->rounds[0].cost = cost;
    *out = (duet_auto_rates){.pass = cost.passes > 0 ? cost.seconds_passes / cost.passes : 0,
                             .operation = ridge / ridge_work[0],
                             .feature = heads / head_work[1],
                             .columns = all.count,
                             .features = all.features,
                             .widest = all.list[all.count - 1].dim};
done:
    duet_feature_set_close(set);
    duet_reader_close(reader);
    duet_release(all.list);
    return status;
}
