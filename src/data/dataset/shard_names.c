/* SPDX-License-Identifier: MIT
 * data/dataset/shard_names.c: names of shards by a range. */
#include "data/dataset/shard_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define MOST_SHARDS 100000
#define MOST_DIGITS 18 /* most digits of a number; it fits an int64_t */

/* An unsigned number at *text, which is moved past it; -1 where there is none. */
static int64_t take_number(const char **text) {
    const size_t digits = strspn(*text, "0123456789");
    if (digits == 0 || digits > MOST_DIGITS) return -1;
    const int64_t value = strtoll(*text, NULL, 10);
    *text += digits;
    return value;
}

bool duet_shards_find(duet_shards *out, const char *path) {
    const char *const open = strrchr(path, '{');
    if (open == NULL) return false;
    const char *at = open + 1;
    const int64_t first = take_number(&at);
    const int digits = (int)(at - open - 1);
    if (first < 0 || strncmp(at, "..", 2) != 0) return false;
    at += 2;
    const int64_t last = take_number(&at);
    if (last < first || *at != '}' || last - first >= MOST_SHARDS) return false;
    *out = (duet_shards){.path = path,
                         .before = (size_t)(open - path),
                         .after = (size_t)(at + 1 - path),
                         .first = first,
                         .count = last - first + 1,
                         .digits = digits};
    return true;
}

duet_status duet_shards_name(const duet_shards *shards, int64_t k, char out[DUET_PATH_SIZE]) {
    const int length =
        snprintf(out, DUET_PATH_SIZE, "%.*s%0*lld%s", (int)shards->before, shards->path,
                 shards->digits, (long long)(shards->first + k), shards->path + shards->after);
    if (length < 0 || length >= DUET_PATH_SIZE)
        return duet_fail(DUET_ARG, "the names of the shards '%s' are too long", shards->path);
    return DUET_OK;
}
