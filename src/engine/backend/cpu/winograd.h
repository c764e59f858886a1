/* SPDX-License-Identifier: MIT
 * cpu/winograd.h: the transforms of Winograd's minimal filtering F(4x4,3x3), a vector of channels
 * at a time.
 *
 * A 4x4 tile of the result is y = A^T [(G g G^T) . (B^T d B)] A, with the 3x3 weights g and the 6x6
 * patch d of the source; "." is a product by points, so over channels 36 small matrix products take
 * the place of 144 (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016,
 * section 4.3). Its transpose is the gradient of the weights: dg = G^T [(A dy A^T) . (B^T d B)] G.
 * With the points 0, a, -a, b, -b and infinity, A = a^2, B = b^2, N = 2A(A - B) and M = 2B(B - A):
 *         [AB   0 -A-B   0   1  0]         [ 1/AB   0    0 ]
 *         [ 0 -aB  -B    a   1  0]         [ 1/N   a/N  A/N]         [1   1   1   1   1  0]
 *   B^T = [ 0  aB  -B   -a   1  0]     G = [ 1/N  -a/N  A/N]   A^T = [0   a  -a   b  -b  0]
 *         [ 0 -bA  -A    b   1  0]         [ 1/M   b/M  B/M]         [0   A   A   B   B  0]
 *         [ 0  bA  -A   -b   1  0]         [ 1/M  -b/M  B/M]         [0  aA -aA  bB -bB  1]
 *         [ 0  AB   0 -A-B   0  1]         [  0     0    1 ]
 * The paper's a = 1, b = 2 save nothing where multiplying comes with adding; a = 5/8, b = 3/2, also
 * exact in f32, halve the rms of the rounding errors and quarter the largest (on uniform numbers;
 * of many pairs tried the best). A line is one application along an axis; a tile is both. Point f =
 * 6 i + j of row i and column j. */
#ifndef DUET_CPU_WINOGRAD_H
#define DUET_CPU_WINOGRAD_H

#include "engine/backend/cpu/conv_shape.h"
#include "engine/backend/cpu/vector.h"

#define WINOGRAD_STEP   4 /* pixels of the result a tile has along an axis */
#define WINOGRAD_SPAN   6 /* points along an axis, and pixels of the source */
#define WINOGRAD_TAPS   3
#define WINOGRAD_POINTS 36
#define WINOGRAD_PIXELS 16

#define WINOGRAD_A      0.625f
#define WINOGRAD_B      1.5f
#define WINOGRAD_AA     (WINOGRAD_A * WINOGRAD_A)
#define WINOGRAD_BB     (WINOGRAD_B * WINOGRAD_B)
#define WINOGRAD_NA     (2.0f * WINOGRAD_AA * (WINOGRAD_AA - WINOGRAD_BB))
#define WINOGRAD_NB     (2.0f * WINOGRAD_BB * (WINOGRAD_BB - WINOGRAD_AA))

/* B^T d */
DUET_INLINE void winograd_source_line(const duet_vec *d, duet_vec *out) {
    const duet_vec p = d[4] - WINOGRAD_BB * d[2], q = d[3] - WINOGRAD_BB * d[1];
    const duet_vec r = d[4] - WINOGRAD_AA * d[2], s = d[3] - WINOGRAD_AA * d[1];
    out[0] = WINOGRAD_AA * WINOGRAD_BB * d[0] - (WINOGRAD_AA + WINOGRAD_BB) * d[2] + d[4];
    out[1] = p + WINOGRAD_A * q;
    out[2] = p - WINOGRAD_A * q;
    out[3] = r + WINOGRAD_B * s;
    out[4] = r - WINOGRAD_B * s;
    out[5] = WINOGRAD_AA * WINOGRAD_BB * d[1] - (WINOGRAD_AA + WINOGRAD_BB) * d[3] + d[5];
}

