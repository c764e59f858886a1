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

/* As many rows of the last round to fit on, and as many to validate on as belong to them. */
static duet_auto_plan plan_of(const duet_searching *s, int64_t fit) {
    const int levels = s->options->sweep.t.count;
    const int64_t val = fit * s->most_val / s->most_fit;
    duet_auto_plan plan = {.grid_rows = s->most_fit + s->most_val, .grid_fit = s->most_fit};
    for (int r = 0; r < DUET_AUTO_ROUNDS; r++) {
        plan.fit[r] = fit / duet_auto_share[r];
        plan.rows[r] = plan.fit[r] + val / duet_auto_share[r];
        plan.levels[r] = r == 0   ? levels
                         : r == 1 ? (levels > DUET_AUTO_LEVELS ? DUET_AUTO_LEVELS : levels)
                                  : 1;
    }
    return plan;
}

/* Fewer rows until what `cost` foretells and all that follows fit into the time that is left; at
 * least LEAST. */
static int64_t rows_in_time(const duet_searching *s,
                            duet_auto_cost (*cost)(const duet_auto_plan *,
                                                   const duet_auto_rates *)) {
    const duet_sweep_options *const o = &s->options->sweep;
    const int random = strstr(o->baselines, "random") != NULL;
    const double left = 60.0 * o->minutes - (duet_clock() - s->start);
    int64_t fit = s->most_fit;
    while (fit > LEAST) {
        const duet_auto_plan plan = plan_of(s, fit);
        const duet_auto_cost choice = cost(&plan, &s->rates),
                             after = duet_auto_after(&plan, &s->rates, random);
        if (seconds(&choice) + seconds(&after) <= left) break;
        fit = (int64_t)(LESS * (double)fit);
    }
    return fit;
}

static void say(const duet_searching *s) {
    duet_log(s->ctx, DUET_LOG_INFO,
             "the search will take about %.0f images through the network and %.2g minutes; a sweep "
             "of all %lld settings %.0f and %.2g minutes",
             s->out->expected.passes, seconds(&s->out->expected) / 60.0,
             (long long)(s->rates.columns * s->heads.count), s->out->grid.passes,
             seconds(&s->out->grid) / 60.0);
    if (s->options->sweep.minutes > 0)
        duet_log(s->ctx, DUET_LOG_INFO,
                 "by the time that there is, about %lld training rows are fitted on",
                 (long long)s->all.fit.count);
}

/* The rows of the last round. */
static duet_status take(duet_searching *s, int64_t fit) {
    duet_sweep_views_free(&s->all);
    memset(&s->all, 0, sizeof s->all);
    return duet_sweep_views_new(&s->all, s->dataset, fit, fit * s->most_val / s->most_fit,
                                s->options->sweep.seed);
}

duet_status duet_searching_plan(duet_searching *s, const duet_reader_options *grid) {
    const duet_sweep_options *const o = &s->options->sweep;
    DUET_TRY(duet_sweep_views_new(&s->all, s->dataset, o->fit_rows, o->val_rows, o->seed));
    s->most_fit = s->all.fit.count;
    s->most_val = s->all.val.count;
    DUET_TRY(duet_searching_time(s, grid));
    int64_t fit = s->most_fit;
    duet_auto_plan plan = plan_of(s, fit);
    s->out->grid = duet_auto_grid(&plan, &s->rates);
    s->out->expected = duet_auto_expected(&plan, &s->rates);
    if (o->minutes > 0)
        fit = rows_in_time(s, duet_auto_expected);
    else if (plan.grid_rows > SMALL && seconds(&s->out->expected) > LITTLE * seconds(&s->out->grid))
        fit /= 2;
    if (fit < s->most_fit) {
        DUET_TRY(take(s, fit));
        plan = plan_of(s, fit);
        s->out->expected = duet_auto_expected(&plan, &s->rates);
    }
    say(s);
    return DUET_OK;
}

duet_status duet_searching_replan(duet_searching *s) {
    if (!(s->options->sweep.minutes > 0)) return DUET_OK;
    s->rates.last = s->rates.chosen = 0;
    for (int64_t i = 0; i < s->count; i++) {
        s->rates.last += s->alive[i].dim;
        if (s->alive[i].dim > s->rates.chosen) s->rates.chosen = s->alive[i].dim;
    }
    const int64_t fit = rows_in_time(s, duet_auto_last);
    duet_log(s->ctx, DUET_LOG_INFO, "the last round fits on %lld rows in the time that is left",
             (long long)fit);
    return take(s, fit);
}
