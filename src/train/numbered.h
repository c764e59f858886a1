/* SPDX-License-Identifier: MIT
 * train/numbered.h: files of a run that are numbered by images seen,
 * "<prefix>NNNNNNNN.safetensors". */
#ifndef DUET_TRAIN_NUMBERED_H
#define DUET_TRAIN_NUMBERED_H

#include <duet/store.h>

#include "base/file.h"

#define DUET_NUMBERED_ENDING ".safetensors"

/* The N of a file name; -1 for any other name. */
int64_t duet_numbered_of(const char *name, const char *prefix);
DUET_NODISCARD duet_status duet_numbered_path(char out[DUET_PATH_SIZE], const char *run,
                                              const char *prefix, int64_t images);
/* Of the content of f32 tensors, in their order. */
uint64_t duet_numbered_hash(const duet_store_item *items, int64_t count);
/* Of one named tensor of f32; sums of these do not depend on the order. */
uint64_t duet_numbered_hash_one(const char *name, const void *data, int64_t count);

#endif
