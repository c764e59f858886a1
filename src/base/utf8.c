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

int duet_utf8_put(char *out, uint32_t code) {
    const bool is = code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    return (int)utf8proc_encode_char((utf8proc_int32_t)(is ? code : 0xFFFD),
                                     (utf8proc_uint8_t *)out);
}

/* The character at `*text`, or the byte there as \xNN, in one[5]; `*text` goes behind it. Returns
 * its bytes. */
static size_t shown(char one[5], const char **text, int64_t *left) {
    const int64_t n = character(*text, *left), step = n > 0 ? n : 1;
    if (n > 0)
        memcpy(one, *text, (size_t)n);
    else
        snprintf(one, 5, "\\x%02x", (unsigned)(unsigned char)**text);
    *text += step;
    *left -= step;
    return n > 0 ? (size_t)n : 4;
}

char *duet_utf8_shown(duet_arena *arena, const char *text) {
    if (duet_utf8_is(text)) return duet_utf8_same(arena, text);
    const size_t size = 4 * strlen(text) + 1;
    char *const out = duet_arena_alloc(arena, (int64_t)size, 1);
    if (out != NULL) duet_text_shown(out, size, text);
    return out;
}

void duet_text_shown(char *out, size_t size, const char *text) {
    int64_t left = (int64_t)strlen(text);
    size_t used = 0;
    while (left > 0) {
        char one[5];
        const size_t bytes = shown(one, &text, &left);
        if (used + bytes >= size) break;
        memcpy(out + used, one, bytes);
        used += bytes;
    }
    out[used] = '\0';
}

static int hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void duet_text_unshown(char *text) {
    char *to = text;
    while (*text != '\0') {
        const bool escape =
            text[0] == '\\' && text[1] == 'x' && hex(text[2]) >= 8 && hex(text[3]) >= 0;
        *to++ = escape ? (char)(16 * hex(text[2]) + hex(text[3])) : *text;
        text += escape ? 4 : 1;
    }
    *to = '\0';
}
