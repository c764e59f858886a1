/* SPDX-License-Identifier: MIT
 * DEIS (Zhang and Chen 2023), tAB of log rho, rho = sigma/alpha: the polynomial through the last
 * predictions of the noise is one of log rho,
 *   x'/alpha' = x/alpha + sum_i eps_i integral of L_i(log rho) d rho
 * The first steps, which know fewer of them, and one to the clean image are of lower order. */
#include <math.h>

#include "diffusion/sampler/multistep.h"

typedef struct deis_options {
    duet_trail_options trail;
    int64_t order;
} deis_options;
DUET_TRAIL_FIRST(deis_options);

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("20", "sampling steps; 0 = all of the schedule"),
    DUET_INT(deis_options, order, "3", 1, 3, "predictions that are used"),
    DUET_TRAIL_ROWS,
};

static duet_status step(const void *options, duet_trail *trail) {
    const int64_t order = ((const deis_options *)options)->order,
                  known = duet_trail_before(trail) + 1;
    const duet_level now = duet_trail_now(trail), next = duet_trail_next(trail);
    const double from = duet_level_ratio(now), to = duet_level_ratio(next);
    const int count = (int)(known < order ? known : order);
    double at[DUET_TRAIL_SEEN], weight[DUET_TRAIL_SEEN] = {0};
    DUET_TRY(duet_trail_look(trail, now));
    if (!isfinite(from) || to <= 0.0) return duet_trail_line(trail, now, next, 0.0);
    duet_trail_slope(trail, now, 0.0);
    for (int i = 0; i < count; i++) at[i] = duet_level_ratio(trail->level[trail->k - i]);
    for (int i = 0; i < count; i++)
        weight[i] = duet_lagrange_integral(at, count, i, from, to, true);
    return duet_trail_slopes(trail, now, next, 0.0, weight);
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
