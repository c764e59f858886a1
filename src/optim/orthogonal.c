/* SPDX-License-Identifier: MIT
 * optim/orthogonal.c: x / |x|, then in each step, for rows <= columns (else transposed),
 *   A = X X^T,  B = b A + c A A,  X <- a X + B X
 * with (a, b, c) = (3.4445, -4.7750, 2.0315): the polynomial a s + b s^3 + c s^5 of each singular
 * value s, steep at 0 (K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks",
 * 2024). */
#include "optim/orthogonal.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"

static const float A = 3.4445F, B = -4.7750F, C = 2.0315F;

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t duet_orthogonal_room(int64_t rows, int64_t columns) {
    const int64_t n = smaller(rows, columns);
    return rows * columns + 2 * n * n;
}

static void normalise(float *x, int64_t count) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
    const float by = (float)(1.0 / fmax(sqrt(sum), 1e-7));
    for (int64_t i = 0; i < count; i++) x[i] *= by;
}

/* to = a X + B X, or transposed a X + X B */
static void step(const float *x, float *to, int64_t rows, int64_t columns, float *square,
                 float *poly) {
    const bool wide = rows <= columns;
    const int64_t n = smaller(rows, columns), m = rows + columns - n;
    duet_gemm_f32(!wide, wide, n, n, m, 1.0F, x, columns, x, columns, 0.0F, square, n);
    memcpy(poly, square, (size_t)(n * n) * sizeof *poly);
    duet_gemm_f32(false, false, n, n, n, C, square, n, square, n, B, poly, n);
    memcpy(to, x, (size_t)(rows * columns) * sizeof *to);
    if (wide)
        duet_gemm_f32(false, false, rows, columns, rows, 1.0F, poly, n, x, columns, A, to, columns);
    else
        duet_gemm_f32(false, false, rows, columns, columns, 1.0F, x, columns, poly, n, A, to,
                      columns);
}

void duet_orthogonal(float *x, int64_t rows, int64_t columns, int steps, float *scratch) {
    const int64_t count = rows * columns, n = smaller(rows, columns);
    float *const square = scratch + count, *const poly = square + n * n;
    float *from = x, *to = scratch;
    normalise(x, count);
    for (int k = 0; k < steps; k++) {
        step(from, to, rows, columns, square, poly);
        float *const held = from;
        from = to;
        to = held;
    }
    if (from != x) memcpy(x, from, (size_t)count * sizeof *x);
}
