/* SPDX-License-Identifier: MIT
 * model/arch/vit_positions.c: position embeddings of a square of patches for a square of another
 * side, bicubic in one of three ways; the token in front keeps its own:
 *   antialias  weights over the area of a patch, a = -1/2 (timm; DINOv2 with registers)
 *   plain      four neighbours each way, a = -3/4, output i at (i + 1/2) from/to - 1/2
 *   offset     the same at (i + 1/2) from/(to + 0.1) - 1/2 (DINOv2 without registers) */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "io/resize.h"
#include "model/arch/vit_config.h"

/* Keys' cubic with a = -3/4. */
static double cubic(double x) {
    const double a = -0.75;
    x = fabs(x);
    return x < 1   ? ((a + 2) * x - (a + 3)) * x * x + 1
           : x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a
                   : 0;
}

/* One axis: out[o][i][u] of in[o][j][u], o < outer, u < unit; beyond the border its value counts.
 */
static void resample_axis(float *out, const float *in, int64_t outer, int64_t from, int64_t to,
                          int64_t unit, double scale) {
    for (int64_t i = 0; i < to; i++) {
        const double at = ((double)i + 0.5) * scale - 0.5, low = floor(at);
        for (int64_t e = 0; e < outer * unit; e++) {
            double sum = 0;
            for (int64_t j = (int64_t)low - 1; j <= (int64_t)low + 2; j++) {
                const int64_t inside = j < 0 ? 0 : j < from ? j : from - 1;
                sum += cubic(at - (double)j) *
                       (double)in[(e / unit * from + inside) * unit + e % unit];
            }
            out[(e / unit * to + i) * unit + e % unit] = (float)sum;
        }
    }
}

static duet_status resample(float *out, const float *in, int64_t from, int64_t to, int64_t width,
                            const char *how) {
    float *half = NULL;
    if (strcmp(how, "antialias") == 0)
        return duet_resize_f32(out, in, from, from, width, to, to, DUET_FILTER_BICUBIC);
    const double scale = (double)from / ((double)to + (strcmp(how, "offset") == 0 ? 0.1 : 0.0));
    DUET_TRY(duet_alloc(&half, from * to * width, sizeof *half));
    resample_axis(half, in, from, from, to, width, scale);
    resample_axis(out, half, 1, from, to, to * width, scale);
    duet_release(half);
    return DUET_OK;
}

duet_status duet_vit_reshape(const void *config, const char *name, const duet_shape *have,
                             const float *in, float *out) {
    const vit_config *const c = config;
    const int64_t first = c->class_position ? 1 : 0, to = c->image_size / c->patch;
    int64_t from = 1;
    if (strcmp(name, "pos_embed") != 0 || have->rank != 3 || have->dim[2] != c->width)
        return DUET_SHAPE;
    while (from * from < have->dim[1] - first) from++;
    if (from * from != have->dim[1] - first) return DUET_SHAPE;
    if (in == NULL) return DUET_OK;
    memcpy(out, in, (size_t)(first * c->width) * sizeof *out);
    return resample(out + first * c->width, in + first * c->width, from, to, c->width,
                    c->positions);
}