/* G g */
DUET_INLINE void winograd_weight_line(const duet_vec *g, duet_vec *out) {
    const duet_vec p = (g[0] + WINOGRAD_AA * g[2]) * (1.0f / WINOGRAD_NA),
                   q = g[1] * (WINOGRAD_A / WINOGRAD_NA);
    const duet_vec r = (g[0] + WINOGRAD_BB * g[2]) * (1.0f / WINOGRAD_NB),
                   s = g[1] * (WINOGRAD_B / WINOGRAD_NB);
    out[0] = g[0] * (1.0f / (WINOGRAD_AA * WINOGRAD_BB));
    out[1] = p + q;
    out[2] = p - q;
    out[3] = r + s;
    out[4] = r - s;
    out[5] = g[2];
}

/* A^T m */
DUET_INLINE void winograd_result_line(const duet_vec *m, duet_vec *out) {
    const duet_vec p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4];
    out[0] = m[0] + p + r;
    out[1] = WINOGRAD_A * q + WINOGRAD_B * s;
    out[2] = WINOGRAD_AA * p + WINOGRAD_BB * r;
    out[3] = WINOGRAD_A * WINOGRAD_AA * q + WINOGRAD_B * WINOGRAD_BB * s + m[5];
}

/* A y */
DUET_INLINE void winograd_spread_line(const duet_vec *y, duet_vec *out) {
    const duet_vec p = y[0] + WINOGRAD_AA * y[2], q = y[1] + WINOGRAD_AA * y[3];
    const duet_vec r = y[0] + WINOGRAD_BB * y[2], s = y[1] + WINOGRAD_BB * y[3];
    out[0] = y[0];
    out[1] = p + WINOGRAD_A * q;
    out[2] = p - WINOGRAD_A * q;
    out[3] = r + WINOGRAD_B * s;
    out[4] = r - WINOGRAD_B * s;
    out[5] = y[3];
}

/* G^T m */
DUET_INLINE void winograd_gather_line(const duet_vec *m, duet_vec *out) {
    const duet_vec p = (m[1] + m[2]) * (1.0f / WINOGRAD_NA),
                   q = (m[1] - m[2]) * (WINOGRAD_A / WINOGRAD_NA);
    const duet_vec r = (m[3] + m[4]) * (1.0f / WINOGRAD_NB),
                   s = (m[3] - m[4]) * (WINOGRAD_B / WINOGRAD_NB);
    out[0] = m[0] * (1.0f / (WINOGRAD_AA * WINOGRAD_BB)) + p + r;
    out[1] = q + s;
    out[2] = WINOGRAD_AA * p + WINOGRAD_BB * r + m[5];
}

/* to[f plane] = B^T d B, where pixel f of d stands at at[f] + c; `count` channels are there, a
 * whole vector is written. */
DUET_INLINE void winograd_source_tile(const duet_act *const *at, int64_t c, int64_t count,
                                      float *to, int64_t plane) {
    duet_vec half[WINOGRAD_SPAN][WINOGRAD_SPAN];
    DUET_UNROLL
    for (int j = 0; j < WINOGRAD_SPAN; j++) {
        duet_vec d[WINOGRAD_SPAN], out[WINOGRAD_SPAN];
        DUET_UNROLL
        for (int i = 0; i < WINOGRAD_SPAN; i++) {
            const duet_act *const from = at[i * WINOGRAD_SPAN + j] + c;
            d[i] = count >= DUET_LANES ? act_load(from) : act_load_part(from, count);
        }
        winograd_source_line(d, out);
        DUET_UNROLL
        for (int i = 0; i < WINOGRAD_SPAN; i++) half[i][j] = out[i];
    }
    DUET_UNROLL
    for (int i = 0; i < WINOGRAD_SPAN; i++) {
        duet_vec out[WINOGRAD_SPAN];
        winograd_source_line(half[i], out);
        DUET_UNROLL
        for (int j = 0; j < WINOGRAD_SPAN; j++)
            vec_store(to + (i * WINOGRAD_SPAN + j) * plane, out[j]);
    }
}

