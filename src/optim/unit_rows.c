/* SPDX-License-Identifier: MIT
 * optim/unit_rows.c: forced weight normalisation (Karras et al. 2024, section 2.3): after each step
 * every row of a weight, a filter, is divided by eps + its root mean square, so that the rate of
 * learning is one of directions and does not fade as weights grow. */
#include <math.h>

#include "optim/optim.h"

#define EPS 1e-4

static void scale_row(float *w, int64_t count) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) sum += (double)w[i] * (double)w[i];
    const float by = (float)(1.0 / (EPS + sqrt(sum / (double)count)));
    for (int64_t i = 0; i < count; i++) w[i] *= by;
}

static void run(const duet_update_call *call) {
#pragma omp parallel for schedule(dynamic) num_threads(call->threads)
    for (int64_t n = 0; n < call->tensor_count; n++) {
        const duet_update_tensor *t = &call->tensors[n];
        for (int64_t r = 0; r < t->rows; r++)
            scale_row(call->tiles[t->tile].weight + r * t->columns, t->columns);
    }
}

const duet_rule duet_rule_unit = {
    .info = {.name = "unit",
             .help = "rows of weights keep root mean square 1",
             .params = DUET_TABLE_EMPTY},
    .run = run,
};
