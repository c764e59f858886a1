/* SPDX-License-Identifier: MIT
 * feature/shelf.h: the rows of one column, on disk or in memory. A file is a safetensors file:
 * "check" I64 [N], "X" F32 or F16 [N,D], and the key as metadata. A row is there when its check is
 * not 0; it is whole when the check is the hash of its bytes. Row and check are written in this
 * order, so that a program stopped at any moment leaves rows that are whole or not there, and a
 * later one goes on where it stopped. */
#ifndef DUET_FEATURE_SHELF_H
#define DUET_FEATURE_SHELF_H

#include <duet/tensor.h>

#include "base/file.h"

#define DUET_SHELF_KEY 512

typedef struct duet_shelf {
    char path[DUET_PATH_SIZE]; /* "": in memory */
    int64_t rows, dim;
    duet_dtype stored;
    int64_t check_at, x_at; /* of the tensors in the file */
    uint8_t *memory;        /* in memory: from check_at on */
} duet_shelf;

/* Fails with DUET_FORMAT when `path` is something else; a file that is not there is made. path "":
 * in memory. */
DUET_NODISCARD duet_status duet_shelf_open(duet_shelf *out, const char *path, const char *key,
                                           int64_t rows, int64_t dim, duet_dtype stored);
void duet_shelf_close(duet_shelf *shelf);
/* Clears present[r] of the rows that are not there. */
DUET_NODISCARD duet_status duet_shelf_present(const duet_shelf *shelf, uint8_t *present);
/* x[count,D] to the rows slot[count]. */
DUET_NODISCARD duet_status duet_shelf_put(duet_shelf *shelf, const int64_t *slot, int64_t count,
                                          const float *x);
/* Rows slot[count] to x[count,D]. Damaged rows are taken from the shelf; their number goes to
 * *damaged. */
DUET_NODISCARD duet_status duet_shelf_get(duet_shelf *shelf, const int64_t *slot, int64_t count,
                                          float *x, int64_t *damaged);

#endif
