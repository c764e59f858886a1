/* SPDX-License-Identifier: MIT
 * Power-function average (Karras et al. 2024, "Analyzing and improving the training dynamics of
 * diffusion models", section 3.1): e = e + (1 - d) (w - e) with d = (1 - 1/k)^(gamma + 1) at step
 * k = 1, 2, …, so that step t weighs (t^(gamma+1) - (t-1)^(gamma+1)) / T^(gamma+1) at step T: the
 * average reaches back over the same part of the training at any time, and the first weights count
 * nothing. */
#include <math.h>

#include "optim/average/average.h"
#include "optim/average/follow.h"

typedef struct power_options {
    double std;
} power_options;

static const duet_param rows[] = {
    DUET_FLOAT(power_options, std, "0.1", 0.001, 0.288,
               "its length: standard deviation of the weights of the steps, in parts of the run"),
};

double duet_power_std(double gamma) {
    return sqrt((gamma + 1.0) / ((gamma + 2.0) * (gamma + 2.0) * (gamma + 3.0)));
}

/* std falls with gamma from 0.2887 at 0. */
double duet_power_exponent(double std) {
    double low = 0.0, high = 1.0;
    while (duet_power_std(high) > std) high *= 2.0;
    for (int i = 0; i < 200 && low < high; i++) {
        const double middle = 0.5 * (low + high);
        if (duet_power_std(middle) > std)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

double duet_power_decay(double gamma, int64_t step) {
    return pow(1.0 - 1.0 / (double)step, gamma + 1.0);
}

static void prepare(const void *options, double factor, int64_t step, float *take) {
    const double gamma = duet_power_exponent(((const power_options *)options)->std);
    (void)factor;
    *take = (float)(1.0 - duet_power_decay(gamma, step));
}

const duet_rule duet_average_power = {
    .info = {.name = "power",
             .help = "power-function average; other lengths can be made afterwards",
             .params = DUET_TABLE(rows, power_options)},
    .beside_count = 1,
    .beside = {DUET_EMA},
    .coefficients = 1,
    .prepare = prepare,
    .run = duet_average_follow,
};

double duet_average_exponent(const duet_choice *average) {
    if (average->entry != &duet_average_power.info) return -1.0;
    return duet_power_exponent(((const power_options *)(const void *)&average->options)->std);
}
