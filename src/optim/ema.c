/* SPDX-License-Identifier: MIT
 * Exponential moving average of the weights: e = e + (1 - d) (w - e), with the warm-up d =
 * min(decay, (1+k)/(10+k)) at step k = 0, 1, … (so that the initial weights are forgotten quickly).
 * Statistics of batch norms are averaged in the same way, so that they are about those of the
 * averaged weights: they lag as far behind. Other states (vectors of spectral norms) are copied. */
#include <string.h>

#include "optim/ema.h"

static const duet_param rows[] = {
    DUET_FLOAT(duet_ema_options, decay, "0.999", 0, 1, "largest decay of the averages"),
};

double duet_ema_decay(double decay, int64_t step) {
    const double warm = (1.0 + (double)step) / (10.0 + (double)step);
    return decay < warm ? decay : warm;
}

static void prepare(const void *options, double factor, int64_t step, float *take) {
    (void)factor;
    *take = (float)(1.0 - duet_ema_decay(((const duet_ema_options *)options)->decay, step - 1));
}

static void run(const duet_update_call *call) {
    const float take = call->coefficients[0];
#pragma omp parallel for schedule(static) num_threads(call->threads)
    for (int64_t n = 0; n < call->tile_count; n++) {
        const duet_update_tile *t = &call->tiles[n];
        float *restrict e = t->beside[0];
        const float *restrict w = t->weight;
        if (!t->averaged)
            memcpy(e, w, (size_t)t->count * sizeof *e);
        else
            for (int64_t i = 0; i < t->count; i++) e[i] += take * (w[i] - e[i]);
    }
}

const duet_rule duet_rule_ema = {
    .info = {.name = DUET_EMA,
             .help = "exponential moving average",
             .params = DUET_TABLE(rows, duet_ema_options)},
    .beside_count = 1,
    .beside = {DUET_EMA},
    .coefficients = 1,
    .prepare = prepare,
    .run = run,
};
