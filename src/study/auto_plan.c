/* SPDX-License-Identifier: MIT
 * study/auto_plan.c: how many rows the rounds of a search see. The last one has all rows of the
 * sweep where that costs little of it or there are few, else half of them; with a limit of time,
 * as many as it allows. */
#include "study/auto.h"

#include <string.h>

#include "base/context.h"

const int duet_auto_share[DUET_AUTO_ROUNDS] = {DUET_AUTO_FIRST, 2, 1};

static const double LITTLE = 0.15; /* of a sweep's cost */
static const double LESS = 0.85;   /* of the rows, while the time does not suffice */
enum {
    SMALL = 6000, /* so many rows or fewer are all in the last round */
    LEAST = 300   /* rows to fit on, whatever the time */
};

static double seconds(const duet_auto_cost *cost) {
    return cost->seconds_passes + cost->seconds_heads;
}

/* fit, val: rows of the last round. */
static duet_auto_plan plan_of(const duet_searching *s, const duet_sweep_views *grid, int64_t fit,
                              int64_t val) {
    const int levels = s->options->sweep.t.count;
    duet_auto_plan plan = {.grid_rows = grid->rows.count, .grid_fit = grid->fit.count};
    for (int r = 0; r < DUET_AUTO_ROUNDS; r++) {
        plan.fit[r] = fit / duet_auto_share[r];
        plan.rows[r] = plan.fit[r] + val / duet_auto_share[r];
        plan.levels[r] = r == 0   ? levels
                         : r == 1 ? (levels > DUET_AUTO_LEVELS ? DUET_AUTO_LEVELS : levels)
                                  : 1;
    }
    return plan;
}

/* Fewer rows until choice and all that follows fit into the time; at least LEAST. */
static int64_t rows_in_time(const duet_searching *s, const duet_sweep_views *grid, int64_t fit,
                            const duet_auto_rates *rates) {
    const duet_sweep_options *const o = &s->options->sweep;
    const int random = strstr(o->baselines, "random") != NULL;
    const double left = 60.0 * o->minutes - seconds(&s->out->rounds[0].cost);
    while (fit > LEAST) {
        const duet_auto_plan plan = plan_of(s, grid, fit, fit * grid->val.count / grid->fit.count);
        const duet_auto_cost choice = duet_auto_expected(&plan, rates),
                             after = duet_auto_after(&plan, rates, random);
        if (seconds(&choice) + seconds(&after) <= left) break;
        fit = (int64_t)(LESS * (double)fit);
    }
    return fit;
}

static void say(const duet_searching *s, const duet_auto_rates *rates) {
    duet_log(s->ctx, DUET_LOG_INFO,
             "the search will take about %.0f images through the network and %.2g minutes; a sweep "
             "of all %lld settings %.0f and %.2g minutes",
             s->out->expected.passes, seconds(&s->out->expected) / 60.0,
             (long long)(rates->columns * s->heads.count), s->out->grid.passes,
             seconds(&s->out->grid) / 60.0);
    if (s->options->sweep.minutes > 0)
        duet_log(s->ctx, DUET_LOG_INFO,
                 "by the time that there is, %lld training rows are fitted on",
                 (long long)s->all.fit.count);
}

duet_status duet_searching_plan(duet_searching *s, const duet_reader_options *grid) {
    const duet_sweep_options *const o = &s->options->sweep;
    duet_status status = DUET_OK;
    duet_sweep_views whole = {.fit = {.count = 0}};
    duet_auto_rates rates;
    DUET_DO(duet_sweep_views_new(&whole, s->dataset, o->fit_rows, o->val_rows, o->seed));
    DUET_DO(duet_sweep_views_new(&s->all, s->dataset, whole.fit.count, whole.val.count, o->seed));
    DUET_DO(duet_searching_time(s, &rates, grid));
    int64_t fit = whole.fit.count;
    duet_auto_plan plan = plan_of(s, &whole, fit, whole.val.count);
    s->out->grid = duet_auto_grid(&plan, &rates);
    s->out->expected = duet_auto_expected(&plan, &rates);
    if (o->minutes > 0)
        fit = rows_in_time(s, &whole, fit, &rates);
    else if (whole.rows.count > SMALL &&
             seconds(&s->out->expected) > LITTLE * seconds(&s->out->grid))
        fit /= 2;
    if (fit < whole.fit.count) {
        const int64_t val = fit * whole.val.count / whole.fit.count;
        duet_sweep_views_free(&s->all);
        DUET_DO(duet_sweep_views_new(&s->all, s->dataset, fit, val, o->seed));
        plan = plan_of(s, &whole, fit, val);
        s->out->expected = duet_auto_expected(&plan, &rates);
    }
    say(s, &rates);
done:
    duet_sweep_views_free(&whole);
    return status;
}
