/* SPDX-License-Identifier: MIT
 * The preconditioning of Karras et al. 2022 (table 1), for noise with alpha = 1; s = data:
 *   x0 = s^2/(sigma^2+s^2) x_t + sigma s/sqrt(sigma^2+s^2) F,   eps = (x_t - x0)/sigma,   target F = (sigma x0 - s^2 eps) / (s sqrt(sigma^2+s^2))
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
    const double s = ((const edm_options *)options)->data, whole = level.sigma * level.sigma + s * s;
    for (int64_t i = 0; i < count; i++) {
        for (int64_t c = 0; c < channels; c++) {
            const double xt = (double)x[i * channels + c], f = (double)raw[i * out_channels + c];
            if (x0 != NULL) x0[i * channels + c] = (float)(s * s / whole * xt + level.sigma * s / sqrt(whole) * f);
            if (eps != NULL) eps[i * channels + c] = (float)(level.sigma / whole * xt - s / sqrt(whole) * f);
        }
    }
}

static void target_of(const void *options, const float *x0, const float *eps, duet_level level, int64_t count, float *target)
{
    const double s = ((const edm_options *)options)->data, root = sqrt(level.sigma * level.sigma + s * s);
    for (int64_t i = 0; i < count; i++) target[i] = (float)((level.sigma * (double)x0[i] - s * s * (double)eps[i]) / (s * root));
}

const duet_predict duet_predict_edm = {
    .info = {.name = "edm", .help = "EDM's preconditioned output, for the noise karras", .params = DUET_TABLE(rows, edm_options)},
    .decode = decode,
    .target = target_of,
};
