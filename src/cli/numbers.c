/* SPDX-License-Identifier: MIT
 * cli/numbers.c: lists of whole numbers with ranges, "0-63" or "0,5,9-12". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { MOST = 1000000 };

/* A number of 0 … 2^62 at *at, which moves behind it; -1 where none stands there. */
static int64_t next_number(const char **at) {
    char *end = NULL;
    errno = 0;
    if (**at < '0' || **at > '9') return -1;
    const long long value = strtoll(*at, &end, 10);
    if (errno != 0 || value > (1LL << 62)) return -1;
    *at = end;
    return value;
}

/* Reads the list, into `out` where that is not NULL; the count, -1 where it is wrong. */
static int64_t read_numbers(const char *text, int64_t *out) {
    int64_t count = 0;
    for (const char *at = text;; at++) {
        const int64_t from = next_number(&at);
        int64_t to = from;
        if (from >= 0 && *at == '-') {
            at++;
            to = next_number(&at);
        }
        if (from < 0 || to < from || to - from >= MOST - count) return -1;
        for (int64_t n = from; n <= to; n++, count++)
            if (out != NULL) out[count] = n;
        if (*at == '\0') return count;
        if (*at != ',') return -1;
    }
}

duet_status cli_numbers(const char *flag, const char *text, int64_t **out, int64_t *count) {
    *count = read_numbers(text, NULL);
    if (*count < 1)
        return cli_wrong("%s must be numbers and ranges like 0-63 or 0,5,9, at most %d, got '%s'",
                         flag, MOST, text);
    *out = malloc((size_t)*count * sizeof **out);
    if (*out == NULL) return cli_fail(DUET_NO_MEMORY, "not enough memory for %s", flag);
    read_numbers(text, *out);
    return DUET_OK;
}
