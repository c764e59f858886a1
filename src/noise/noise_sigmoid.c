/* SPDX-License-Identifier: MIT
 * The sigmoid schedule of diffusers (from GeoDiff, Xu et al. 2022):
 *   beta_t = beta_start + (beta_end - beta_start) / (1 + exp(-u_t)), u_t from -6 to 6 in equal
 * steps; abar_t = prod_{s<=t} (1 - beta_s) alpha_t = sqrt(abar_t), sigma_t = sqrt(1 - abar_t);
 * in_scale = 1, net_t = t. The betas are those of T steps, whatever T is. */
#include <math.h>

#include "noise/noise.h"

typedef struct sigmoid_options {
    int64_t steps;
    double beta_start, beta_end;
    bool zero_snr;
} sigmoid_options;

static const duet_param rows[] = {
    DUET_INT(sigmoid_options, steps, "1000", 1, 1e6, "steps of the schedule"),
    DUET_FLOAT(sigmoid_options, beta_start, "0.0001", 1e-12, 0.999, "lower end of the variances"),
    DUET_FLOAT(sigmoid_options, beta_end, "0.02", 1e-12, 0.999, "upper end of the variances"),
    DUET_ZERO_SNR(sigmoid_options),
};

static int64_t steps_of(const void *options) {
    return ((const sigmoid_options *)options)->steps;
}

static duet_status table_of(const void *options, duet_level *table) {
    const sigmoid_options *o = options;
    const double stride = o->steps > 1 ? 12.0 / (double)(o->steps - 1) : 0.0;
    double abar = 1.0;
    for (int64_t t = 0; t < o->steps; t++) {
        abar *= 1.0 - (o->beta_start +
                       (o->beta_end - o->beta_start) / (1.0 + exp(6.0 - (double)t * stride)));
        table[t] = duet_level_kept(t, abar);
    }
    if (o->zero_snr) duet_levels_zero_snr(table, o->steps);
    return DUET_OK;
}

const duet_noise_schedule duet_noise_sigmoid = {
    .info = {.name = "sigmoid",
             .help = "variances along a sigmoid",
             .params = DUET_TABLE(rows, sigmoid_options)},
    .steps = steps_of,
    .table = table_of,
};
