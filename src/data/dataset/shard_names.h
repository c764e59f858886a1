/* SPDX-License-Identifier: MIT
 * data/dataset/shard_names.h: names of shards by a range in braces, "x-{000..012}.tar". */
#ifndef DUET_DATA_SHARD_NAMES_H
#define DUET_DATA_SHARD_NAMES_H

#include "base/file.h"

/* The member of a shard that names its classes; WebDataset skips names of this form. */
#define DUET_SHARD_CLASSES "__meta__/classes.json"

typedef struct duet_shards {
    const char *path;
    size_t before, after; /* the parts of the name around "{000..012}" */
    int64_t first, count;
    int digits; /* digits of the first number, to which all are padded with zeros */
} duet_shards;

/* Whether the last braces of the path hold a range of at most 100,000 numbers. The path is
 * borrowed. */
bool duet_shards_find(duet_shards *out, const char *path);

/* The name of shard k of the range. */
DUET_NODISCARD duet_status duet_shards_name(const duet_shards *shards, int64_t k,
                                            char out[DUET_PATH_SIZE]);

#endif
