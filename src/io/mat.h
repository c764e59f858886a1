/* SPDX-License-Identifier: MIT
 * io/mat.h: MATLAB's files of version 5 (.mat; what MATLAB writes with -v6 and -v7, Octave and
 * SciPy too), read whole and as data: arrays of numbers, texts, cells and structs, packed with zlib
 * or not, in either byte order. Sparse arrays, objects and functions are named, not read. Files of
 * version 4 and 7.3 (HDF5) are refused. Source: MathWorks, "MAT-File Format" (the description of
 * the format). */
#ifndef DUET_IO_MAT_H
#define DUET_IO_MAT_H

#include "base/mem.h"

typedef enum duet_mat_kind {
    DUET_MAT_NUMBERS,
    DUET_MAT_TEXT,
    DUET_MAT_CELLS,
    DUET_MAT_STRUCTS,
    DUET_MAT_OTHER /* not read */
} duet_mat_kind;

/* An array of any number of dimensions: those behind the first are taken together. Elements stand
 * column after column. */
typedef struct duet_mat_value {
    duet_mat_kind kind;
    int64_t rows, columns, count; /* count = rows * columns */
    /* NUMBERS: whatever their type (integers beyond 2^53 are rounded; of complex numbers the real
     * part) */
    const double *number;
    /* TEXT: in UTF-8, up to a zero character; several rows are lines without the blanks at their
     * ends */
    const char *text;
    const struct duet_mat_value *item; /* CELLS: [count]; STRUCTS: [count, field_count] */
    const char *const *field;          /* STRUCTS: the names of its fields */
    int64_t field_count;
} duet_mat_value;

typedef struct duet_mat duet_mat;

/* DUET_FORMAT names the file and the offset of what is damaged; at most 256 MiB unpacked. */
DUET_NODISCARD duet_status duet_mat_open(duet_mat **out, const char *path);
void duet_mat_close(duet_mat *mat); /* NULL is accepted */

/* The variable of this name and kind; DUET_FORMAT names the file and what it has instead. */
DUET_NODISCARD duet_status duet_mat_find(const duet_mat_value **out, const duet_mat *mat,
                                         const char *name, duet_mat_kind kind);
bool duet_mat_has(const duet_mat *mat, const char *name);
/* A field of element `index` of a struct array; NULL where it is missing or of another kind. */
const duet_mat_value *duet_mat_field(const duet_mat_value *structs, int64_t index,
                                     const char *field, duet_mat_kind kind);
/* The whole number that a value is; -1 where it is none, is negative or beyond 2^31 - 1. */
int64_t duet_mat_whole(const duet_mat_value *value);

#endif
