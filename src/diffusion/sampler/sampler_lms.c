/* SPDX-License-Identifier: MIT
 * The linear multistep method of Adams and Bashforth for uneven steps: the slopes dy/du of the last
 * levels are continued by a polynomial, which is integrated over the step. The first steps, which
 * know fewer slopes, are of lower order. */
#include <math.h>

#include "diffusion/sampler/multistep.h"

typedef struct lms_options {
    duet_trail_options trail;
    int64_t order;
} lms_options;
DUET_TRAIL_FIRST(lms_options);

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("25", "sampling steps; 0 = all of the schedule"),
    DUET_INT(lms_options, order, "4", 1, 4, "slopes that are used"),
    DUET_TRAIL_ROWS,
};

static duet_status step(const void *options, duet_trail *trail) {
    const int64_t order = ((const lms_options *)options)->order,
                  known = duet_trail_before(trail) + 1;
    const duet_level now = duet_trail_now(trail), next = duet_trail_next(trail);
    const double from = duet_trail_place(trail, now), to = duet_trail_place(trail, next);
    const int count = (int)(known < order ? known : order);
    double at[DUET_TRAIL_SEEN], weight[DUET_TRAIL_SEEN] = {0};
    DUET_TRY(duet_trail_look(trail, now));
    if (!isfinite(from)) return duet_trail_line(trail, now, next, 0.0);
    duet_trail_slope(trail, now, trail->curve);
    for (int i = 0; i < count; i++) at[i] = duet_trail_place(trail, trail->level[trail->k - i]);
    for (int i = 0; i < count; i++)
        weight[i] = duet_lagrange_integral(at, count, i, from, to, false);
    return duet_trail_slopes(trail, now, next, trail->curve, weight);
}

const duet_sampler duet_sampler_lms = {
    .info = {.name = "lms",
             .help = "linear multistep, one evaluation a step",
             .params = DUET_TABLE(rows, lms_options),
             .aliases = "LMSDiscreteScheduler sample_lms k_lms"},
    .remembers = 4,
    .order = 4,
    .step = step,
};
