/* SPDX-License-Identifier: MIT
 * The family `predict`: what the raw output of a network means. Channels after the image's (the
 * learned variances of guided-diffusion) are not read here. */
#include "diffusion/denoiser.h"
#include "diffusion/predict/predict.def"

DUET_FAMILY(predict, DUET_PREDICTS, "what the network's output means");

void duet_predict_decode(const duet_predict_map *map, const float *raw, int64_t out_channels,
                         const float *x, int64_t count, int64_t channels, float *x0, float *eps) {
    for (int64_t i = 0; i < count; i++) {
        const float *f = raw + i * out_channels; /* [out_channels] */
        const float *xt = x + i * channels;      /* [C] */
        for (int64_t c = 0; c < channels; c++) {
            if (x0 != NULL)
                x0[i * channels + c] =
                    (float)(map->x0_x * (double)xt[c] + map->x0_raw * (double)f[c]);
            if (eps != NULL)
                eps[i * channels + c] =
                    (float)(map->eps_x * (double)xt[c] + map->eps_raw * (double)f[c]);
        }
    }
}

void duet_predict_target(const duet_predict_map *map, const float *x0, const float *eps,
                         int64_t count, float *target) {
    for (int64_t i = 0; i < count; i++)
        target[i] = (float)(map->raw_x0 * (double)x0[i] + map->raw_eps * (double)eps[i]);
}
