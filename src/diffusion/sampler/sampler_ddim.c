/* SPDX-License-Identifier: MIT
 * DDIM (Song et al. 2021, equation 12), for any alpha, sigma (s = next level):
 *   eps = (x - alpha_t x0) / sigma_t
 *   x_s = alpha_s x0 + sqrt(sigma_s^2 - v) eps + sqrt(v) noise,   v = eta^2 posterior
 * eta = 0 solves the probability-flow equation to first order; eta = 1 is ancestral sampling. */
#include <math.h>

#include "diffusion/sampler/sampler.h"

typedef struct ddim_options {
    int64_t steps;
    double eta;
    bool clip;
} ddim_options;

static const duet_param rows[] = {
    DUET_INT(ddim_options, steps, "50", 0, 1e6, "sampling steps; 0 = all of the schedule"),
    DUET_FLOAT(ddim_options, eta, "0", 0, 1, "fresh noise: 0 none, 1 as much as ddpm"),
    DUET_BOOLEAN(ddim_options, clip, "true", "clip the predicted image to [-1,1] at each step"),
};

static void rule(const void *options, const duet_sampler_move *move, double *x, const float *x0,
                 const float *noise, int64_t dim) {
    const double eta = ((const ddim_options *)options)->eta, v = eta * eta * move->posterior;
    const double s2 = move->next.sigma * move->next.sigma;
    const double along = sqrt(s2 > v ? s2 - v : 0.0) / move->now.sigma, spread = sqrt(v);
    for (int64_t i = 0; i < dim; i++) {
        x[i] = move->next.alpha * (double)x0[i] + along * (x[i] - move->now.alpha * (double)x0[i]);
        if (noise != NULL) x[i] += spread * (double)noise[i];
    }
}

static duet_status run(const void *options, duet_sampler_state *state) {
    const ddim_options *o = options;
    return duet_sampler_loop(state, o->steps, o->clip, o->eta > 0.0, rule, options);
}

const duet_sampler duet_sampler_ddim = {
    .info = {.name = "ddim",
             .help =
                 "deterministic sampling in few steps; eta adds noise, which young networks need",
             .params = DUET_TABLE(rows, ddim_options)},
    .run = run,
};
