/* SPDX-License-Identifier: MIT
 * feature/shelf.h: the rows of one column, on disk or in memory. A file is a safetensors file:
 * "check" I64 [N], "X" F32 or F16 [N,D], and the key as metadata. A row is present if its check is
 * not 0; it is valid if the check is the hash of its bytes. The row is written before its check, so
 * that a program that is stopped at any moment leaves rows that are valid or absent, and a later
 * one continues where it stopped. */
#ifndef DUET_FEATURE_SHELF_H
#define DUET_FEATURE_SHELF_H

#include <duet/tensor.h>

#include "base/file.h"

#define DUET_SHELF_KEY 512

typedef struct duet_shelf {
    char path[DUET_PATH_SIZE]; /* "" = in memory */
    int64_t rows, dim;
    duet_dtype stored;
    int64_t check_at, x_at; /* offsets of the tensors in the file */
    uint8_t *memory;        /* the shelf in memory: the bytes from check_at on */
} duet_shelf;

/* Opens the file, or makes it where it is missing; DUET_FORMAT where it is something else. path ""
 * = in memory. */
DUET_NODISCARD duet_status duet_shelf_open(duet_shelf *out, const char *path, const char *key,
                                           int64_t rows, int64_t dim, duet_dtype stored);
void duet_shelf_close(duet_shelf *shelf);
/* Clears present[r] of the rows that are absent. */
DUET_NODISCARD duet_status duet_shelf_present(const duet_shelf *shelf, uint8_t *present);
/* Writes x[count,D] to the rows slot[count]. */
DUET_NODISCARD duet_status duet_shelf_put(duet_shelf *shelf, const int64_t *slot, int64_t count,
                                          const float *x);
/* Reads the rows slot[count] into x[count,D]. Damaged rows are removed from the shelf; *damaged
 * receives their number. */
DUET_NODISCARD duet_status duet_shelf_get(duet_shelf *shelf, const int64_t *slot, int64_t count,
                                          float *x, int64_t *damaged);

#endif
