/* SPDX-License-Identifier: MIT
 * The continuous variance-preserving schedule (Song et al. 2021; Karras et al. 2022, table 1):
 *   sigma/alpha = sqrt(exp(beta_d tau^2 / 2 + beta_min tau) - 1),   tau evenly from 1 to eps */
#include <math.h>

#include "diffusion/spacing/spacing.h"

typedef struct vp_options {
    double beta_d, beta_min, eps;
} vp_options;

static const duet_param rows[] = {
    DUET_FLOAT(vp_options, beta_d, "19.9", 0, 1e3, "growth of beta"),
    DUET_FLOAT(vp_options, beta_min, "0.1", 0, 1e3, "beta at tau = 0"),
    DUET_FLOAT(vp_options, eps, "0.001", 1e-6, 0.5, "the last tau"),
};

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    const vp_options *o = options;
    for (int64_t k = 0; k < count; k++) {
        const double part = count > 1 ? (double)k / (double)(count - 1) : 0.0;
        const double tau = 1.0 + part * (o->eps - 1.0);
        out[k] =
            duet_noise_find(noise, sqrt(expm1(0.5 * o->beta_d * tau * tau + o->beta_min * tau)));
    }
    return DUET_OK;
}

const duet_spacing duet_spacing_vp = {
    .info = {.name = "vp",
             .help = "the continuous variance-preserving schedule, evenly in its time",
             .params = DUET_TABLE(rows, vp_options)},
    .fill = fill,
};
