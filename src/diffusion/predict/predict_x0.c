/* SPDX-License-Identifier: MIT
 * The network predicts the clean image:
 *   target = x0,   eps = (x_t - alpha x0) / sigma (0 where there is no noise)
 * Channels after the first C are not read. */
#include <string.h>

#include "diffusion/denoiser.h"

static void decode(const void *options, const float *raw, int64_t out_channels, const float *x,
                   duet_level level, int64_t count, int64_t channels, float *x0, float *eps) {
    (void)options;
    for (int64_t i = 0; i < count; i++) {
        const float *clean = raw + i * out_channels; /* [out_channels] */
        const float *xt = x + i * channels;          /* [C] */
        for (int64_t c = 0; c < channels; c++) {
            const double noise = (double)xt[c] - level.alpha * (double)clean[c];
            if (x0 != NULL) x0[i * channels + c] = clean[c];
            if (eps != NULL)
                eps[i * channels + c] = level.sigma > 0.0 ? (float)(noise / level.sigma) : 0.0f;
        }
    }
}

static void target_of(const void *options, const float *x0, const float *eps, duet_level level,
                      int64_t count, float *target) {
    (void)options;
    (void)eps;
    (void)level;
    memcpy(target, x0, (size_t)count * sizeof(float));
}

const duet_predict duet_predict_x0 = {
    .info = {.name = "x0", .help = "the clean image", .params = DUET_TABLE_EMPTY},
    .decode = decode,
    .target = target_of,
};
