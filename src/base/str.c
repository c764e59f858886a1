/* SPDX-License-Identifier: MIT
 * base/str.c: growing text, and numbers read and printed in the "C" locale whatever the process has
 * set. */
#include "base/str.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

int duet_vformat(char *out, size_t size, const char *format, va_list args) {
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    const locale_t before = plain != (locale_t)0 ? uselocale(plain) : (locale_t)0;
    const int wanted = vsnprintf(out, size, format, args);
    if (plain != (locale_t)0) {
        uselocale(before);
        freelocale(plain);
    }
    return wanted;
}

int duet_format(char *out, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int wanted = duet_vformat(out, size, format, args);
    va_end(args);
    return wanted;
}

int duet_print_f64(char *out, size_t size, double value) {
    char text[64] = "";
    for (int digits = 1; digits <= 17; digits++) {
        double back = 0.0;
        duet_format(text, sizeof text, "%.*g", digits, value);
        if (duet_parse_f64(&back, text) && back == value) break;
    }
    return snprintf(out, size, "%s", text);
}

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
    const int size = duet_vformat(NULL, 0, format, again);
    va_end(again);
    if (size < 0 || !reserve(str, size)) return;
    duet_vformat(str->text + str->size, (size_t)size + 1, format, args);
    str->size += size;
}

void duet_str_format(duet_str *str, const char *format, ...) {
    va_list args;
    va_start(args, format);
    duet_str_vformat(str, format, args);
    va_end(args);
}

void duet_str_base64(duet_str *str, const void *from, int64_t size) {
    const uint8_t *const bytes = from;
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char block[4096];
    int filled = 0;
    for (int64_t i = 0; i < size; i += 3) {
        const int64_t left = size - i;
        const uint32_t word = (uint32_t)bytes[i] << 16 |
                              (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                              (left > 2 ? bytes[i + 2] : 0u);
        block[filled] = digit[word >> 18];
        block[filled + 1] = digit[word >> 12 & 63];
        block[filled + 2] = left > 1 ? digit[word >> 6 & 63] : '=';
        block[filled + 3] = left > 2 ? digit[word & 63] : '=';
        filled += 4;
        if (filled == (int)sizeof block) {
            duet_str_bytes(str, block, filled);
            filled = 0;
        }
    }
    duet_str_bytes(str, block, filled);
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

char duet_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_letter(char c) {
    return duet_lower(c) >= 'a' && duet_lower(c) <= 'z';
}

bool duet_has_word(const char *text, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        if ((at == text || !is_letter(at[-1])) && !is_letter(at[length])) return true;
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

/* Beyond the range of a double a number becomes infinite, and *large true. */
static bool parse_real(double *out, bool *large, const char *text) {
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
    *large = errno == ERANGE && isinf(value);
    errno = kept;
    freelocale(plain);
    if (*end != '\0') return false;
    *out = value;
    return true;
}

bool duet_parse_f64(double *out, const char *text) {
    double value = 0.0;
    bool large = false;
    if (!parse_real(&value, &large, text) || large) return false;
    *out = value;
    return true;
}

bool duet_parse_f64_any(double *out, const char *text) {
    bool large = false;
    return parse_real(out, &large, text);
}

/* Decimal digits of a number as they stand, without the point; the number is digits * 10^power. */
typedef struct decimal {
    const char *digits; /* with the point among them */
    size_t count;       /* of characters */
    int64_t power;
} decimal;

/* Reads "12.5e3k" behind its sign; false: it is no number. */
static bool read_decimal(decimal *out, const char *text) {
    const size_t count = strspn(text, "0123456789."), whole = strcspn(text, ".");
    const char *rest = text + count;
    int64_t power = 0;
    if (whole < count) {
        if (memchr(text + whole + 1, '.', count - whole - 1) != NULL || count == 1) return false;
        power = -(int64_t)(count - whole - 1);
    } else if (count == 0) {
        return false;
    }
    if (*rest == 'e' || *rest == 'E') {
        const bool minus = rest[1] == '-';
        rest += 1 + (minus || rest[1] == '+');
        int64_t exponent = 0;
        if (*rest < '0' || *rest > '9') return false;
        for (; *rest >= '0' && *rest <= '9'; rest++)
            if (exponent < 1000000) exponent = exponent * 10 + (*rest - '0');
        power += minus ? -exponent : exponent;
    }
    if (*rest == 'k' || *rest == 'K' || *rest == 'm' || *rest == 'M') {
        power += *rest == 'k' || *rest == 'K' ? 3 : 6;
        rest++;
    }
    *out = (decimal){text, count, power};
    return *rest == '\0';
}

duet_whole duet_parse_whole(uint64_t *size, bool *negative, const char *text) {
    decimal d;
    uint64_t value = 0;
    bool large = false;
    const bool minus = text[0] == '-';
    if (!read_decimal(&d, text + (text[0] == '-' || text[0] == '+'))) return DUET_WHOLE_NOT;
    while (d.count > 0 && (d.digits[d.count - 1] == '0' || d.digits[d.count - 1] == '.'))
        d.power += d.digits[--d.count] == '0';
    for (size_t i = 0; i < d.count; i++) {
        if (d.digits[i] == '.') continue;
        const uint64_t digit = (uint64_t)(d.digits[i] - '0');
        large = large || value > (UINT64_MAX - digit) / 10;
        if (!large) value = value * 10 + digit;
    }
    if ((value != 0 || large) && d.power < 0) return DUET_WHOLE_NOT;
    for (int64_t p = 0; p < d.power && value != 0 && !large; p++) {
        large = value > UINT64_MAX / 10;
        if (!large) value *= 10;
    }
    if (large) return DUET_WHOLE_TOO_LARGE;
    *size = value;
    *negative = minus && value > 0;
    return DUET_WHOLE;
}