/* to[f plane] = G g G^T of g[tap step] */
DUET_INLINE void winograd_weight_tile(const float *g, int64_t step, float *to, int64_t plane) {
    duet_vec half[WINOGRAD_SPAN][WINOGRAD_TAPS];
    DUET_UNROLL
    for (int v = 0; v < WINOGRAD_TAPS; v++) {
        duet_vec in[WINOGRAD_TAPS], out[WINOGRAD_SPAN];
        DUET_UNROLL
        for (int u = 0; u < WINOGRAD_TAPS; u++)
            in[u] = vec_load(g + (u * WINOGRAD_TAPS + v) * step);
        winograd_weight_line(in, out);
        DUET_UNROLL
        for (int i = 0; i < WINOGRAD_SPAN; i++) half[i][v] = out[i];
    }
    DUET_UNROLL
    for (int i = 0; i < WINOGRAD_SPAN; i++) {
        duet_vec out[WINOGRAD_SPAN];
        winograd_weight_line(half[i], out);
        DUET_UNROLL
        for (int j = 0; j < WINOGRAD_SPAN; j++)
            vec_store(to + (i * WINOGRAD_SPAN + j) * plane, out[j]);
    }
}

/* Pixel (i, j) of the result, at to[4 i + j] + n, = bias + A^T m A of m[f step] + what stands at
 * residual[4 i + j] + n (NULL = 0; may be where the result goes); `count` channels are there. */
DUET_INLINE void winograd_result_tile(const float *m, int64_t step, duet_vec bias,
                                      const duet_act *const *residual, duet_act *const *to,
                                      int64_t n, int64_t count) {
    duet_vec half[WINOGRAD_STEP][WINOGRAD_SPAN];
    DUET_UNROLL
    for (int j = 0; j < WINOGRAD_SPAN; j++) {
        duet_vec in[WINOGRAD_SPAN], out[WINOGRAD_STEP];
        DUET_UNROLL
        for (int i = 0; i < WINOGRAD_SPAN; i++)
            in[i] = vec_load(m + (i * WINOGRAD_SPAN + j) * step);
        winograd_result_line(in, out);
        DUET_UNROLL
        for (int i = 0; i < WINOGRAD_STEP; i++) half[i][j] = out[i];
    }
    DUET_UNROLL
    for (int i = 0; i < WINOGRAD_STEP; i++) {
        duet_vec out[WINOGRAD_STEP];
        winograd_result_line(half[i], out);
        DUET_UNROLL
        for (int j = 0; j < WINOGRAD_STEP; j++) {
            duet_act *const at = to[i * WINOGRAD_STEP + j] + n;
            const duet_act *const more =
                residual == NULL ? NULL : residual[i * WINOGRAD_STEP + j] + n;
            duet_vec value = out[j] + bias;
            if (more != NULL)
                value += count >= DUET_LANES ? act_load(more) : act_load_part(more, count);
            if (count >= DUET_LANES)
                act_store(at, value);
            else
                act_store_part(at, value, count);
        }
    }
}

/* to[f plane] = A dy A^T, where pixel (i, j) of dy stands at at[4 i + j] + n; `count` channels are
 * there. And to[36 plane] = the sum of the pixels. */
DUET_INLINE void winograd_spread_tile(const duet_act *const *at, int64_t n, int64_t count,
                                      float *to, int64_t plane) {
    duet_vec half[WINOGRAD_SPAN][WINOGRAD_STEP], sum = {0};
    DUET_UNROLL
    for (int j = 0; j < WINOGRAD_STEP; j++) {
        duet_vec in[WINOGRAD_STEP], out[WINOGRAD_SPAN];
        DUET_UNROLL
        for (int i = 0; i < WINOGRAD_STEP; i++) {
            const duet_act *const from = at[i * WINOGRAD_STEP + j] + n;
            in[i] = count >= DUET_LANES ? act_load(from) : act_load_part(from, count);
        }
        sum += (in[0] + in[1]) + (in[2] + in[3]);
        winograd_spread_line(in, out);
        DUET_UNROLL
        for (int i = 0; i < WINOGRAD_SPAN; i++) half[i][j] = out[i];
    }
    DUET_UNROLL
    for (int i = 0; i < WINOGRAD_SPAN; i++) {
        duet_vec out[WINOGRAD_SPAN];
        winograd_spread_line(half[i], out);
        DUET_UNROLL
        for (int j = 0; j < WINOGRAD_SPAN; j++)
            vec_store(to + (i * WINOGRAD_SPAN + j) * plane, out[j]);
    }
    vec_store(to + WINOGRAD_POINTS * plane, sum);
}

