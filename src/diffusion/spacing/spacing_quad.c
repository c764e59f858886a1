/* SPDX-License-Identifier: MIT
 * DDIM's quadratic spacing (Song et al. 2021, appendix D.2): t = (part T) (k / (n - 1))^2, denser
 * at little noise. t stays real, since whole ones would occur twice. */
#include "diffusion/spacing/spacing.h"

typedef struct quad_options {
    double part;
} quad_options;

static const duet_param rows[] = {
    DUET_FLOAT(quad_options, part, "0.8", 0.01, 1, "the first t as a part of the schedule"),
};

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    const double most = ((const quad_options *)options)->part * (double)noise->steps;
    for (int64_t k = 0; k < count; k++) {
        const double part = count > 1 ? (double)(count - 1 - k) / (double)(count - 1) : 1.0;
        out[k] = duet_noise_at(noise, most * part * part);
    }
    return DUET_OK;
}

const duet_spacing duet_spacing_quad = {
    .info = {.name = "quad",
             .help = "squares, denser at little noise, as DDIM",
             .params = DUET_TABLE(rows, quad_options)},
    .fill = fill,
};
