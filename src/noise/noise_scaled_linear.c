/* SPDX-License-Identifier: MIT
 * The "scaled linear" schedule of latent diffusion (Rombach et al. 2022) and of diffusers: the
 * roots of the variances grow in equal steps,
 *   beta_t = (sqrt(beta_start) + t/(T-1) (sqrt(beta_end) - sqrt(beta_start)))^2;
 *   abar_t = prod_{s<=t} (1 - beta_s)
 *   alpha_t = sqrt(abar_t), sigma_t = sqrt(1 - abar_t); in_scale = 1, net_t = t. The betas are
 *   those of T steps, whatever T is. */
#include <math.h>

#include "noise/noise.h"

typedef struct scaled_linear_options {
    int64_t steps;
    double beta_start, beta_end;
    bool zero_snr;
} scaled_linear_options;

static const duet_param rows[] = {
    DUET_INT(scaled_linear_options, steps, "1000", 1, 1e6, "steps of the schedule"),
    DUET_FLOAT(scaled_linear_options, beta_start, "0.00085", 1e-12, 0.999,
               "variance added at the first step"),
    DUET_FLOAT(scaled_linear_options, beta_end, "0.012", 1e-12, 0.999,
               "variance added at the last step"),
    DUET_ZERO_SNR(scaled_linear_options),
};

static int64_t steps_of(const void *options) {
    return ((const scaled_linear_options *)options)->steps;
}

static duet_status table_of(const void *options, duet_level *table) {
    const scaled_linear_options *o = options;
    const double first = sqrt(o->beta_start),
                 stride = o->steps > 1 ? (sqrt(o->beta_end) - first) / (double)(o->steps - 1) : 0.0;
    double abar = 1.0;
    for (int64_t t = 0; t < o->steps; t++) {
        const double root = first + (double)t * stride;
        abar *= 1.0 - root * root;
        table[t] = duet_level_kept(t, abar);
    }
    if (o->zero_snr) duet_levels_zero_snr(table, o->steps);
    return DUET_OK;
}

const duet_noise_schedule duet_noise_scaled_linear = {
    .info = {.name = "scaled_linear",
             .help = "linear roots of variances, of latent diffusion",
             .params = DUET_TABLE(rows, scaled_linear_options)},
    .steps = steps_of,
    .table = table_of,
};
