/* SPDX-License-Identifier: MIT
 * The family `noise`: tables of levels, the noise of an image, and adding it.
 *   x_t = alpha_t x0 + sigma_t eps,   what the network gets = in_scale x_t, net_t */
#include <math.h>

#include "noise/noise.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "noise/noise.def"

DUET_FAMILY(noise, DUET_NOISES, "noise schedules");

#define OPTIONS_SIZE 512
#define MOST_STEPS   1000000

duet_status duet_noise_new(duet_noise **out, const char *spec) {
    duet_status status = DUET_OK;
    union {
        max_align_t align;
        uint8_t bytes[OPTIONS_SIZE];
    } options = {0};
    const duet_entry *entry = NULL;
    duet_noise *noise = NULL;
    DUET_DO(duet_family_parse(&duet_family_noise, &entry, &options, sizeof options, spec));
    DUET_DO(duet_alloc(&noise, 1, sizeof *noise));
    noise->schedule = duet_noise_of(entry);
    noise->steps = noise->schedule->steps(&options);
    if (noise->steps < 1 || noise->steps > MOST_STEPS) {
        DUET_FAIL(DUET_ARG, "noise '%s' has %lld steps; between 1 and %d are possible", spec,
                  (long long)noise->steps, MOST_STEPS);
    }
    DUET_DO(duet_alloc(&noise->table, noise->steps, sizeof *noise->table));
    DUET_DO(noise->schedule->table(&options, noise->table));
    *out = noise;
    noise = NULL;
done:
    duet_noise_free(noise);
    return status;
}

void duet_noise_free(duet_noise *noise) {
    if (noise == NULL) return;
    duet_release(noise->table);
    duet_release(noise);
}

duet_level duet_noise_level(const duet_noise *noise, int64_t t) {
    if (t < 0 && noise->table[0].in_scale != 1.0) {
        duet_level clean = noise->table[0];
        clean.t = -1.0;
        clean.sigma = 0.0;
        return clean;
    }
    if (t < 0)
        return (duet_level){.t = -1.0, .alpha = 1.0, .sigma = 0.0, .in_scale = 1.0, .net_t = 0.0};
    return noise->table[t < noise->steps ? t : noise->steps - 1];
}

void duet_add_noise(float *out, const float *x0, const float *eps, duet_level level,
                    int64_t count) {
    const float a = (float)(level.in_scale * level.alpha),
                s = (float)(level.in_scale * level.sigma);
    for (int64_t i = 0; i < count; i++) out[i] = a * x0[i] + s * eps[i];
}

void duet_image_noise(float *out, uint64_t seed, int64_t id, int64_t count) {
    duet_rng_normal(duet_rng_make(seed, "noise", (uint64_t)id), 0, out, count);
}

duet_level duet_level_kept(int64_t t, double abar) {
    return (duet_level){.t = (double)t,
                        .alpha = sqrt(abar),
                        .sigma = sqrt(1.0 - abar),
                        .in_scale = 1.0,
                        .net_t = (double)t};
}
