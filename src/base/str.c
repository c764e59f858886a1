/* SPDX-License-Identifier: MIT
 * base/str.c: growing text, and numbers read in the "C" locale whatever the process has set. */
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

/* Room for `more` bytes and the NUL; false once failed. */
static bool reserve(duet_str *str, int64_t more) {
    if (str->failed) return false;
    if (more > INT64_MAX - 1 - str->size ||
        duet_grow(&str->text, &str->capacity, str->size + more + 1, 1) != DUET_OK) {
        str->failed = true;
    }
    return !str->failed;
}

void duet_str_bytes(duet_str *str, const void *bytes, int64_t count) {
    if (!reserve(str, count)) return;
    if (count > 0) memcpy(str->text + str->size, bytes, (size_t)count);
    str->size += count;
    str->text[str->size] = '\0';
}

void duet_str_add(duet_str *str, const char *text) {
    duet_str_bytes(str, text, (int64_t)strlen(text));
}

void duet_str_vformat(duet_str *str, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    const int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (size < 0 || !reserve(str, size)) return;
    vsnprintf(str->text + str->size, (size_t)size + 1, format, args);
    str->size += size;
}

void duet_str_format(duet_str *str, const char *format, ...) {
    va_list args;
    va_start(args, format);
    duet_str_vformat(str, format, args);
    va_end(args);
}

duet_status duet_str_status(const duet_str *str) {
    return str->failed ? duet_fail(DUET_NO_MEMORY, "out of memory: no room for more text")
                       : DUET_OK;
}

void duet_str_free(duet_str *str) {
    if (str == NULL) return;
    duet_release(str->text);
    *str = (duet_str){0};
}

bool duet_copy_text(char *out, size_t size, const char *text) {
    if (size == 0) return false;
    const size_t wanted = strlen(text);
    const size_t taken = wanted < size ? wanted : size - 1;
    memmove(out, text, taken);
    out[taken] = '\0';
    return taken == wanted;
}

bool duet_starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool duet_ends_with(const char *text, const char *suffix) {
    const size_t size = strlen(text), tail = strlen(suffix);
    return tail <= size && strcmp(text + size - tail, suffix) == 0;
}

bool duet_has_word(const char *text, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        if ((at == text || !isalpha((unsigned char)at[-1])) && !isalpha((unsigned char)at[length]))
            return true;
    return false;
}

bool duet_parse_i64(int64_t *out, const char *text) {
    const bool negative = text[0] == '-';
    const char *p = text + (text[0] == '-' || text[0] == '+');
    if (*p == '\0') return false;
    const uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t value = 0;
    for (; *p != '\0'; p++) {
        if (*p < '0' || *p > '9') return false;
        const uint64_t digit = (uint64_t)(*p - '0');
        if (value > (limit - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out = negative && value > 0 ? -(int64_t)(value - 1) - 1 : (int64_t)value;
    return true;
}

bool duet_parse_f64(double *out, const char *text) {
    /* strtod would also take leading blanks, hexadecimal and "nan(…)". "inf" and "nan" are numbers
     * here. */
    if (text[0] == '\0' || strchr(" \t\n\v\f\r", text[0]) != NULL || strpbrk(text, "xX(") != NULL)
        return false;
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) return false;
    char *end = NULL;
    const int kept = errno;
    errno = 0;
    const double value = strtod_l(text, &end, plain);
    const bool overflow = errno == ERANGE && isinf(value);
    errno = kept;
    freelocale(plain);
    if (*end != '\0' || overflow) return false;
    *out = value;
    return true;
}
