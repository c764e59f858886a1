/* SPDX-License-Identifier: MIT
 * head/narrow.c: tiles of at most 12 sums of 8 in registers; each element is summed in the order of
 * its rows or features, so that its bits do not depend on the other columns. Elsewhere than on
 * processors with AVX2, by the general product. */
#include "head/narrow.h"

#include <string.h>

#include "base/linalg.h"

enum { LANES = 8 };

int64_t duet_narrow_columns(int64_t n) {
    return (n + LANES - 1) / LANES * LANES;
}

void duet_narrow_pack(const float *w, int64_t n, int64_t d, float *packed) {
    const int64_t columns = duet_narrow_columns(n);
    memset(packed, 0, (size_t)(d * columns) * sizeof(float));
    for (int64_t k = 0; k < n; k++)
        for (int64_t c = 0; c < d; c++) packed[c * columns + k] = w[k * d + c];
}

#if defined(__x86_64__)

#define AVX2   __attribute__((target("avx2,fma")))
#define TILE   static inline __attribute__((always_inline, target("avx2,fma")))
#define UNROLL _Pragma("GCC unroll 6")

typedef float vec __attribute__((vector_size(32)));
typedef float unaligned __attribute__((vector_size(32), aligned(4), may_alias));

/* z of `height` rows and `width` vectors of columns. */
TILE void forward_tile(const float *x, int64_t d, const float *packed, int64_t columns, float *z,
                       const int height, const int width) {
    vec sum[6][3];
    UNROLL for (int i = 0; i < height; i++) UNROLL for (int v = 0; v < width; v++) sum[i][v] =
        (vec){0};
    for (int64_t c = 0; c < d; c++) {
        vec w[3];
        UNROLL for (int v = 0; v < width; v++) w[v] =
            *(const unaligned *)(packed + c * columns + v * LANES);
        UNROLL for (int i = 0; i < height; i++) UNROLL for (int v = 0; v < width; v++) sum[i][v] +=
            x[i * d + c] * w[v];
    }
    UNROLL for (int i = 0; i < height; i++) UNROLL for (int v = 0; v < width; v++) *
        (unaligned *)(z + i * columns + v * LANES) = sum[i][v];
}

/* All rows for `width` vectors of columns, `height` rows at a time. */
TILE void forward_columns(const float *x, int64_t rows, int64_t d, const float *packed,
                          int64_t columns, float *z, const int height, const int width) {
    int64_t i = 0;
    for (; i + height <= rows; i += height)
        forward_tile(x + i * d, d, packed, columns, z + i * columns, height, width);
    for (; i < rows; i++) forward_tile(x + i * d, d, packed, columns, z + i * columns, 1, width);
}

AVX2 static void forward(const float *x, int64_t rows, int64_t d, const float *packed,
                         int64_t columns, float *z) {
    for (int64_t left = columns / LANES, first = 0; left > 0;) {
        const int width = left == 3 || left > 4 ? 3 : left > 1 ? 2 : 1;
        if (width == 3)
            forward_columns(x, rows, d, packed + first, columns, z + first, 4, 3);
        else if (width == 2)
            forward_columns(x, rows, d, packed + first, columns, z + first, 6, 2);
        else
            forward_columns(x, rows, d, packed + first, columns, z + first, 6, 1);
        left -= width;
        first += width * LANES;
    }
}

/* g of `height` columns and `width` vectors of features. */
TILE void backward_tile(const float *x, int64_t rows, int64_t d, const float *z, int64_t columns,
                        float *g, const int height, const int width) {
    vec sum[6][2];
    UNROLL for (int k = 0; k < height; k++) UNROLL for (int v = 0; v < width; v++) sum[k][v] =
        (vec){0};
    for (int64_t i = 0; i < rows; i++) {
        vec in[2];
        UNROLL for (int v = 0; v < width; v++) in[v] = *(const unaligned *)(x + i * d + v * LANES);
        UNROLL for (int k = 0; k < height; k++) UNROLL for (int v = 0; v < width; v++) sum[k][v] +=
            z[i * columns + k] * in[v];
    }
    UNROLL for (int k = 0; k < height; k++) UNROLL for (int v = 0; v < width; v++) *
        (unaligned *)(g + k * d + v * LANES) += sum[k][v];
}

TILE void backward_columns(const float *x, int64_t rows, int64_t d, const float *z, int64_t columns,
                           int64_t n, float *g, const int width) {
    int64_t k = 0;
    for (; n - k >= 10 || n - k == 5; k += 5)
        backward_tile(x, rows, d, z + k, columns, g + k * d, 5, width);
    for (; n - k >= 6; k += 6) backward_tile(x, rows, d, z + k, columns, g + k * d, 6, width);
    for (; n - k >= 3; k += 3) backward_tile(x, rows, d, z + k, columns, g + k * d, 3, width);
    for (; k < n; k++) backward_tile(x, rows, d, z + k, columns, g + k * d, 1, width);
}

AVX2 static void backward(const float *x, int64_t rows, int64_t d, const float *z, int64_t columns,
                          int64_t n, float *g) {
    int64_t c = 0;
    for (; c + 2 * LANES <= d; c += 2 * LANES)
        backward_columns(x + c, rows, d, z, columns, n, g + c, 2);
    for (; c + LANES <= d; c += LANES) backward_columns(x + c, rows, d, z, columns, n, g + c, 1);
    for (; c < d; c++)
        for (int64_t k = 0; k < n; k++) {
            float sum = 0;
            for (int64_t i = 0; i < rows; i++) sum += z[i * columns + k] * x[i * d + c];
            g[k * d + c] += sum;
        }
}

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#else

static bool has_avx2(void) {
    return false;
}

static void forward(const float *x, int64_t rows, int64_t d, const float *packed, int64_t columns,
                    float *z) {
    (void)x, (void)rows, (void)d, (void)packed, (void)columns, (void)z;
}

static void backward(const float *x, int64_t rows, int64_t d, const float *z, int64_t columns,
                     int64_t n, float *g) {
    (void)x, (void)rows, (void)d, (void)z, (void)columns, (void)n, (void)g;
}

#endif

void duet_narrow_forward(const float *x, int64_t rows, int64_t d, const float *packed, int64_t n,
                         float *z) {
    const int64_t columns = duet_narrow_columns(n);
    if (has_avx2())
        forward(x, rows, d, packed, columns, z);
    else
        duet_gemm_f32(false, false, rows, columns, d, 1.0f, x, d, packed, columns, 0.0f, z,
                      columns);
}

void duet_narrow_backward(const float *x, int64_t rows, int64_t d, const float *z, int64_t n,
                          float *g) {
    const int64_t columns = duet_narrow_columns(n);
    if (has_avx2())
        backward(x, rows, d, z, columns, n, g);
    else
        duet_gemm_f32(true, false, n, d, rows, 1.0f, z, columns, x, d, 1.0f, g, d);
}
