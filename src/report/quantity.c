/* SPDX-License-Identifier: MIT
 * report/quantity.c: numbers as people read them. Values come from files and may be anything, so no
 * cast to an integer type happens before a range check. */
#include "report/quantity.h"

#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *keep(const char *text) {
    return text != NULL ? text : "";
}

const char *duet_quantity_count(duet_arena *arena, double value) {
    char digits[64], out[96];
    size_t size = 0;
    if (!isfinite(value)) return "–";
    if (fabs(value) >= 1e18) return keep(duet_arena_format(arena, "%.3g", value));
    const int length = duet_format(digits, sizeof digits, "%.0f", fabs(value));
    if (value <= -0.5) out[size++] = '-';
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) out[size++] = ',';
        out[size++] = digits[i];
    }
    out[size] = 0;
    return keep(duet_arena_text(arena, out));
}

const char *duet_quantity_short(duet_arena *arena, double value) {
    static const char *const unit[] = {"", " k", " M", " G", " T", " P"};
    int step = 0;
    if (!isfinite(value)) return "–";
    while (fabs(value) >= 999.5 && step < 5) {
        value /= 1000;
        step++;
    }
    const double size = fabs(value);
    const int decimals = step == 0 || size >= 100 ? 0 : size >= 10 ? 1 : 2;
    return keep(duet_arena_format(arena, "%.*f%s", decimals, value, unit[step]));
}

const char *duet_quantity_fixed(duet_arena *arena, double value, int decimals) {
    if (!isfinite(value)) return "–";
    if (fabs(value) >= 1e12) return keep(duet_arena_format(arena, "%.3g", value));
    return keep(duet_arena_format(arena, "%.*f", decimals, value));
}

const char *duet_quantity_plain(duet_arena *arena, double value) {
    if (!isfinite(value)) return "–";
    return keep(duet_arena_format(arena, "%.4g", value));
}

const char *duet_quantity_seconds(duet_arena *arena, double value) {
    if (!isfinite(value) || value < 0 || value > 1e12) return "–";
    if (value < 0.0995) return keep(duet_arena_format(arena, "%.0f ms", value * 1000));
    if (value < 99.95) return keep(duet_arena_format(arena, "%.1f s", value));
    const int64_t minutes = (int64_t)(value / 60 + 0.5);
    if (value < 600) {
        const int64_t seconds = (int64_t)(value + 0.5);
        return keep(duet_arena_format(arena, "%lld min %02lld s", (long long)(seconds / 60),
                                      (long long)(seconds % 60)));
    }
    if (minutes < 60) return keep(duet_arena_format(arena, "%lld min", (long long)minutes));
    return keep(duet_arena_format(arena, "%lld h %02lld min", (long long)(minutes / 60),
                                  (long long)(minutes % 60)));
}

const char *duet_quantity_bytes(duet_arena *arena, double value) {
    static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    int step = 0;
    if (!isfinite(value) || value < 0) return "–";
    while (value >= 1000 && step < 4) {
        value /= 1024;
        step++;
    }
    return keep(
        duet_arena_format(arena, "%.*f %s", step > 0 && value < 10 ? 1 : 0, value, unit[step]));
}

const char *duet_quantity_signed(duet_arena *arena, double value, int decimals) {
    if (!isfinite(value)) return "–";
    const char *text = duet_quantity_fixed(arena, fabs(value), decimals);
    if (strspn(text, "0.") == strlen(text)) return text;
    return keep(duet_arena_format(arena, "%s%s", value < 0 ? "−" : "+", text));
}
