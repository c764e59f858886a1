/* SPDX-License-Identifier: MIT
 * DEIS (Zhang and Chen 2023), tAB of log rho, rho = sigma/alpha: the polynomial through the last
 * predictions of the noise is one of log rho,
 *   x'/alpha' = x/alpha + sum_i eps_i integral of L_i(log rho) d rho
 * The first steps, which know fewer of them, and one to the clean image are of lower order. */
#include <math.h>

#include "diffusion/sampler/multistep.h"

typedef struct deis_options {
    duet_walk_options walk;
    int64_t order;
} deis_options;
DUET_WALK_FIRST(deis_options);

static const duet_param rows[] = {
    DUET_WALK_STEPS("20", "sampling steps; 0 = all of the schedule"),
    DUET_INT(deis_options, order, "3", 1, 3, "predictions that are used"),
    DUET_WALK_ROWS,
};

static duet_status step(const void *options, duet_walk *walk) {
    const int64_t order = ((const deis_options *)options)->order,
                  known = duet_walk_before(walk) + 1;
    const duet_level now = duet_walk_now(walk), next = duet_walk_next(walk);
    const double from = duet_level_ratio(now), to = duet_level_ratio(next);
    const int count = (int)(known < order ? known : order);
    double at[DUET_WALK_SEEN], weight[DUET_WALK_SEEN] = {0};
    DUET_TRY(duet_walk_look(walk, now));
    if (!isfinite(from) || to <= 0.0) return duet_walk_line(walk, now, next, 0.0);
    duet_walk_slope(walk, now, 0.0);
    for (int i = 0; i < count; i++) at[i] = duet_level_ratio(walk->level[walk->k - i]);
    for (int i = 0; i < count; i++)
        weight[i] = duet_lagrange_integral(at, count, i, from, to, true);
    return duet_walk_slopes(walk, now, next, 0.0, weight);
}

const duet_sampler duet_sampler_deis = {
    .info = {.name = "deis",
             .help = "exponential multistep in log rho, one evaluation a step",
             .params = DUET_TABLE(rows, deis_options),
             .aliases = "DEISMultistepScheduler"},
    .remembers = 3,
    .order = 3,
    .step = step,
};
