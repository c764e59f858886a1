/* SPDX-License-Identifier: MIT
 * Levels as they are given, by t or by sigma/alpha, from the noisiest on. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "diffusion/spacing/spacing.h"

typedef struct list_options {
    char t[2 * DUET_TEXT_SIZE], sigma[2 * DUET_TEXT_SIZE];
} list_options;

static const duet_param rows[] = {
    DUET_TEXT(list_options, t, "", NULL, "999/750/500, also between whole steps"),
    DUET_TEXT(list_options, sigma, "", NULL, "sigma/alpha instead: 80/10/1"),
};

static const char *text_of(const list_options *o) {
    return o->t[0] != '\0' ? o->t : o->sigma;
}

static int64_t count_of(const void *options, const duet_noise *noise, int64_t steps) {
    const char *text = text_of(options);
    int64_t count = text[0] != '\0' ? 1 : 0;
    (void)noise, (void)steps;
    for (const char *at = strpbrk(text, "/;,"); at != NULL; at = strpbrk(at + 1, "/;,")) count++;
    return count;
}

static duet_status fill(const void *options, const duet_noise *noise, int64_t count,
                        duet_level *out) {
    const list_options *o = options;
    const bool by_t = o->t[0] != '\0';
    const char *rest = text_of(o);
    if (by_t && o->sigma[0] != '\0')
        return duet_fail(DUET_ARG, "a spacing 'list' has either t or sigma, not both");
    for (int64_t k = 0; k < count; k++) {
        char word[64];
        double value = 0.0;
        const size_t size = strcspn(rest, "/;,"), kept = size < sizeof word ? size : 0;
        memcpy(word, rest, kept);
        word[kept] = '\0';
        rest += size + (rest[size] != '\0' ? 1 : 0);
        if (!duet_parse_f64(&value, word) || !(value >= 0.0))
            return duet_fail(DUET_ARG, "'%.40s' in the spacing 'list' is not a level; write %s",
                             word, by_t ? "t=999/750/500" : "sigma=80/10/1");
        if (by_t && value > (double)(noise->steps - 1))
            return duet_fail(DUET_ARG,
                             "level t %.6g does not exist; the model's levels are 0 to %lld", value,
                             (long long)noise->steps - 1);
        out[k] = by_t ? duet_noise_at(noise, value) : duet_noise_find(noise, value);
    }
    return DUET_OK;
}

const duet_spacing duet_spacing_list = {
    .info = {.name = "list",
             .help = "the levels that are given; steps follow",
             .params = DUET_TABLE(rows, list_options)},
    .count = count_of,
    .fill = fill,
};
