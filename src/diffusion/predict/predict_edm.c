/* SPDX-License-Identifier: MIT
 * The preconditioning of Karras et al. 2022 (table 1), with z = x_t / alpha, sigma for sigma /
 * alpha, s = data and d = sigma - low:
 *   x0 = s^2/(d^2+s^2) z + d s/sqrt(sigma^2+s^2) F,   eps = (z - x0)/sigma
 *   F = sqrt(sigma^2+s^2) (d^2 x0 - s^2 sigma eps) / (d s (d^2+s^2))
 * EDM has low = 0; consistency models (Song et al. 2023, appendix C) have the lowest level there,
 * where x0 is the image itself. Diffusers' v_prediction of EDM has the opposite sign of F. */
#include <math.h>

#include "diffusion/denoiser.h"

typedef struct edm_options {
    double data, low;
    bool negative;
} edm_options;

static const duet_param rows[] = {
    DUET_FLOAT(edm_options, data, "0.5", 1e-6, 1e6, "standard deviation of the images"),
    DUET_FLOAT(edm_options, low, "0", 0, 1e6, "lowest level of a consistency model"),
    DUET_BOOLEAN(edm_options, negative, "false", "the output has the opposite sign"),
};

static duet_predict_map map_of(const void *options, duet_level level) {
    const edm_options *const o = options;
    const double s = o->data, sigma = duet_level_ratio(level),
                 d = sigma > o->low ? sigma - o->low : 0.0;
    const double root = sqrt(sigma * sigma + s * s), whole = d * d + s * s;
    const double sign = o->negative ? -1.0 : 1.0, limit = o->low > 0.0 ? 0.0 : 1.0;
    const double part = sigma > 0.0 ? d / sigma : limit, ratio = d > 0.0 ? sigma / d : limit;
    return (duet_predict_map){.x0_x = s * s / whole / level.alpha,
                              .x0_raw = sign * d * s / root,
                              .eps_x = part * d / whole / level.alpha,
                              .eps_raw = -sign * part * s / root,
                              .raw_x0 = sign * root * d / (s * whole),
                              .raw_eps = -sign * root * s * ratio / whole};
}

const duet_predict duet_predict_edm = {
    .info = {.name = "edm",
             .help = "EDM's preconditioned output",
             .params = DUET_TABLE(rows, edm_options)},
    .map = map_of,
};
