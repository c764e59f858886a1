/* SPDX-License-Identifier: MIT
 * study/auto_cost.c: what a search will cost, and what a sweep of the whole grid would, from a few
 * rows and heads that are timed. Ridge regression on n rows of d features is counted in
 * floating-point operations, 2 n d m for the matrix and m^3 / 3 for each strength, m = min(n, d);
 * other heads in fits and in rows times features. */
#include "study/auto.h"

#include <stdlib.h>

#include "base/context.h"
#include "base/mem.h"
#include "study/few_ridge.h"

enum {
    PILOT = 600,
    TIMED = 4, /* columns by ridge regression, from narrow to wide */
    PAIR = 2,  /* of the narrowest column by other heads, and of the widest */
    STRENGTHS = 9,
    PARTNERS = 16,
    FITS = 5,   /* of the last round: three single settings and two joins, */
    WIDTHS = 8, /* which are so many settings, and */
    JOINED = 3, /* the chosen one so many */
    AFTER = 5   /* divisions, noise and baselines */
};

static double operations(double n, double d) {
    const double m = n < d ? n : d;
    return 2.0 * n * d * m + STRENGTHS * m * m * m / 3.0;
}

/* Of `columns` columns of d features in a round of `rows` rows, `fit` of which are fitted on. */
static double ranking(int64_t rows, int64_t fit, int64_t columns, double d) {
    const double each = duet_searching_left_out(rows, columns, (int64_t)d * columns)
                            ? duet_few_ridge_cost(rows, (int64_t)d)
                            : operations((double)fit, d);
    return (double)columns * each;
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

static duet_status time_fits(const duet_searching *s, const duet_candidate *list, int64_t count,
                             const duet_head_list *heads, double *seconds) {
    duet_auto_cost cost = {0};
    duet_trial *trials = NULL;
    DUET_TRY(duet_searching_fit(s, &trials, list, count, heads, "first heads, timed", &cost));
    duet_trials_free(trials, count * heads->count);
    *seconds = cost.seconds_heads;
    return DUET_OK;
}

/* Ridge regression on columns of several widths. */
static duet_status time_ridge(const duet_searching *s, const columns *all, duet_auto_rates *out,
                              double *seconds) {
    duet_candidate list[TIMED];
    const int64_t count = all->count < TIMED ? all->count : TIMED;
    double work = 0;
    for (int64_t i = 0; i < count; i++) {
        list[i] = all->list[(i + 1) * all->count / count - 1];
        work += operations((double)s->views.fit.count, (double)list[i].dim);
    }
    DUET_TRY(time_fits(s, list, count, &s->ridge, seconds));
    out->operation = *seconds / work;
    return DUET_OK;
}

/* A fit of a column of d features on n rows takes fit + feature n d seconds: from the narrowest
 * column and the widest, or where they are alike without `fit`. */
static duet_status time_heads(const duet_searching *s, const columns *all, duet_auto_rates *out,
                              double *seconds) {
    const duet_candidate *const narrow = &all->list[0], *const wide = &all->list[all->count - 1];
    const duet_candidate pairs[2][PAIR] = {{*narrow, *narrow}, {*wide, *wide}};
    const double rows = (double)s->views.fit.count;
    double took[2] = {0};
    for (int i = narrow->dim < wide->dim ? 0 : 1; i < 2; i++)
        DUET_TRY(time_fits(s, pairs[i], PAIR, &s->heads, &took[i]));
    *seconds = took[0] + took[1];
    out->feature = took[1] / (PAIR * rows * (double)wide->dim);
    out->fit = 0;
    if (narrow->dim < wide->dim) {
        const double slope =
            (took[1] - took[0]) / (PAIR * rows * (double)(wide->dim - narrow->dim));
        out->feature = slope > 0 ? slope : 0;
        out->fit =
            (slope > 0 ? took[0] : took[1]) / PAIR - out->feature * rows * (double)narrow->dim;
        if (out->fit < 0) out->fit = 0;
    }
    return DUET_OK;
}

duet_auto_cost duet_auto_last(const duet_auto_plan *plan, const duet_auto_rates *rates) {
    const int r = DUET_AUTO_ROUNDS - 1; /* rows of the round before are there already */
    const double passes = (double)(plan->rows[r] - plan->rows[r - 1]) * (double)plan->levels[r];
    return (duet_auto_cost){.passes = passes,
                            .seconds_passes = passes * rates->pass,
                            .seconds_heads = rates->fit * FITS + rates->feature *
                                                                     (double)rates->last *
                                                                     (double)plan->fit[r]};
}

duet_auto_cost duet_auto_expected(const duet_auto_plan *plan, const duet_auto_rates *rates) {
    const double mean = (double)rates->features / (double)rates->columns;
    duet_auto_cost cost = duet_auto_last(plan, rates);
    double rows = 0, passes = 0;
    for (int r = 0; r + 1 < DUET_AUTO_ROUNDS; r++) {
        passes += ((double)plan->rows[r] - rows) * (double)plan->levels[r];
        rows = (double)plan->rows[r];
    }
    cost.passes += passes;
    cost.seconds_passes += passes * rates->pass;
    cost.seconds_heads +=
        rates->operation * (ranking(plan->rows[0], plan->fit[0], rates->columns, mean) +
                            ranking(plan->rows[1], plan->fit[1], PARTNERS, 2.0 * mean));
    return cost;
}

duet_auto_cost duet_auto_after(const duet_auto_plan *plan, const duet_auto_rates *rates,
                               int random) {
    const double rows = (double)plan->fit[2];
    duet_auto_cost cost = {.passes = (DUET_AUTO_REPEATS - 1) * DUET_AUTO_NOISE +
                                     (double)(random * plan->rows[2])};
    cost.seconds_passes = cost.passes * rates->pass;
    cost.seconds_heads = AFTER * (rates->fit + rates->feature * (double)rates->chosen * rows);
    return cost;
}

duet_auto_cost duet_auto_grid(const duet_auto_plan *plan, const duet_auto_rates *rates) {
    duet_auto_cost cost = {.passes = (double)plan->grid_rows * (double)plan->levels[0]};
    cost.seconds_passes = cost.passes * rates->pass;
    cost.seconds_heads = rates->fit * (double)rates->columns +
                         rates->feature * (double)rates->features * (double)plan->grid_fit;
    return cost;
}

duet_status duet_searching_time(duet_searching *s, const duet_reader_options *grid) {
    duet_auto_rates *const out = &s->rates;
    duet_status status = DUET_OK;
    duet_auto_cost cost = {0};
    duet_reader *reader = NULL;
    duet_feature_set *set = NULL;
    columns all = {0};
    double ridge = 0, heads = 0;
    const int64_t share = s->all.rows.count / PILOT;
    DUET_DO(duet_searching_views(s, share > DUET_AUTO_FIRST ? (int)share : DUET_AUTO_FIRST));
    DUET_DO(duet_searching_read(s, &set, &reader, grid, &cost));
    DUET_DO(list_columns(&all, set));
    *out = (duet_auto_rates){.pass = cost.passes > 0 ? cost.seconds_passes / cost.passes : 0,
                             .columns = all.count,
                             .features = all.features,
                             .last = WIDTHS * all.features / all.count,
                             .chosen = JOINED * all.features / all.count};
    DUET_DO(time_ridge(s, &all, out, &ridge));
    DUET_DO(time_heads(s, &all, out, &heads));
    cost.seconds_heads = ridge + heads;
    s->out->rounds[0].cost = cost;
done:
    duet_feature_set_close(set);
    duet_reader_close(reader);
    duet_release(all.list);
    return status;
}
