/* SPDX-License-Identifier: MIT
 * The preconditioning of Karras et al. 2022 (table 1), with z = x_t / alpha, sigma for sigma / alpha and s = data:
 *   x0 = s^2/(sigma^2+s^2) z + sigma s/sqrt(sigma^2+s^2) F,   eps = (z - x0)/sigma,   target F = (sigma x0 - s^2 eps) / (s sqrt(sigma^2+s^2))
 * Channels behind the first C are not read. */
#include <math.h>

#include "diffusion/denoiser.h"

typedef struct edm_options {
    double data;
} edm_options;

static const duet_param rows[] = {DUET_FLOAT(edm_options, data, "0.5", 1e-6, 1e6, "standard deviation of the images")};

static void decode(const void *options, const float *raw, int64_t out_channels, const float *x, duet_level level, int64_t count,
                   int64_t channels, float *x0, float *eps)
{
    const double s = ((const edm_options *)options)->data, sigma = level.sigma / level.alpha, whole = sigma * sigma + s * s;
    for (int64_t i = 0; i < count; i++) {
        for (int64_t c = 0; c < channels; c++) {
            const double z = (double)x[i * channels + c] / level.alpha, f = (double)raw[i * out_channels + c];
            if (x0 != NULL) x0[i * channels + c] = (float)(s * s / whole * z + sigma * s / sqrt(whole) * f);
            if (eps != NULL) eps[i * channels + c] = (float)(sigma / whole * z - s / sqrt(whole) * f);
        }
    }
}

static void target_of(const void *options, const float *x0, const float *eps, duet_level level, int64_t count, float *target)
{
    const double s = ((const edm_options *)options)->data, sigma = level.sigma / level.alpha, root = sqrt(sigma * sigma + s * s);
    for (int64_t i = 0; i < count; i++) target[i] = (float)((sigma * (double)x0[i] - s * s * (double)eps[i]) / (s * root));
}

const duet_predict duet_predict_edm = {
    .info = {.name = "edm", .help = "EDM's preconditioned output, for the noise karras", .params = DUET_TABLE(rows, edm_options)},
    .decode = decode,
    .target = target_of,
};
