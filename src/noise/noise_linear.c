/* SPDX-License-Identifier: MIT
 * The linear schedule of DDPM (Ho et al. 2020), as guided-diffusion computes it:
 *   beta_t from beta_start to beta_end in equal steps, both times 1000/steps;
 *   abar_t = prod_{s<=t} (1 - beta_s)
 *   alpha_t = sqrt(abar_t), sigma_t = sqrt(1 - abar_t); variance preserving, so in_scale = 1.
 * The network sees the step itself (net_t = t, not rescaled to 1000), as that code does without
 * rescale_timesteps. */
#include "base/error.h"
#include "noise/noise.h"

typedef struct linear_options {
    int64_t steps;
    double beta_start, beta_end;
    bool zero_snr;
} linear_options;

static const duet_param rows[] = {
    DUET_INT(linear_options, steps, "1000", 1, 1e6, "steps of the schedule"),
    DUET_FLOAT(linear_options, beta_start, "0.0001", 1e-12, 1,
               "variance added at the first step, for 1000 steps"),
    DUET_FLOAT(linear_options, beta_end, "0.02", 1e-12, 1,
               "variance added at the last step, for 1000 steps"),
    DUET_ZERO_SNR(linear_options),
};

static int64_t steps_of(const void *options) {
    return ((const linear_options *)options)->steps;
}

static duet_status table_of(const void *options, duet_level *table) {
    const linear_options *o = options;
    const double scale = 1000.0 / (double)o->steps, first = scale * o->beta_start,
                 last = scale * o->beta_end;
    const double most = first > last ? first : last;
    if (most >= 1.0) {
        return duet_fail(DUET_ARG,
                         "noise 'linear' with %lld steps would add a variance of %g in one step, "
                         "it must stay below 1; "
                         "raise 'steps' or lower 'beta_end'",
                         (long long)o->steps, most);
    }
    const double stride = o->steps > 1 ? (last - first) / (double)(o->steps - 1) : 0.0;
    double abar = 1.0;
    for (int64_t t = 0; t < o->steps; t++) {
        const double beta = t > 0 && t == o->steps - 1 ? last : first + (double)t * stride;
        abar *= 1.0 - beta;
        table[t] = duet_level_kept(t, abar);
    }
    if (o->zero_snr) duet_levels_zero_snr(table, o->steps);
    return DUET_OK;
}

const duet_noise_schedule duet_noise_linear = {
    .info = {.name = "linear",
             .help = "linear variances of DDPM",
             .params = DUET_TABLE(rows, linear_options)},
    .steps = steps_of,
    .table = table_of,
};
