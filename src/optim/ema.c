/* SPDX-License-Identifier: MIT
 * Exponential moving average of the weights: e = e + (1 - d) (w - e), with the warm-up d =
 * min(decay, (1+k)/(10+k)) at step k = 0, 1, … (so that the initial weights are forgotten quickly).
 * States and constants are copied. */
#include <string.h>

#include "optim/ema.h"

double duet_ema_decay(double decay, int64_t step) {
    const double warm = (1.0 + (double)step) / (10.0 + (double)step);
    return decay < warm ? decay : warm;
}

void duet_ema_update(const duet_slots *slots, double decay, int threads) {
    const float take = (float)(1.0 - decay);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int64_t k = 0; k < slots->count; k++) {
        const duet_slot *slot = &slots->list[k];
        if (slot->role != DUET_AVERAGE) continue;
        float *restrict e = slot->own;
        const float *restrict w = slots->list[slot->of].own;
        if (slots->list[slot->of].role != DUET_WEIGHT) {
            memcpy(e, w, (size_t)slot->count * sizeof(float));
            continue;
        }
        for (int64_t i = 0; i < slot->count; i++) e[i] += take * (w[i] - e[i]);
    }
}
