/* SPDX-License-Identifier: MIT
 * Exponential moving average of the weights: e = e + (1 - d) (w - e), with the warm-up d =
 * min(decay, (1+k)/(10+k)) at step k = 0, 1, … (so that the initial weights are forgotten quickly).
 * Statistics of batch norms are averaged in the same way, so that they are about those of the
 * averaged weights: they lag as far behind. Other states (vectors of spectral norms) are copied. */
#include "optim/average/average.h"
#include "optim/average/follow.h"

typedef struct ema_options {
    double decay; /* the largest */
} ema_options;

static const duet_param rows[] = {
    DUET_FLOAT(ema_options, decay, "0.999", 0, 0.9999999, "largest decay of the averages"),
};

double duet_ema_decay(double decay, int64_t step) {
    const double warm = (1.0 + (double)step) / (10.0 + (double)step);
    return decay < warm ? decay : warm;
}

static void prepare(const void *options, double factor, int64_t step, float *take) {
    (void)factor;
    *take = (float)(1.0 - duet_ema_decay(((const ema_options *)options)->decay, step - 1));
}

const duet_rule duet_average_ema = {
    .info = {.name = "ema",
             .help = "exponential moving average",
             .params = DUET_TABLE(rows, ema_options)},
    .beside_count = 1,
    .beside = {DUET_EMA},
    .coefficients = 1,
    .prepare = prepare,
    .run = duet_average_follow,
};
