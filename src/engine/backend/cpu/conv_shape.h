/* SPDX-License-Identifier: MIT
 * cpu/conv_shape.h: one geometry for the three passes of a convolution, and the padded copy of a
 * piece of its source.
 *
 * Forward and dx are both a gather: y[b,i,j,n] = sum over u,v,c of s[b, i step + u, j step + v, c]
 * w[u,v,c,n], where s is the source with zeros around (and, for dx of a strided convolution, zeros
 * between). In NHWC the k taps of a row of the window are k C neighbouring floats of s, so an inner
 * product runs over k stretches of k C floats and nothing is unrolled into columns. */
#ifndef DUET_CPU_CONV_SHAPE_H
#define DUET_CPU_CONV_SHAPE_H

#include <string.h>

#include "engine/backend/cpu/vector.h"
#include "engine/op/ops_grad.h"

typedef struct conv_shape {
    int64_t B;
    int64_t H, W, C; /* source */
    int64_t P, Q, N; /* result */
    int64_t k, step; /* window and its step over s */
    int64_t spread,
        shift;     /* source pixel (r, q) stands at (r spread + shift, q spread + shift) of s */
    int64_t width; /* of s, in pixels */
} conv_shape;

static inline conv_shape conv_shape_forward(const duet_arg *x, const duet_arg *y,
                                            const duet_conv2d_attr *attr, int64_t k) {
    const int64_t *const xd = x->shape.dim, *const yd = y->shape.dim;
    return (conv_shape){.B = xd[0],
                        .H = xd[1],
                        .W = xd[2],
                        .C = xd[3],
                        .P = yd[1],
                        .Q = yd[2],
                        .N = yd[3],
                        .k = k,
                        .step = attr->stride,
                        .spread = 1,
                        .shift = attr->pad,
                        .width = (yd[2] - 1) * attr->stride + k};
}

static inline conv_shape conv_shape_dx(const duet_arg *dy, const duet_arg *dx,
                                       const duet_conv2d_attr *attr, int64_t k) {
    const int64_t *const yd = dy->shape.dim, *const xd = dx->shape.dim;
    return (conv_shape){.B = xd[0],
                        .H = yd[1],
                        .W = yd[2],
                        .C = yd[3],
                        .P = xd[1],
                        .Q = xd[2],
                        .N = xd[3],
                        .k = k,
                        .step = 1,
                        .spread = attr->stride,
                        .shift = k - 1 - attr->pad,
                        .width = xd[2] + k - 1};
}

/* A linear layer of M rows, or a 1x1 window over M pixels: one column of pixels. */
static inline conv_shape conv_shape_column(int64_t M, int64_t C, int64_t N) {
    return (conv_shape){.B = 1,
                        .H = M,
                        .W = 1,
                        .C = C,
                        .P = M,
                        .Q = 1,
                        .N = N,
                        .k = 1,
                        .step = 1,
                        .spread = 1,
                        .width = 1};
}

/* Rows of s that `rows` rows of the result look at. */
static inline int64_t conv_source_rows(const conv_shape *s, int64_t rows) {
    return (rows - 1) * s->step + s->k;
}

/* Is s the source itself? Then nothing needs to be copied. */
static inline bool conv_is_plain(const conv_shape *s) {
    return sizeof(duet_act) == sizeof(float) && s->shift == 0 && s->spread == 1 &&
           s->width == s->W && conv_source_rows(s, s->P) <= s->H;
}

/* One row of s, as f32, from row r of a source image (NULL = all zeros). */
static inline void conv_copy_row(const conv_shape *s, const duet_act *row, float *to) {
    const size_t pixel = (size_t)s->C * sizeof(float);
    if (row == NULL || s->spread != 1) memset(to, 0, (size_t)s->width * pixel);
    if (row == NULL) return;
    if (s->spread != 1) {
        for (int64_t q = 0; q < s->W; q++) {
            const int64_t at = q * s->spread + s->shift;
            if (at >= 0 && at < s->width) act_widen(to + at * s->C, row + q * s->C, s->C);
        }
        return;
    }
    const int64_t skip = s->shift < 0 ? -s->shift : 0, before = s->shift > 0 ? s->shift : 0;
    int64_t count = s->W - skip < s->width - before ? s->W - skip : s->width - before;
    if (count < 0) count = 0;
    const int64_t left = before < s->width ? before : s->width, after = s->width - left - count;
    memset(to, 0, (size_t)left * pixel);
    act_widen(to + left * s->C, row + skip * s->C, count * s->C);
    memset(to + (left + count) * s->C, 0, (size_t)after * pixel);
}

/* Rows first … first + count of s of one image. */
static inline void conv_copy(const conv_shape *s, const duet_act *image, int64_t first,
                             int64_t count, float *to) {
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = first + i - s->shift, r = at >= 0 ? at / s->spread : -1;
        const bool inside = at >= 0 && at % s->spread == 0 && r < s->H;
        conv_copy_row(s, inside ? image + r * s->W * s->C : NULL, to + i * s->width * s->C);
    }
}

#endif
