/* SPDX-License-Identifier: MIT
 * guided-diffusion's --timestep_respacing "10,15,20": the schedule is cut into sections of equal
 * length (the first ones longer by one where it does not divide), each of which gives its count of
 * t, evenly with both ends, rounded halves to even. The first section has the least noise. */
#include <math.h>

#include "base/error.h"
#include "diffusion/spacing/spacing.h"

typedef struct sections_options {
    duet_int_list counts;
} sections_options;

static const duet_param rows[] = {
    DUET_INTS(sections_options, counts, "10/15/20", 1, 1e6, "levels of each section, 10/15/20"),
};

static int64_t count_of(const void *options, const duet_noise *noise, int64_t steps) {
    const duet_int_list *counts = &((const sections_options *)options)->counts;
    int64_t sum = 0;
    (void)noise, (void)steps;
    for (int i = 0; i < counts->count; i++) sum += counts->v[i];
    return sum;
}

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    const duet_int_list *counts = &((const sections_options *)options)->counts;
    int64_t first = 0, done = 0;
    for (int i = 0; i < counts->count; i++) {
        const int64_t n = counts->v[i], size = noise->steps / counts->count +
                                               (i < noise->steps % counts->count ? 1 : 0);
        if (n > size)
            return duet_fail(DUET_ARG,
                             "section %d of the spacing has %lld levels, fewer than the %lld that "
                             "are wanted of it",
                             i + 1, (long long)size, (long long)n);
        const double stride = n > 1 ? (double)(size - 1) / (double)(n - 1) : 1.0;
        double at = 0.0;                              /* added up as in that code */
        for (int64_t k = 0; k < n; k++, at += stride) /* NOLINT(cert-flp30-c): k counts */
            out[count - 1 - done++] = duet_noise_level(noise, first + (int64_t)nearbyint(at));
        first += size;
    }
    return DUET_OK;
}

const duet_spacing duet_spacing_sections = {
    .info = {.name = "sections",
             .help = "so many t of each section, as guided-diffusion's \"10,15,20\"; steps follow",
             .params = DUET_TABLE(rows, sections_options)},
    .count = count_of,
    .fill = fill,
};
