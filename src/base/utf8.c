/* SPDX-License-Identifier: MIT
 * base/utf8.c: see utf8.h; over utf8proc. */
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#include <utf8proc.h>

/* Bytes of the character at `text`, 0 where there is none. */
static int64_t character(const char *text, int64_t left) {
    utf8proc_int32_t code = 0;
    const utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text, left, &code);
    return n > 0 ? (int64_t)n : 0;
}

static bool is_ascii(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text > 127) return false;
    return true;
}

bool duet_utf8_is(const char *text) {
    for (int64_t left = (int64_t)strlen(text), n = 0; left > 0; left -= n, text += n)
        if ((n = character(text, left)) == 0) return false;
    return true;
}

char *duet_utf8_same(duet_arena *arena, const char *text) {
    if (is_ascii(text) || !duet_utf8_is(text)) return duet_arena_text(arena, text);
    utf8proc_uint8_t *const composed = utf8proc_NFC((const utf8proc_uint8_t *)text);
    char *const out = duet_arena_text(arena, composed != NULL ? (const char *)composed : text);
    duet_release_foreign(composed);
    return out;
}

char *duet_utf8_shown(duet_arena *arena, const char *text) {
    if (duet_utf8_is(text)) return duet_utf8_same(arena, text);
    int64_t left = (int64_t)strlen(text);
    char *const out = duet_arena_alloc(arena, 4 * left + 1, 1), *to = out;
    while (out != NULL && left > 0) {
        const int64_t n = character(text, left), step = n > 0 ? n : 1;
        if (n > 0)
            memcpy(to, text, (size_t)n);
        else
            snprintf(to, 5, "\\x%02x", (unsigned)(unsigned char)*text);
        to += n > 0 ? n : 4;
        text += step;
        left -= step;
    }
    return out;
}
