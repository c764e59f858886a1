/* SPDX-License-Identifier: MIT
 * Pseudo numerical methods (Liu et al. 2022): the slope of a step is that of Adams and Bashforth
 * for even steps, of the last four: s = (55 s_0 - 59 s_1 + 37 s_2 - 9 s_3)/24,   y' = y + (u' - u)
 * s Warming up: `plms`, the first step is repeated with the mean of the slopes at its ends, the
 * next two have shorter formulas; `prk`, three steps of Runge and Kutta through the t in the
 * middle. */
#include <math.h>
#include <string.h>

#include "diffusion/sampler/multistep.h"

typedef struct plms_options {
    duet_trail_options trail;
    char warmup[16];
} plms_options;
DUET_TRAIL_FIRST(plms_options);

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("50",
                     "sampling steps, one or three evaluations more; 0 = all of the schedule"),
    DUET_TEXT(plms_options, warmup, "plms", "plms|prk",
              "the first steps: shorter formulas, or Runge and Kutta (9 evaluations more)"),
    DUET_TRAIL_ROWS,
};

static duet_status look(duet_trail *trail, duet_level level) {
    DUET_TRY(duet_trail_look(trail, level));
    duet_trail_slope(trail, level, trail->curve);
    return DUET_OK;
}

/* From the marked state to `next`, by slopes weighted with `part`. */
static duet_status from_mark(duet_trail *trail, duet_level next, const double *part) {
    const duet_level now = duet_trail_now(trail);
    const double scale = next.alpha + trail->curve * next.sigma,
                 d = duet_trail_place(trail, next) - duet_trail_place(trail, now);
    duet_trail_move move = {.mark = scale / (now.alpha + trail->curve * now.sigma)};
    for (int i = 0; i < trail->remembers; i++) move.seen[i] = scale * d * part[i];
    return duet_trail_go(trail, &move);
}

/* The first step again, with the slope at its end, which is not remembered. */
static duet_status again(duet_trail *trail, duet_level next) {
    static const double first[DUET_TRAIL_SEEN] = {1.0}, both[DUET_TRAIL_SEEN] = {0.5, 0.5};
    DUET_TRY(duet_trail_mark(trail));
    DUET_TRY(from_mark(trail, next, first));
    DUET_TRY(look(trail, next));
    DUET_TRY(from_mark(trail, next, both));
    duet_trail_forget(trail);
    return DUET_OK;
}

static duet_status runge_kutta(duet_trail *trail, duet_level next) {
    static const double one[DUET_TRAIL_SEEN] = {1.0};
    static const double all[DUET_TRAIL_SEEN] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
    const duet_level middle =
        duet_noise_at(trail->state->noise, 0.5 * (duet_trail_now(trail).t + next.t));
    double *before[DUET_TRAIL_SEEN]; /* slopes of the steps before, which this one pushes out */
    (void)before;
    DUET_TRY(duet_trail_mark(trail));
    DUET_TRY(from_mark(trail, middle, one));
    DUET_TRY(look(trail, middle));
    DUET_TRY(from_mark(trail, middle, one));
    DUET_TRY(look(trail, middle));
    DUET_TRY(from_mark(trail, next, one));
    DUET_TRY(look(trail, next));
    DUET_TRY(from_mark(trail, next, all));
    for (int i = 0; i < 3; i++) duet_trail_forget(trail);
    return DUET_OK;
}

/* Steps before from which slopes are known, this one included, at most 4. */
static int known(const duet_trail *trail) {
    const int64_t count = duet_trail_before(trail) + 1;
    return count < 4 ? (int)count : 4;
}

static duet_status step(const void *options, duet_trail *trail) {
    static const double parts[][DUET_TRAIL_SEEN] = {
        {1.0},
        {1.5, -0.5},
        {23.0 / 12, -16.0 / 12, 5.0 / 12},
        {55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24},
    };
    const bool prk = strcmp(((const plms_options *)options)->warmup, "prk") == 0;
    const duet_level now = duet_trail_now(trail), next = duet_trail_next(trail);
    const int count = known(trail);
    if (!isfinite(duet_trail_place(trail, now))) {
        DUET_TRY(duet_trail_look(trail, now));
        return duet_trail_line(trail, now, next, 0.0);
    }
    DUET_TRY(look(trail, now));
    if (next.sigma > 0.0 && prk && count < 4) return runge_kutta(trail, next);
    if (next.sigma > 0.0 && !prk && count < 2) return again(trail, next);
    DUET_TRY(duet_trail_mark(trail));
    return from_mark(trail, next, parts[count - 1]);
}

const duet_sampler duet_sampler_plms = {
    .info = {.name = "plms",
             .help = "pseudo linear multistep, fourth order for even steps",
             .params = DUET_TABLE(rows, plms_options),
             .aliases = "pndm PNDMScheduler"},
    .remembers = 6,
    .order = 4,
    .step = step,
};
