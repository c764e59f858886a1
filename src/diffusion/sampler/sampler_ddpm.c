/* SPDX-License-Identifier: MIT
 * Ancestral sampling (Ho et al. 2020, equations 6 and 7), with fewer steps as guided-diffusion's
 *   SpacedDiffusion: the betas are those of the kept abar. Written for any alpha, sigma (s = next
 *   level, r = alpha_t/alpha_s): mean = (r sigma_s^2 x + alpha_s added x0) / sigma_t^2
 * variance: fixed_small = posterior, fixed_large = added. The last step adds no noise and gives x0.
 */
#include <math.h>
#include <string.h>

#include "diffusion/sampler/sampler.h"

typedef struct ddpm_options {
    int64_t steps;
    char variance[DUET_TEXT_SIZE];
    bool clip;
} ddpm_options;

static const duet_param rows[] = {
    DUET_INT(ddpm_options, steps, "250", 0, 1e6, "sampling steps; 0 = all of the schedule"),
    DUET_TEXT(ddpm_options, variance, "fixed_small", "fixed_small|fixed_large",
              "noise added back: posterior or whole beta"),
    DUET_BOOLEAN(ddpm_options, clip, "true", "clip the predicted image to [-1,1] at each step"),
};

static void rule(const void *options, const duet_sampler_move *move, double *x, const float *x0,
                 const float *noise, int64_t dim) {
    const bool large = strcmp(((const ddpm_options *)options)->variance, "fixed_large") == 0;
    const double t2 = move->now.sigma * move->now.sigma, s2 = move->next.sigma * move->next.sigma;
    const double keep = move->now.alpha / move->next.alpha * s2 / t2,
                 pull = move->next.alpha * move->added / t2;
    const double spread = sqrt(large ? move->added : move->posterior);
    for (int64_t i = 0; i < dim; i++) {
        x[i] = keep * x[i] + pull * (double)x0[i];
        if (noise != NULL) x[i] += spread * (double)noise[i];
    }
}

static duet_status run(const void *options, duet_sampler_state *state) {
    const ddpm_options *o = options;
    return duet_sampler_loop(state, o->steps, o->clip, true, rule, options);
}

const duet_sampler duet_sampler_ddpm = {
    .info = {.name = "ddpm",
             .help = "ancestral sampling",
             .params = DUET_TABLE(rows, ddpm_options)},
    .run = run,
};
