/* SPDX-License-Identifier: MIT
 * train/numbered.c: see numbered.h. */
#include "train/numbered.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/str.h"

int64_t duet_numbered_of(const char *name, const char *prefix) {
    const size_t size = strlen(name), head = strlen(prefix), tail = strlen(DUET_NUMBERED_ENDING);
    if (!duet_starts_with(name, prefix) || !duet_ends_with(name, DUET_NUMBERED_ENDING)) return -1;
    if (size <= head + tail || size > head + tail + 18) return -1;
    int64_t number = 0;
    for (const char *c = name + head; c < name + size - tail; c++) {
        if (*c < '0' || *c > '9') return -1;
        number = number * 10 + (*c - '0');
    }
    return number;
}

duet_status duet_numbered_path(char out[DUET_PATH_SIZE], const char *run, const char *prefix,
                               int64_t images) {
    char name[64];
    snprintf(name, sizeof name, "%s%08lld%s", prefix, (long long)images, DUET_NUMBERED_ENDING);
    return duet_path_join(out, run, name);
}

uint64_t duet_numbered_hash_one(const char *name, const void *data, int64_t count) {
    const uint64_t seed = duet_hash(name, strlen(name), 0);
    return count > 0 ? duet_hash(data, (size_t)count * sizeof(float), seed) : seed;
}

uint64_t duet_numbered_hash(const duet_store_item *items, int64_t count) {
    uint64_t hash = 0;
    for (int64_t i = 0; i < count; i++) {
        const size_t size = (size_t)duet_shape_count(&items[i].shape) * sizeof(float);
        hash = size > 0 ? duet_hash(items[i].data, size, hash) : hash;
    }
    return hash;
}
