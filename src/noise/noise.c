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

#define MOST_STEPS 1000000

static duet_status fill_table(duet_noise *noise) {
    const void *const options = &noise->choice.options;
    if (noise->schedule->table != NULL) return noise->schedule->table(options, noise->table);
    for (int64_t t = 0; t < noise->steps; t++)
        noise->table[t] = noise->schedule->at(options, (double)t);
    return DUET_OK;
}

duet_status duet_noise_new(duet_noise **out, const char *spec) {
    duet_status status = DUET_OK;
    duet_noise *noise = NULL;
    DUET_DO(duet_alloc(&noise, 1, sizeof *noise));
    DUET_DO(duet_choice_parse(&noise->choice, &duet_family_noise, spec));
    noise->schedule = duet_noise_of(noise->choice.entry);
    noise->steps = noise->schedule->steps(&noise->choice.options);
    if (noise->steps < 1 || noise->steps > MOST_STEPS) {
        DUET_FAIL(DUET_ARG, "noise '%s' has %lld steps; between 1 and %d are possible", spec,
                  (long long)noise->steps, MOST_STEPS);
    }
    DUET_DO(duet_alloc(&noise->table, noise->steps, sizeof *noise->table));
    DUET_DO(fill_table(noise));
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

/* ---- levels ---- */

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

double duet_level_ratio(duet_level level) {
    return level.alpha > 0.0 ? level.sigma / level.alpha : INFINITY;
}

double duet_level_snr(duet_level level) {
    const double ratio = duet_level_ratio(level);
    return 1.0 / (ratio * ratio);
}

/* A variance-preserving level of this ratio. */
static duet_level kept_of(double t, double ratio, double net_t) {
    const double alpha = 1.0 / sqrt(1.0 + ratio * ratio);
    return (duet_level){
        .t = t, .alpha = alpha, .sigma = ratio * alpha, .in_scale = 1.0, .net_t = net_t};
}

/* Between the whole t of a table: log(sigma/alpha) is linear, or sigma/alpha where an end is 0 or
 * infinite. */
static duet_level between(const duet_noise *noise, int64_t below, double part) {
    const duet_level a = noise->table[below], b = noise->table[below + 1];
    const double low = duet_level_ratio(a), high = duet_level_ratio(b);
    const double t = a.t + part * (b.t - a.t), net_t = a.net_t + part * (b.net_t - a.net_t);
    if (low > 0.0 && isfinite(high))
        return kept_of(t, exp(log(low) + part * (log(high) - log(low))), net_t);
    if (isfinite(high)) return kept_of(t, low + part * (high - low), net_t);
    return kept_of(t, low / (1.0 - part), net_t);
}

duet_level duet_noise_at(const duet_noise *noise, double t) {
    const double most = (double)(noise->steps - 1);
    if (!(t > 0.0)) return noise->table[0];
    if (t >= most) return noise->table[noise->steps - 1];
    if (t == floor(t)) return noise->table[(int64_t)t];
    if (noise->schedule->at != NULL) return noise->schedule->at(&noise->choice.options, t);
    return between(noise, (int64_t)floor(t), t - floor(t));
}

/* The place of `ratio` between t and t + 1, to the last digit. */
static double inside(const duet_noise *noise, int64_t t, double ratio) {
    const double a = duet_level_ratio(noise->table[t]), b = duet_level_ratio(noise->table[t + 1]);
    if (noise->schedule->at == NULL) {
        if (a > 0.0 && isfinite(b)) return (log(ratio) - log(a)) / (log(b) - log(a));
        return isfinite(b) ? (ratio - a) / (b - a) : 1.0 - a / ratio;
    }
    double low = 0.0, high = 1.0;
    for (int i = 0; i < 60; i++) {
        const double middle = 0.5 * (low + high);
        if (duet_level_ratio(duet_noise_at(noise, (double)t + middle)) < ratio)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

duet_level duet_noise_find(const duet_noise *noise, double ratio) {
    int64_t low = 0, high = noise->steps - 1; /* ratio(low) <= ratio < ratio(high) */
    if (!(ratio > duet_level_ratio(noise->table[low]))) return noise->table[low];
    if (ratio >= duet_level_ratio(noise->table[high])) return noise->table[high];
    while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        if (duet_level_ratio(noise->table[middle]) <= ratio)
            low = middle;
        else
            high = middle;
    }
    return duet_noise_at(noise, (double)low + inside(noise, low, ratio));
}

duet_level_gap duet_level_between(duet_level now, duet_level next) {
    const double ratio = now.alpha / next.alpha;
    const double t2 = now.sigma * now.sigma, s2 = next.sigma * next.sigma;
    const double added = t2 - ratio * ratio * s2;
    return (duet_level_gap){.added = added, .posterior = added * s2 / t2};
}

duet_level duet_noise_draw(const duet_noise *noise, duet_rng rng) {
    if (noise->schedule->draw != NULL) return noise->schedule->draw(&noise->choice.options, rng);
    return noise->table[duet_rng_below(rng, 0, (uint64_t)noise->steps)];
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

duet_level duet_level_edm(double t, double sigma, double data, double time) {
    return (duet_level){.t = t,
                        .alpha = 1.0,
                        .sigma = sigma,
                        .in_scale = 1.0 / sqrt(sigma * sigma + data * data),
                        .net_t = time * log(sigma)};
}

double duet_sigma_karras(double u, double low, double high, double rho) {
    const double a = pow(low, 1.0 / rho), b = pow(high, 1.0 / rho);
    return pow(a + u * (b - a), rho);
}

double duet_karras_of(double sigma, double low, double high, double rho) {
    const double a = pow(low, 1.0 / rho), b = pow(high, 1.0 / rho);
    return (pow(sigma, 1.0 / rho) - a) / (b - a);
}

void duet_levels_zero_snr(duet_level *table, int64_t steps) {
    const double first = table[0].alpha, last = table[steps - 1].alpha;
    for (int64_t t = 0; t < steps; t++) {
        const double alpha = t < steps - 1 ? (table[t].alpha - last) * first / (first - last) : 0.0;
        table[t].alpha = alpha;
        table[t].sigma = sqrt(1.0 - alpha * alpha);
    }
}
