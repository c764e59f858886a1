/* SPDX-License-Identifier: MIT
 * io/mat_reader.h: the elements that a MATLAB file consists of, for mat.c and mat_array.c. An
 * element is a tag, (type, bytes), and its data, padded to 8 bytes; of up to four bytes the data
 * may stand in the tag: (bytes << 16 | type), data. */
#ifndef DUET_IO_MAT_READER_H
#define DUET_IO_MAT_READER_H

#include "io/mat.h"

enum duet_mat_type {
    DUET_MAT_INT8 = 1,
    DUET_MAT_UINT8 = 2,
    DUET_MAT_INT16 = 3,
    DUET_MAT_UINT16 = 4,
    DUET_MAT_INT32 = 5,
    DUET_MAT_UINT32 = 6,
    DUET_MAT_SINGLE = 7,
    DUET_MAT_DOUBLE = 9,
    DUET_MAT_INT64 = 12,
    DUET_MAT_UINT64 = 13,
    DUET_MAT_ARRAY = 14,
    DUET_MAT_PACKED = 15,
    DUET_MAT_UTF8 = 16,
    DUET_MAT_UTF16 = 17,
    DUET_MAT_UTF32 = 18
};

typedef struct duet_mat_reader {
    const char *file; /* its name, for messages */
    duet_arena *arena;
    const uint8_t *data; /* of the file, or of an unpacked element */
    int64_t packed_at;   /* offset of that element in the file; -1: it is the file itself */
    bool swapped;        /* the other byte order */
    int64_t values;      /* made so far */
} duet_mat_reader;

typedef struct duet_mat_element {
    uint32_t type;
    int64_t at, size; /* of its data, in reader->data */
} duet_mat_element;

/* Fails with the file, the offset and `words`. */
duet_status duet_mat_damaged(const duet_mat_reader *reader, int64_t at, const char *words);
/* The element at *at, which goes behind it; nothing may lie behind `end`. */
DUET_NODISCARD duet_status duet_mat_next(duet_mat_reader *reader, int64_t *at, int64_t end,
                                         duet_mat_element *out);
/* Element `i` of data of a type, and the bytes of one; 0: no type of numbers. */
double duet_mat_number(const duet_mat_reader *reader, const duet_mat_element *from, int64_t i);
int64_t duet_mat_type_bytes(uint32_t type);
/* The array in an element of the type DUET_MAT_ARRAY, and its name. depth: of cells and structs
 * around it. */
DUET_NODISCARD duet_status duet_mat_array(duet_mat_reader *reader, const duet_mat_element *from,
                                          int depth, duet_mat_value *out, const char **name);

#endif
