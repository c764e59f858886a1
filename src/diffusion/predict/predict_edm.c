/* SPDX-License-Identifier: MIT
 * The preconditioning of Karras et al. 2022 (table 1), with z = x_t / alpha, sigma for sigma /
 * alpha, s = data and d = sigma - low:
 *   x0 = s^2/(d^2+s^2) z + d s/sqrt(sigma^2+s^2) F,   eps = (z - x0)/sigma
 *   target F = sqrt(sigma^2+s^2) (d^2 x0 - s^2 sigma eps) / (d s (d^2+s^2))
 * EDM has low = 0; consistency models (Song et al. 2023, appendix C) have the lowest level there,
 * where x0 is the image itself. Channels after the first C are not read. */
#include <math.h>

#include "diffusion/denoiser.h"

typedef struct edm_options {
    double data, low;
} edm_options;

static const duet_param rows[] = {
    DUET_FLOAT(edm_options, data, "0.5", 1e-6, 1e6, "standard deviation of the images"),
    DUET_FLOAT(edm_options, low, "0", 0, 1e6, "lowest level of a consistency model")};

/* The coefficients of the formulas at one level. */
typedef struct scales {
    double s, sigma, d, root, whole; /* root = sqrt(sigma^2+s^2), whole = d^2+s^2 */
} scales;

static scales at(const void *options, duet_level level) {
    const edm_options *const o = options;
    const double s = o->data, sigma = level.sigma / level.alpha,
                 d = sigma > o->low ? sigma - o->low : 0.0;
    return (scales){.s = s,
                    .sigma = sigma,
                    .d = d,
                    .root = sqrt(sigma * sigma + s * s),
                    .whole = d * d + s * s};
}

static void decode(const void *options, const float *raw, int64_t out_channels, const float *x,
                   duet_level level, int64_t count, int64_t channels, float *x0, float *eps) {
    const scales k = at(options, level);
    const double part = k.sigma > 0.0                               ? k.d / k.sigma
                        : ((const edm_options *)options)->low > 0.0 ? 0.0
                                                                    : 1.0; /* the limit */
    for (int64_t i = 0; i < count; i++) {
        for (int64_t c = 0; c < channels; c++) {
            const double z = (double)x[i * channels + c] / level.alpha,
                         f = (double)raw[i * out_channels + c];
            if (x0 != NULL)
                x0[i * channels + c] = (float)(k.s * k.s / k.whole * z + k.d * k.s / k.root * f);
            if (eps != NULL)
                eps[i * channels + c] = (float)(part * (k.d / k.whole * z - k.s / k.root * f));
        }
    }
}

static void target_of(const void *options, const float *x0, const float *eps, duet_level level,
                      int64_t count, float *target) {
    const scales k = at(options, level);
    const double by = k.root / (k.s * k.whole), ratio = k.d > 0.0 ? k.sigma / k.d
                                                        : ((const edm_options *)options)->low > 0.0
                                                            ? 0.0
                                                            : 1.0;
    for (int64_t i = 0; i < count; i++)
        target[i] = (float)(by * (k.d * (double)x0[i] - k.s * k.s * ratio * (double)eps[i]));
}

const duet_predict duet_predict_edm = {
    .info = {.name = "edm",
             .help = "EDM's preconditioned output, for the noise karras",
             .params = DUET_TABLE(rows, edm_options)},
    .decode = decode,
    .target = target_of,
};
