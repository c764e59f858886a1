/* SPDX-License-Identifier: MIT
 * base/str.h: a growing text buffer with a sticky failure, and small text helpers. */
#ifndef DUET_BASE_STR_H
#define DUET_BASE_STR_H

#include <duet/base.h>
#include <stdarg.h>

typedef struct duet_str {
    char *text; /* NUL-terminated; NULL while empty */
    int64_t size, capacity;
    bool failed; /* out of memory: later calls do nothing */
} duet_str;

void duet_str_add(duet_str *str, const char *text);
void duet_str_bytes(duet_str *str, const void *bytes, int64_t count);
void duet_str_base64(duet_str *str, const void *bytes, int64_t count); /* RFC 4648, padded */
void duet_str_format(duet_str *str, const char *format, ...) DUET_PRINTF(2, 3);
void duet_str_vformat(duet_str *str, const char *format, va_list args);
DUET_NODISCARD duet_status duet_str_status(const duet_str *str);
void duet_str_free(duet_str *str);

/* snprintf with a '.' in numbers whatever locale the process has set; everything of the library
 * that prints a real number comes through here. */
int duet_format(char *out, size_t size, const char *format, ...) DUET_PRINTF(3, 4);
int duet_vformat(char *out, size_t size, const char *format, va_list args);
/* The shortest digits that read back as the same number. Returns what snprintf would. */
int duet_print_f64(char *out, size_t size, double value);

/* Copies with truncation, always terminated. Returns false when it did not fit. */
bool duet_copy_text(char *out, size_t size, const char *text);
bool duet_starts_with(const char *text, const char *prefix);
bool duet_ends_with(const char *text, const char *suffix);
char duet_lower(char c);                                /* of A … Z, in any locale */
bool duet_has_word(const char *text, const char *word); /* with no letter before and behind it */
/* Locale-independent number reading of a whole string: false unless all of it is a number. */
bool duet_parse_i64(int64_t *out, const char *text);
bool duet_parse_f64(double *out, const char *text);
/* The same, but a number beyond the range of a double is read as infinite: for telling it apart
 * from what is no number. */
bool duet_parse_f64_any(double *out, const char *text);
/* A whole number in any spelling: "60000", "6e4", "60.0e3", "60k", "0.06m" (k is 10^3, m 10^6), up
 * to 2^64 - 1 in size, exactly. */
typedef enum duet_whole {
    DUET_WHOLE,           /* *size and *negative are set */
    DUET_WHOLE_TOO_LARGE, /* a whole number beyond 64 bits */
    DUET_WHOLE_NOT        /* a fraction, or no number */
} duet_whole;
duet_whole duet_parse_whole(uint64_t *size, bool *negative, const char *text);

#endif
