/* SPDX-License-Identifier: MIT
 * The rate falls by a factor at equal distances: factor^k in the k-th of `stages` parts of the
 * training (PyTorch's StepLR with a step of total / stages). While the total is unknown the rate
 * stays at its full value. */
#include <math.h>

#include "optim/lr/lr.h"

typedef struct step_options {
    int64_t stages;
    double factor;
} step_options;

static const duet_param rows[] = {
    DUET_INT(step_options, stages, "4", 1, 1e6, "parts of the training, of equal length"),
    DUET_FLOAT(step_options, factor, "0.1", 0, 1, "of the rate from one to the next"),
};

static double factor(const void *options, int64_t step, int64_t total) {
    const step_options *o = options;
    if (total <= 0) return 1.0;
    const int64_t last = o->stages - 1;
    const int64_t stage = (int64_t)((double)step * (double)o->stages / (double)total);
    return pow(o->factor, (double)(stage < last ? stage : last));
}

const duet_lr duet_lr_step = {
    .info = {.name = "step",
             .help = "falls by a factor at equal distances",
             .params = DUET_TABLE(rows, step_options)},
    .factor = factor,
};
