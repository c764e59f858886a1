/* SPDX-License-Identifier: MIT
 * The cosine schedule of improved DDPM (Nichol and Dhariwal 2021, equation 17), as guided-diffusion
 * computes it:
 *   f(u) = cos^2((u + offset) / (1 + offset) pi/2),  beta_t = min(1 - f((t+1)/T) / f(t/T), most),
 *   abar_t = prod_{s<=t} (1 - beta_s)
 * Variance preserving; the network sees the step itself. */
#include <math.h>

#include "noise/noise.h"

typedef struct cosine_options {
    int64_t steps;
    double offset, most;
    bool zero_snr;
} cosine_options;

static const duet_param rows[] = {
    DUET_INT(cosine_options, steps, "1000", 1, 1e6, "steps of the schedule"),
    DUET_FLOAT(cosine_options, offset, "0.008", 0, 1, "keeps the first steps from being too small"),
    DUET_FLOAT(cosine_options, most, "0.999", 0.001, 0.999999, "most variance that a step adds"),
    DUET_ZERO_SNR(cosine_options),
};

static int64_t steps_of(const void *options) {
    return ((const cosine_options *)options)->steps;
}

static double kept(const cosine_options *o, int64_t t) {
    const double c = cos(((double)t / (double)o->steps + o->offset) / (1.0 + o->offset) *
                         1.57079632679489661923);
    return c * c;
}

static duet_status table_of(const void *options, duet_level *table) {
    const cosine_options *o = options;
    double abar = 1.0;
    for (int64_t t = 0; t < o->steps; t++) {
        abar *= 1.0 - fmin(1.0 - kept(o, t + 1) / kept(o, t), o->most);
        table[t] = duet_level_kept(t, abar);
    }
    if (o->zero_snr) duet_levels_zero_snr(table, o->steps);
    return DUET_OK;
}

const duet_noise_schedule duet_noise_cosine = {
    .info = {.name = "cosine",
             .help = "cosine schedule of improved DDPM",
             .params = DUET_TABLE(rows, cosine_options)},
    .steps = steps_of,
    .table = table_of,
};
