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
void duet_str_format(duet_str *str, const char *format, ...) DUET_PRINTF(2, 3);
void duet_str_vformat(duet_str *str, const char *format, va_list args);
DUET_NODISCARD duet_status duet_str_status(const duet_str *str);
void duet_str_free(duet_str *str);

/* Copies with truncation, always terminated. Returns false when it did not fit. */
bool duet_copy_text(char *out, size_t size, const char *text);
bool duet_starts_with(const char *text, const char *prefix);
bool duet_ends_with(const char *text, const char *suffix);
bool duet_has_word(const char *text, const char *word); /* with no letter before and behind it */
/* Locale-independent number reading of a whole string: false unless all of it is a number. */
bool duet_parse_i64(int64_t *out, const char *text);
bool duet_parse_f64(double *out, const char *text);

#endif
