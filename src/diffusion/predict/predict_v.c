/* SPDX-License-Identifier: MIT
 * The network predicts the velocity (Salimans and Ho 2022, appendix D), for variance-preserving
 * noise, alpha^2 + sigma^2 = 1:
 *   target v = alpha eps - sigma x0,   x0 = alpha x_t - sigma v,   eps = sigma x_t + alpha v
 * Channels after the first C are not read. */
#include "diffusion/denoiser.h"

static void decode(const void *options, const float *raw, int64_t out_channels, const float *x,
                   duet_level level, int64_t count, int64_t channels, float *x0, float *eps) {
    (void)options;
    for (int64_t i = 0; i < count; i++) {
        const float *v = raw + i * out_channels; /* [out_channels] */
        const float *xt = x + i * channels;      /* [C] */
        for (int64_t c = 0; c < channels; c++) {
            if (x0 != NULL)
                x0[i * channels + c] =
                    (float)(level.alpha * (double)xt[c] - level.sigma * (double)v[c]);
            if (eps != NULL)
                eps[i * channels + c] =
                    (float)(level.sigma * (double)xt[c] + level.alpha * (double)v[c]);
        }
    }
}

static void target_of(const void *options, const float *x0, const float *eps, duet_level level,
                      int64_t count, float *target) {
    (void)options;
    for (int64_t i = 0; i < count; i++)
        target[i] = (float)(level.alpha * (double)eps[i] - level.sigma * (double)x0[i]);
}

const duet_predict duet_predict_v = {
    .info = {.name = "v", .help = "the velocity, alpha eps - sigma x0", .params = DUET_TABLE_EMPTY},
    .decode = decode,
    .target = target_of,
};
