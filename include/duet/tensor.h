/* SPDX-License-Identifier: MIT
 * duet/tensor.h: element types and a dense tensor that owns its memory. */
#ifndef DUET_TENSOR_H
#define DUET_TENSOR_H

#include <duet/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DUET_MAX_RANK 8 /* largest rank */

/* Element types, little-endian in files. */
typedef enum duet_dtype {
    DUET_F32,
    DUET_F64,
    DUET_F16,
    DUET_BF16,
    DUET_I64,
    DUET_I32,
    DUET_I8,
    DUET_U8,
    DUET_BOOL,
    DUET_DTYPE_COUNT
} duet_dtype;

/* A shape: rank 0 is a scalar (one element). Dims may be 0. */
typedef struct duet_shape {
    int rank;
    int64_t dim[DUET_MAX_RANK];
} duet_shape;

/* Dense, row-major (C order), 64-byte aligned. */
typedef struct duet_tensor {
    duet_dtype dtype;
    duet_shape shape;
    void *data;
} duet_tensor;

size_t duet_dtype_size(duet_dtype dtype);
const char *duet_shape_text(const duet_shape *shape,
                            char out[96]);     /* "[8,28,28,32]"; a long one is truncated */
const char *duet_dtype_name(duet_dtype dtype); /* "f32", "bf16", … */
/* product of dims; shapes are checked against overflow where they are made */
int64_t duet_shape_count(const duet_shape *shape);
bool duet_shape_equal(const duet_shape *a, const duet_shape *b);

/* Zero-filled. DUET_SHAPE on negative dims or overflow, DUET_NO_MEMORY. */
DUET_NODISCARD duet_status duet_tensor_new(duet_tensor *out, duet_dtype dtype, int rank,
                                           const int64_t *dims);
void duet_tensor_free(duet_tensor *tensor); /* leaves it zeroed; NULL is accepted */
/* Element-wise conversion between any two types (round to nearest even; no scaling). */
void duet_convert(void *dst, duet_dtype dst_type, const void *src, duet_dtype src_type,
                  int64_t count);

#ifdef __cplusplus
}
#endif
#endif