/* to[tap step] = G^T m G of m[f plane] */
DUET_INLINE void winograd_gather_tile(const float *m, int64_t plane, float *to, int64_t step) {
    duet_vec half[WINOGRAD_TAPS][WINOGRAD_SPAN];
    DUET_UNROLL
    for (int j = 0; j < WINOGRAD_SPAN; j++) {
        duet_vec in[WINOGRAD_SPAN], out[WINOGRAD_TAPS];
        DUET_UNROLL
        for (int i = 0; i < WINOGRAD_SPAN; i++)
            in[i] = vec_load(m + (i * WINOGRAD_SPAN + j) * plane);
        winograd_gather_line(in, out);
        DUET_UNROLL
        for (int u = 0; u < WINOGRAD_TAPS; u++) half[u][j] = out[u];
    }
    DUET_UNROLL
    for (int u = 0; u < WINOGRAD_TAPS; u++) {
        duet_vec out[WINOGRAD_TAPS];
        winograd_gather_line(half[u], out);
        DUET_UNROLL
        for (int v = 0; v < WINOGRAD_TAPS; v++)
            vec_store(to + (u * WINOGRAD_TAPS + v) * step, out[v]);
    }
}

/* ---- tiles of a convolution ---- */

typedef struct winograd_tiles {
    int64_t down, across; /* of an image */
    int64_t count;        /* of the batch */
} winograd_tiles;

static inline winograd_tiles winograd_tiles_of(const conv_shape *s) {
    const int64_t down = (s->P + WINOGRAD_STEP - 1) / WINOGRAD_STEP,
                  across = (s->Q + WINOGRAD_STEP - 1) / WINOGRAD_STEP;
    return (winograd_tiles){.down = down, .across = across, .count = s->B * down * across};
}

/* at[36]: the pixels of x under tile t; `zeros` stands for those outside. */
static inline void winograd_source_pixels(const conv_shape *s, const winograd_tiles *tiles,
                                          int64_t t, const duet_act *x, const duet_act *zeros,
                                          const duet_act **at) {
    const int64_t image = t / (tiles->down * tiles->across);
    const int64_t r0 = t / tiles->across % tiles->down * WINOGRAD_STEP - s->shift;
    const int64_t q0 = t % tiles->across * WINOGRAD_STEP - s->shift;
    for (int64_t i = 0; i < WINOGRAD_SPAN; i++) {
        const int64_t row = (image * s->H + r0 + i) * s->W;
        const bool inside = r0 + i >= 0 && r0 + i < s->H;
        for (int64_t j = 0; j < WINOGRAD_SPAN; j++) {
            at[i * WINOGRAD_SPAN + j] =
                inside && q0 + j >= 0 && q0 + j < s->W ? x + (row + q0 + j) * s->C : zeros;
        }
    }
}

/* at[16]: where the pixels of tile t begin in the result; -1 for those outside. */
static inline void winograd_result_pixels(const conv_shape *s, const winograd_tiles *tiles,
                                          int64_t t, int64_t *at) {
    const int64_t image = t / (tiles->down * tiles->across);
    const int64_t i0 = t / tiles->across % tiles->down * WINOGRAD_STEP,
                  j0 = t % tiles->across * WINOGRAD_STEP;
    for (int64_t i = 0; i < WINOGRAD_STEP; i++) {
        for (int64_t j = 0; j < WINOGRAD_STEP; j++) {
            const bool inside = i0 + i < s->P && j0 + j < s->Q;
            at[i * WINOGRAD_STEP + j] =
                inside ? ((image * s->P + i0 + i) * s->Q + j0 + j) * s->N : -1;
        }
    }
}

/* Floats between two points: an odd number of cache lines, so that the 36 stores of a tile do not
 * compete for one set. */
static inline int64_t winograd_plane(int64_t floats) {
    return (floats + 15) / 16 * 16 | 16;
}

#endif
