/* SPDX-License-Identifier: MIT
 * study/auto_join.c: which settings help each other. Forward selection by ridge regression: to the
 * best candidate the one is added with which it does best. Whether that gains, the heads of the
 * last round show. */
#include "study/auto.h"

#include <math.h>
#include <string.h>

enum { PARTNERS = 8 }; /* candidates that are tried as the next one */

static bool has(const duet_settings *settings, const duet_setting *one) {
    for (int i = 0; i < settings->count; i++)
        if (duet_setting_equal(&settings->v[i], one)) return true;
    return false;
}

static bool has_tap(const duet_settings *settings, int64_t t, int64_t tap) {
    for (int i = 0; i < settings->count; i++)
        if (settings->v[i].t == t && settings->v[i].tap == tap) return true;
    return false;
}

/* `base` with one candidate more, each: other maps than it has, and of a tap its best pool. t: the
 * level that they may have; DUET_LEVEL_UNSET = any. */
static int64_t extend(const duet_searching *s, const duet_candidate *base, int64_t t,
                      duet_candidate list[PARTNERS]) {
    int64_t count = 0;
    for (int64_t i = 0; i < s->count && count < PARTNERS; i++) {
        const duet_setting *one = &s->alive[i].settings.v[0];
        bool known = has_tap(&base->settings, one->t, one->tap) || has(&base->settings, one) ||
                     (t != DUET_LEVEL_UNSET && one->t != t);
        for (int64_t k = 0; k < count; k++) known |= has_tap(&list[k].settings, one->t, one->tap);
        if (known) continue;
        list[count] = *base;
        list[count].settings.v[list[count].settings.count++] = *one;
        list[count++].dim += s->alive[i].dim;
    }
    return count;
}

typedef struct joins {
    int count;
    int64_t rows;                       /* that they were ranked by */
    duet_candidate v[DUET_AUTO_JOINED]; /* v[k] has k + 1 settings */
} joins;

/* Forward selection from the best candidate, at one level or all. */
static duet_status select_forward(const duet_searching *s, int64_t t, joins *out,
                                  duet_auto_round *round) {
    *out = (joins){.count = 1, .v = {s->alive[0]}};
    while (out->count < s->options->joined) {
        const duet_candidate *const base = &out->v[out->count - 1];
        duet_candidate list[PARTNERS];
        const int64_t count = extend(s, base, t, list);
        int64_t found = -1;
        if (count == 0) return DUET_OK;
        DUET_TRY(duet_searching_rank(s, list, count, "joined settings", &out->rows, &round->cost));
        for (int64_t i = 0; i < count; i++)
            if (found < 0 || list[i].score > list[found].score) found = i;
        round->settings += count;
        out->v[out->count++] = list[found];
    }
    return DUET_OK;
}

/* Another level is another pass over all rows for ever: it has to gain a standard error. */
duet_status duet_searching_join(const duet_searching *s, duet_candidate out[DUET_AUTO_JOINED - 1],
                                int *count, duet_auto_round *round) {
    joins one, any;
    DUET_TRY(select_forward(s, s->alive[0].settings.v[0].t, &one, round));
    any = one;
    if (round->levels > 1) DUET_TRY(select_forward(s, DUET_LEVEL_UNSET, &any, round));
    const double top1 = one.v[one.count - 1].top1, p = top1 / 100.0,
                 error = 100.0 * sqrt(p * (1.0 - p) / (double)(one.rows > 0 ? one.rows : 1));
    const joins *const best = any.v[any.count - 1].top1 > top1 + error ? &any : &one;
    *count = best->count - 1;
    for (int i = 0; i < *count; i++) out[i] = best->v[i + 1];
    return DUET_OK;
}
