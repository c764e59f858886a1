/* SPDX-License-Identifier: MIT
 * base/tensor.c: element types, shapes, and tensors that own their memory. */
#include <stdio.h>
#include <duet/tensor.h>

#include "base/error.h"
#include "base/mem.h"

static const struct {
    const char *name;
    size_t size;
} dtypes[DUET_DTYPE_COUNT] = {
    [DUET_F32] = {"f32", 4},   [DUET_F64] = {"f64", 8}, [DUET_F16] = {"f16", 2},
    [DUET_BF16] = {"bf16", 2}, [DUET_I64] = {"i64", 8}, [DUET_I32] = {"i32", 4},
    [DUET_I8] = {"i8", 1},     [DUET_U8] = {"u8", 1},   [DUET_BOOL] = {"bool", 1},
};

static bool known(duet_dtype dtype) {
    return (unsigned)dtype < (unsigned)DUET_DTYPE_COUNT;
}

size_t duet_dtype_size(duet_dtype dtype) {
    return known(dtype) ? dtypes[dtype].size : 0;
}

const char *duet_dtype_name(duet_dtype dtype) {
    return known(dtype) ? dtypes[dtype].name : "unknown";
}

int64_t duet_shape_count(const duet_shape *shape) {
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++) count *= shape->dim[i];
    return count;
}

bool duet_shape_equal(const duet_shape *a, const duet_shape *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) return false;
    }
    return true;
}

/* Dims of 0 count as 1 in the overflow check: strides must be representable too. */
static duet_status make_shape(duet_shape *out, size_t element_size, int rank, const int64_t *dims) {
    if (rank < 0 || rank > DUET_MAX_RANK) {
        return duet_fail(DUET_SHAPE, "rank must be between 0 and %d, got %d", DUET_MAX_RANK, rank);
    }
    duet_shape shape = {.rank = rank};
    int64_t bytes = (int64_t)element_size;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return duet_fail(DUET_SHAPE, "dimension %d is negative: %lld", i, (long long)dims[i]);
        shape.dim[i] = dims[i];
        if (dims[i] > 0 && bytes > INT64_MAX / dims[i])
            return duet_fail(DUET_SHAPE, "shape overflows at dimension %d", i);
        bytes *= dims[i] > 0 ? dims[i] : 1;
    }
    *out = shape;
    return DUET_OK;
}

duet_status duet_tensor_new(duet_tensor *out, duet_dtype dtype, int rank, const int64_t *dims) {
    if (!known(dtype)) return duet_fail(DUET_ARG, "element type %d does not exist", (int)dtype);
    duet_tensor tensor = {.dtype = dtype};
    DUET_TRY(make_shape(&tensor.shape, duet_dtype_size(dtype), rank, dims));
    DUET_TRY(duet_alloc(&tensor.data, duet_shape_count(&tensor.shape), duet_dtype_size(dtype)));
    *out = tensor;
    return DUET_OK;
}

void duet_tensor_free(duet_tensor *tensor) {
    if (tensor == NULL) return;
    duet_release(tensor->data);
    *tensor = (duet_tensor){0};
}

const char *duet_shape_text(const duet_shape *shape, char out[96]) {
    /* Eight dims of up to 20 characters do not always fit: the end is cut, never overrun. */
    size_t used = (size_t)snprintf(out, 96, "[");
    for (int i = 0; i < shape->rank && i < DUET_MAX_RANK && used < 90; i++) {
        const int wrote =
            snprintf(out + used, 94 - used, i == 0 ? "%lld" : ",%lld", (long long)shape->dim[i]);
        used += (size_t)wrote;
        if (used > 93) used = 93;
    }
    snprintf(out + used, 96 - used, "]");
    return out;
}
