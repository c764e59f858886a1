/* SPDX-License-Identifier: MIT
 * The linear multistep method of Adams and Bashforth for uneven steps: the slopes dy/du of the last
 * levels are continued by a polynomial, which is integrated over the step. The first steps, which
 * know fewer slopes, are of lower order. */
#include <math.h>

#include "diffusion/sampler/multistep.h"

typedef struct lms_options {
    duet_walk_options walk;
    int64_t order;
} lms_options;
DUET_WALK_FIRST(lms_options);

static const duet_param rows[] = {
    DUET_WALK_STEPS("25", "sampling steps; 0 = all of the schedule"),
    DUET_INT(lms_options, order, "4", 1, 4, "slopes that are used"),
    DUET_WALK_ROWS,
};

static duet_status step(const void *options, duet_walk *walk) {
    const int64_t order = ((const lms_options *)options)->order, known = duet_walk_before(walk) + 1;
    const duet_level now = duet_walk_now(walk), next = duet_walk_next(walk);
    const double from = duet_walk_place(walk, now), to = duet_walk_place(walk, next);
    const int count = (int)(known < order ? known : order);
    double at[DUET_WALK_SEEN], weight[DUET_WALK_SEEN] = {0};
    DUET_TRY(duet_walk_look(walk, now));
    if (!isfinite(from)) return duet_walk_line(walk, now, next, 0.0);
    duet_walk_slope(walk, now, walk->curve);
    for (int i = 0; i < count; i++) at[i] = duet_walk_place(walk, walk->level[walk->k - i]);
    for (int i = 0; i < count; i++)
        weight[i] = duet_lagrange_integral(at, count, i, from, to, false);
    return duet_walk_slopes(walk, now, next, walk->curve, weight);
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
