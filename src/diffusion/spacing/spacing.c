/* SPDX-License-Identifier: MIT
 * The family `spacing`: levels of a spec, checked; and what spacings by noise share. */
#include "diffusion/spacing/spacing.h"

#include <math.h>

#include "base/error.h"
#include "base/mem.h"
#include "diffusion/spacing/spacing.def"

DUET_FAMILY(spacing, DUET_SPACINGS, "which levels a sampler visits");

#define MOST_RATIO 4096.0

static duet_status check_order(const duet_level *level, int64_t count, const char *spec) {
    for (int64_t k = 1; k < count; k++) {
        if (duet_level_ratio(level[k]) < duet_level_ratio(level[k - 1])) continue;
        return duet_fail(DUET_ARG,
                         "level %lld of the spacing '%s' (t = %.6g) has no less noise than level "
                         "%lld (t = %.6g); take fewer steps",
                         (long long)k + 1, spec, level[k].t, (long long)k, level[k - 1].t);
    }
    return DUET_OK;
}

duet_status duet_spacing_make(const char *spec, const duet_noise *noise, int64_t steps,
                              duet_level **out, int64_t *count) {
    duet_status status = DUET_OK;
    duet_choice choice;
    duet_level *level = NULL;
    DUET_TRY(duet_choice_parse(&choice, &duet_family_spacing, spec));
    const duet_spacing *const spacing = duet_spacing_of(choice.entry);
    const int64_t wanted = steps > 0 ? steps : noise->steps;
    const int64_t given =
        spacing->count != NULL ? spacing->count(&choice.options, noise, wanted) : wanted;
    if (given < 1)
        return duet_fail(DUET_ARG, "the spacing '%s' gives no level; a sampler needs one", spec);
    DUET_TRY(duet_alloc(&level, given + 1, sizeof *level));
    DUET_DO(spacing->fill(&choice.options, noise, given, level));
    DUET_DO(check_order(level, given, spec));
    *out = level;
    *count = given;
    return DUET_OK;
done:
    duet_release(level);
    return status;
}

double duet_curve_of(const duet_noise *noise) {
    const duet_level middle = noise->table[noise->steps / 2];
    return fabs(middle.alpha + middle.sigma - 1.0) < 1e-9 ? 1.0 : 0.0;
}

double duet_curve_place(double curve, duet_level level) {
    return level.sigma / (level.alpha + curve * level.sigma);
}

duet_level duet_curve_level(const duet_noise *noise, double curve, double u) {
    const double rest = 1.0 - curve * u;
    return duet_noise_find(noise, rest > 0.0 ? u / rest : INFINITY);
}

duet_status duet_curve_ends(const duet_noise *noise, double *low, double *high) {
    const double curve = duet_curve_of(noise);
    if (!(*low > 0.0)) *low = duet_curve_place(curve, noise->table[0]);
    if (!(*high > 0.0)) *high = duet_curve_place(curve, noise->table[noise->steps - 1]);
    if (!isfinite(*high)) *high = MOST_RATIO;
    if (*low > 0.0 && *low < *high) return DUET_OK;
    return duet_fail(DUET_ARG,
                     "levels between %.6g and %.6g are impossible; low must be more than 0 and "
                     "less than high",
                     *low, *high);
}

duet_status duet_curve_fill(const void *options, const duet_noise *noise, double low, double high,
                            duet_curve_path path, int64_t count, duet_level *out) {
    const double curve = duet_curve_of(noise);
    DUET_TRY(duet_curve_ends(noise, &low, &high));
    for (int64_t k = 0; k < count; k++) {
        const double part = count > 1 ? 1.0 - (double)k / (double)(count - 1) : 1.0;
        out[k] = duet_curve_level(noise, curve, path(options, part, low, high));
    }
    return DUET_OK;
}
