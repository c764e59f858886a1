/* SPDX-License-Identifier: MIT
 * diffusion/sampler/sampler.h: the family `sampler`: ways down a list of levels, from noise to an
 * image. A member says how one step goes (diffusion/sampler/trail.h); all share the rest: levels,
 * evaluations of the network, thresholds, noise, callbacks. */
#ifndef DUET_DIFFUSION_SAMPLER_SAMPLER_H
#define DUET_DIFFUSION_SAMPLER_SAMPLER_H

#include "diffusion/denoiser.h"

typedef struct duet_sampler_state {
    void *user; /* levels for duet_denoise */
    /* One evaluation for all rows; x[rows*dim] f32. */
    duet_status (*denoise)(void *user, const float *x, duet_level level, const duet_denoised *out);
    /* The same in double, in its place where not NULL: exact denoisers, whose order of convergence
     * rounding would hide. */
    duet_status (*denoise_exact)(void *user, const double *x, duet_level level, double *x0);
    /* Changes the prediction x0[rows*dim] at x, after thresholds; NULL = nobody does. */
    duet_status (*steer)(void *user, const float *x, duet_level level, float *x0);
    bool learns_variance;
    const duet_noise *noise;
    int64_t rows, dim;
    /* in: noise at the highest level of the schedule; out: the sample. The state stays in double
     * precision. */
    double *x;
    /* noise of step k of row i: duet_rng_make(seed, "step", id[i]), elements from k*dim */
    uint64_t seed;
    const int64_t *id; /* [rows] numbers of the samples */
    bool clip;         /* predicted x0 may be clipped, by the sampler's options */
    /* Steps that are left out at the beginning: x is at their end, level[first], then. */
    int64_t first;
    /* Lugmayr et al. 2022 (RePaint): after every `jump` steps noise leads back to where they began,
     * and they are gone again, `again` times. again 0 = never; jump 0 = a tenth of the steps. */
    int64_t jump, again;
    duet_status (*step)(void *user, int64_t done, int64_t total, const double *x,
                        const float *x0); /* after each step; may be NULL */
} duet_sampler_state;

typedef struct duet_trail duet_trail;
typedef struct duet_sampler {
    duet_entry info; /* its options begin with a duet_trail_options */
    int remembers;   /* newest predictions that a step uses, 1 to DUET_TRAIL_SEEN */
    bool leaps;      /* the lowest level is not visited */
    int order;       /* of convergence on the probability-flow equation, eta = 0; 0 = none */
    /* From the state at trail->level[trail->k] to that at the next level. */
    duet_status (*step)(const void *options, duet_trail *trail);
} duet_sampler;
DUET_FAMILY_OF(sampler, duet_sampler);

DUET_NODISCARD duet_status duet_sampler_run(const duet_sampler *sampler, const void *options,
                                            duet_sampler_state *state);
/* The levels of a run, from the noisiest to where it ends: steps + 1 of them. duet_release. */
DUET_NODISCARD duet_status duet_sampler_levels(const duet_sampler *sampler, const void *options,
                                               const duet_noise *noise, duet_level **out,
                                               int64_t *steps);

#endif
