/* SPDX-License-Identifier: MIT
 * The family `sampler`, and a run of one: levels, buffers, steps. */
#include "diffusion/sampler/sampler.h"

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
    if (top <= 1.0 || first == top) return;
    for (int64_t i = 0; i < state->rows * state->dim; i++) state->x[i] *= first / top;
}

duet_status duet_sampler_run(const duet_sampler *sampler, const void *options,
                             duet_sampler_state *state) {
    duet_status status = DUET_OK;
    duet_level *level = NULL;
    duet_trail trail = {.state = state, .options = options, .learned = false};
    DUET_TRY(duet_sampler_levels(sampler, options, state->noise, &level, &trail.steps));
    trail.level = level;
    trail.curve = duet_curve_of(state->noise);
    DUET_DO(duet_trail_open(&trail, sampler->remembers));
    begin_at(&trail);
    for (; trail.k < trail.steps; trail.k++) {
        DUET_DO(sampler->step(options, &trail));
        if (state->step != NULL)
            DUET_DO(state->step(state->user, trail.k + 1, trail.steps, state->x, trail.x0));
    }
done:
    duet_trail_close(&trail);
    duet_release(level);
    return status;
}
