/* SPDX-License-Identifier: MIT
 * io/store/npy.h: the header of a .npy array, which is also the member of an npz archive.
 *   "\x93NUMPY", major, minor, text size (u16 in version 1, u32 in 2 and 3), text, then the
 *   elements The text is a Python dict literal {'descr': '<f4', 'fortran_order': False, 'shape':
 *   (2, 3), } padded with spaces and closed by a newline. It is parsed strictly, never evaluated.
 * Source: NumPy enhancement proposal 1 and numpy.lib.format. */
#ifndef DUET_IO_STORE_NPY_H
#define DUET_IO_STORE_NPY_H

#include <duet/store.h>

#define DUET_NPY_PREFIX     12    /* bytes that duet_npy_prefix looks at */
#define DUET_NPY_TEXT_MAX   65536 /* longer header texts are refused */
#define DUET_NPY_HEADER_MAX 384   /* what duet_npy_write needs at most */

typedef struct duet_npy {
    duet_dtype dtype;
    duet_shape shape;
    bool fortran; /* elements in column-major order */
} duet_npy;

/* Offset and size of the header's text; `prefix` holds the first DUET_NPY_PREFIX bytes. */
DUET_NODISCARD duet_status duet_npy_prefix(int64_t *text_at, int64_t *text_size,
                                           const uint8_t *prefix, const char *name);
DUET_NODISCARD duet_status duet_npy_parse(duet_npy *out, const char *text, int64_t size,
                                          const char *name);
/* Version 1, padded to a multiple of 64 bytes. *size is the header's. DUET_UNSUPPORTED for types
 * that numpy lacks. */
DUET_NODISCARD duet_status duet_npy_write(uint8_t out[DUET_NPY_HEADER_MAX], int64_t *size,
                                          const duet_store_item *item);

/* Transposes elements of `size` bytes: out is row-major, columns column-major. */
void duet_npy_to_rows(void *out, const void *columns, const duet_shape *shape, size_t size);

#endif
