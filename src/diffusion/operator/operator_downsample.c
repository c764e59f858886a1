/* SPDX-License-Identifier: MIT
 * Smaller by a whole factor. box: the mean of factor x factor pixels; bicubic: Keys' cubic (a =
 * -0.5) over the area of the small pixel, as Pillow and imresize take it. */
#include "base/error.h"
#include "base/mem.h"
#include "diffusion/operator/operator.h"
#include "io/resize.h"

#include <string.h>

typedef struct downsample_options {
    int64_t factor;
    char filter[16];
} downsample_options;

static const duet_param rows[] = {
    DUET_INT(downsample_options, factor, "4", 2, 256, "of the side"),
    DUET_TEXT(downsample_options, filter, "box", "box|bicubic",
              "box: the mean of the pixels; bicubic as by Pillow"),
};

static duet_status apply(const void *options, duet_measure *measure) {
    const downsample_options *const o = options;
    const duet_filter filter =
        strcmp(o->filter, "box") == 0 ? DUET_FILTER_BOX : DUET_FILTER_BICUBIC;
    const int64_t from = measure->side, to = from / o->factor;
    duet_status status = DUET_OK;
    float *one = NULL, *small = NULL;
    double *matrix = NULL;
    if (to < 1 || to * o->factor != from)
        return duet_fail(DUET_ARG,
                         "images of %lld pixels cannot be made smaller by %lld; a factor "
                         "that divides %lld can",
                         (long long)from, (long long)o->factor, (long long)from);
    DUET_DO(duet_alloc(&one, from * from, sizeof *one));
    DUET_DO(duet_alloc(&small, to * from, sizeof *small));
    DUET_DO(duet_alloc(&matrix, to * from, sizeof *matrix));
    for (int64_t i = 0; i < from; i++) one[i * from + i] = 1.0F;
    DUET_DO(duet_resize_f32(small, one, from, from, 1, to, from, filter));
    for (int64_t i = 0; i < to * from; i++) matrix[i] = (double)small[i];
    DUET_DO(duet_measure_across(measure, matrix, to));
done:
    duet_release(one);
    duet_release(small);
    duet_release(matrix);
    return status;
}

const duet_operator duet_operator_downsample = {
    .info = {.name = "downsample",
             .help = "smaller by a whole factor",
             .params = DUET_TABLE(rows, downsample_options)},
    .apply = apply,
};
