/* SPDX-License-Identifier: MIT
 * The family `average`, and lists of its members. */
#include "optim/average/average.h"

#include <string.h>

#include "base/error.h"
#include "optim/average/average.def"

DUET_FAMILY(average, DUET_AVERAGES, "averages of the weights over training, joined by '+'");

const char *duet_average_kind(int index) {
    static const char *const kinds[DUET_AVERAGES_MOST] = {DUET_EMA, "ema.1", "ema.2", "ema.3"};
    return kinds[index];
}

static bool is_number(const char *text) {
    return (*text >= '0' && *text <= '9') || *text == '.';
}

static duet_status parse_one(duet_choice *out, const char *one) {
    char spec[DUET_TEXT_SIZE + 16];
    duet_format(spec, sizeof spec, "%s%s", is_number(one) ? DUET_EMA ":decay=" : "", one);
    return duet_choice_parse(out, &duet_family_average, spec);
}

duet_status duet_averages_parse(duet_averages *out, const char *text) {
    char list[DUET_TEXT_SIZE], *rest = NULL;
    out->count = 0;
    if (!duet_copy_text(list, sizeof list, text))
        return duet_fail(DUET_ARG, "'ema': '%.40s…' is too long", text);
    for (char *one = strtok_r(list, "+", &rest); one != NULL; one = strtok_r(NULL, "+", &rest)) {
        if (out->count == DUET_AVERAGES_MOST)
            return duet_fail(DUET_ARG, "'ema': at most %d averages", DUET_AVERAGES_MOST);
        const duet_status status = parse_one(&out->list[out->count++], one);
        if (status != DUET_OK) {
            duet_error_frame("'ema'");
            return status;
        }
    }
    if (out->count > 0) return DUET_OK;
    return duet_fail(DUET_ARG, "'ema' names no average; write such as 0.999 or power:std=0.1");
}
