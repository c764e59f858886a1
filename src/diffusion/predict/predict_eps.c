/* SPDX-License-Identifier: MIT
 * The network predicts the noise (Ho et al. 2020, equation 14):
 *   target = eps,   x0 = (x_t - sigma eps) / alpha
 * Channels after the first C (the learned variances of guided-diffusion) are not read. */
#include <string.h>

#include "diffusion/denoiser.h"

static void decode(const void *options, const float *raw, int64_t out_channels, const float *x,
                   duet_level level, int64_t count, int64_t channels, float *x0, float *eps) {
    (void)options;
    for (int64_t i = 0; i < count; i++) {
        const float *e = raw + i * out_channels; /* [out_channels] */
        const float *xt = x + i * channels;      /* [C] */
        for (int64_t c = 0; c < channels; c++) {
            if (x0 != NULL)
                x0[i * channels + c] =
                    (float)(((double)xt[c] - level.sigma * (double)e[c]) / level.alpha);
            if (eps != NULL) eps[i * channels + c] = e[c];
        }
    }
}

static void target_of(const void *options, const float *x0, const float *eps, duet_level level,
                      int64_t count, float *target) {
    (void)options;
    (void)x0;
    (void)level;
    memcpy(target, eps, (size_t)count * sizeof(float));
}

const duet_predict duet_predict_eps = {
    .info = {.name = "eps", .help = "the noise", .params = DUET_TABLE_EMPTY},
    .decode = decode,
    .target = target_of,
};
