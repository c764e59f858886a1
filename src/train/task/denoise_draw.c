/* SPDX-License-Identifier: MIT
 * train/task/denoise_draw.c: the levels of a batch. By importance (Nichol and Dhariwal 2021,
 * section 3.3, loss-second-moment): the last 10 losses of each level are kept; once all levels have
 * 10, p_t ~ sqrt(mean of the squares), mixed with 0.1 % of the uniform distribution, and a row's
 * loss has the weight 1 / (T p_t). */
#include <math.h>

#include "train/task/denoise.h"

enum { PAST = 10 };
#define UNIFORM 0.001

/* kept[T, 1 + PAST]: the number of losses so far, then the last of them. */
int64_t duet_denoise_history(const denoise_options *o, const duet_noise *noise) {
    return o->importance ? noise->steps * (1 + PAST) : 0;
}

/* Root of the mean square of a level; negative as long as it is not known. */
static double size_of(const float *history, int64_t t) {
    const float *past = history + t * (1 + PAST);
    double sum = 0.0;
    if (past[0] < (float)PAST) return -1.0;
    for (int i = 1; i <= PAST; i++) sum += (double)past[i] * (double)past[i];
    return sqrt(sum / PAST);
}

/* chances[T] of the levels; false as long as one is not known. */
static bool fill_chances(double *chances, const float *history, int64_t steps) {
    double total = 0.0;
    for (int64_t t = 0; t < steps; t++) {
        chances[t] = size_of(history, t);
        if (chances[t] < 0.0) return false;
        total += chances[t];
    }
    for (int64_t t = 0; t < steps; t++) {
        const double by_size = total > 0.0 ? chances[t] / total : 1.0 / (double)steps;
        chances[t] = (1.0 - UNIFORM) * by_size + UNIFORM / (double)steps;
    }
    return true;
}

void duet_denoise_draw(const denoise_options *o, const duet_task_setup *setup, uint64_t seed,
                       int64_t position, duet_level *levels, double *weights, double *chances) {
    const duet_noise *noise = setup->noise;
    const int64_t steps = noise->steps;
    const bool known = o->importance && fill_chances(chances, setup->kept, steps);
    for (int64_t r = 0; r < setup->batch; r++) {
        const duet_rng rng = duet_rng_make(seed, "t", (uint64_t)(position + r));
        weights[r] = 1.0;
        if (!known) {
            levels[r] = duet_noise_draw(noise, rng);
            continue;
        }
        double left = duet_rng_uniform(rng, 0);
        int64_t t = 0;
        for (; t < steps - 1; t++) {
            left -= chances[t];
            if (left < 0.0) break;
        }
        levels[r] = noise->table[t];
        weights[r] = 1.0 / ((double)steps * chances[t]);
    }
}

void duet_denoise_remember(const duet_task_setup *setup, const duet_level *levels,
                           const float *row_loss) {
    for (int64_t r = 0; r < setup->batch; r++) {
        float *past = setup->kept + (int64_t)levels[r].t * (1 + PAST);
        if (!isfinite(row_loss[r])) continue;
        if (past[0] < (float)PAST) {
            past[0] += 1.0f;
            past[(int)past[0]] = row_loss[r];
            continue;
        }
        for (int i = 1; i < PAST; i++) past[i] = past[i + 1];
        past[PAST] = row_loss[r];
    }
}
