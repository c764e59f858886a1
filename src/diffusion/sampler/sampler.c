/* SPDX-License-Identifier: MIT
 * The family `sampler`, and a run of one: levels, buffers, steps. */
#include "diffusion/sampler/sampler.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "diffusion/sampler/sampler.def"
#include "diffusion/sampler/trail.h"
#include "diffusion/spacing/spacing.h"

DUET_FAMILY(sampler, DUET_SAMPLERS, "ways from noise to an image");

/* Where the last step leads. */
static void add_end(const duet_trail_options *o, const duet_noise *noise, duet_level *level,
                    int64_t *steps) {
    const bool clean = strcmp(o->end, "clean") == 0;
    level[*steps] = duet_noise_level(noise, clean ? -1 : 0);
    /* a step from the lowest level to itself, but for rounding, is none */
    if (level[*steps].sigma < (1.0 - 1e-9) * level[*steps - 1].sigma) return;
    level[*steps - 1] = level[*steps];
    (*steps)--;
}

duet_status duet_sampler_levels(const duet_sampler *sampler, const void *options,
                                const duet_noise *noise, duet_level **out, int64_t *steps) {
    const duet_trail_options *const o = options;
    const int64_t more = sampler->leaps ? 1 : 0;
    DUET_TRY(duet_spacing_make(o->spacing, noise, o->steps > 0 ? o->steps + more : 0, out, steps));
    *steps -= more;
    if (*steps >= 1) add_end(o, noise, *out, steps);
    if (*steps >= 1) return DUET_OK;
    duet_release(*out);
    *out = NULL;
    return duet_fail(DUET_ARG, "the spacing '%s' leaves no step to take; give it more levels",
                     o->spacing);
}

/* Exploding noise is as strong as the first level of the trail, which may be another than the
 * highest of the schedule. */
static void begin_at(const duet_trail *trail) {
    const duet_sampler_state *const state = trail->state;
    const double top = state->noise->table[state->noise->steps - 1].sigma,
                 first = trail->level[0].sigma;
    if (top <= 1.0 || first == top || trail->k > 0) return;
    for (int64_t i = 0; i < state->rows * state->dim; i++) state->x[i] *= first / top;
}

/* Where the steps run once more, with other noise. */
static duet_status go_back(duet_trail *trail, int64_t jump, int64_t round) {
    const int64_t to = trail->k - jump;
    const duet_level low = trail->level[trail->k], high = trail->level[to];
    trail->draw = trail->steps + round * (trail->steps + 1);
    trail->k = trail->from = to;
    return duet_trail_go(trail,
                         &(duet_trail_move){.keep = high.alpha / low.alpha,
                                            .noise = sqrt(duet_level_between(high, low).added)});
}

/* Steps of a stretch; 0 = none is walked again. */
static int64_t jump_of(const duet_sampler_state *state, int64_t left) {
    if (state->again < 1) return 0;
    return state->jump > 0 ? state->jump : left < 10 ? 1 : left / 10;
}

static duet_status walk(const duet_sampler *sampler, duet_trail *trail) {
    const duet_sampler_state *const state = trail->state;
    const int64_t left = trail->steps - state->first, jump = jump_of(state, left),
                  stretches = jump > 0 ? left / jump : 0,
                  total = left + stretches * jump * state->again;
    int64_t round = 0, times = 0, done = 0;
    while (trail->k < trail->steps) {
        trail->draw = trail->k + round * (trail->steps + 1);
        DUET_TRY(sampler->step(trail->options, trail));
        trail->k++;
        done++;
        if (state->step != NULL)
            DUET_TRY(state->step(state->user, done, total, state->x, trail->x0));
        if (jump == 0 || (trail->k - state->first) % jump != 0) continue;
        if (times == state->again) {
            times = 0;
            continue;
        }
        times++;
        DUET_TRY(go_back(trail, jump, round++));
    }
    return DUET_OK;
}

static duet_status check_ways(const duet_sampler_state *state, int64_t steps) {
    if (state->first < 0 || state->first >= steps)
        return duet_fail(DUET_ARG, "no step is left of the %lld of the sampler", (long long)steps);
    if (state->again > 0 && state->jump > steps - state->first)
        return duet_fail(DUET_ARG, "the jump (%lld) is longer than the %lld steps of the sampler",
                         (long long)state->jump, (long long)(steps - state->first));
    return DUET_OK;
}

duet_status duet_sampler_run(const duet_sampler *sampler, const void *options,
                             duet_sampler_state *state) {
    duet_status status = DUET_OK;
    duet_level *level = NULL;
    duet_trail trail = {
        .state = state, .options = options, .k = state->first, .from = state->first};
    DUET_TRY(duet_sampler_levels(sampler, options, state->noise, &level, &trail.steps));
    DUET_DO(check_ways(state, trail.steps));
    trail.level = level;
    trail.curve = duet_curve_of(state->noise);
    DUET_DO(duet_trail_open(&trail, sampler->remembers));
    begin_at(&trail);
    DUET_DO(walk(sampler, &trail));
done:
    duet_trail_close(&trail);
    duet_release(level);
    return status;
}
