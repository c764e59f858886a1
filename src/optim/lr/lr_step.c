/* SPDX-License-Identifier: MIT
 * The rate falls by a factor at equal distances: factor^k in the k-th of `stages` parts of the
 * training (PyTorch's StepLR with a step of total / stages), or once at each place of `at`. While
 * the total is unknown the rate stays at its full value. */
#include <math.h>

#include "optim/lr/lr.h"

typedef struct step_options {
    int64_t stages;
    double factor;
    duet_int_list at;
} step_options;

static const duet_param rows[] = {
    DUET_INT(step_options, stages, "4", 1, 1e6, "parts of the training, of equal length"),
    DUET_FLOAT(step_options, factor, "0.1", 0, 1, "of the rate from one to the next"),
    DUET_INTS(step_options, at, "", 1, 100,
              "where it falls instead, in percent of the training: 29/57/86"),
};

static double factor(const void *options, int64_t step, int64_t total) {
    const step_options *o = options;
    if (total <= 0) return 1.0;
    int falls = 0;
    for (int i = 0; i < o->at.count; i++) falls += step * 100 >= o->at.v[i] * total;
    if (o->at.count > 0) return pow(o->factor, falls);
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
