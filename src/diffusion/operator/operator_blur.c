/* SPDX-License-Identifier: MIT
 * Gaussian blur of rows and columns, cut off at 4 sigma; beyond the border the picture is
 * mirrored. */
#include <math.h>

#include "base/error.h"
#include "base/mem.h"
#include "diffusion/operator/operator.h"

typedef struct blur_options {
    double sigma;
} blur_options;

static const duet_param rows[] = {
    DUET_FLOAT(blur_options, sigma, "1.5", 0.1, 64, "in pixels"),
};

/* The place of i among n pixels that are mirrored at both ends. */
static int64_t mirrored(int64_t i, int64_t n) {
    const int64_t period = 2 * n;
    i = (i % period + period) % period;
    return i < n ? i : period - 1 - i;
}

static duet_status apply(const void *options, duet_measure *measure) {
    const double sigma = ((const blur_options *)options)->sigma;
    const int64_t n = measure->side, reach = (int64_t)ceil(4.0 * sigma);
    double *matrix = NULL, sum = 0;
    DUET_TRY(duet_alloc(&matrix, n * n, sizeof *matrix));
    for (int64_t d = -reach; d <= reach; d++) sum += exp(-0.5 * (double)(d * d) / (sigma * sigma));
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = -reach; d <= reach; d++)
            matrix[i * n + mirrored(i + d, n)] +=
                exp(-0.5 * (double)(d * d) / (sigma * sigma)) / sum;
    const duet_status status = duet_measure_across(measure, matrix, n);
    duet_release(matrix);
    return status;
}

const duet_operator duet_operator_blur = {
    .info = {.name = "blur", .help = "Gaussian blur", .params = DUET_TABLE(rows, blur_options)},
    .apply = apply,
};
