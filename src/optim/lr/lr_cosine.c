/* SPDX-License-Identifier: MIT
 * Linear warm-up, then half a cosine down to `floor` at the last step (Loshchilov and Hutter 2017,
 * without restarts):
 *   floor + (1 - floor) (1 + cos(pi p)) / 2,   p = (step - warmup) / (total - warmup)
 * While the total is unknown the rate stays at its full value. */
#include <math.h>

#include "optim/lr/lr.h"

#define PI 3.14159265358979323846

typedef struct cosine_options {
    int64_t warmup;
    double floor;
} cosine_options;

static const duet_param rows[] = {
    DUET_INT(cosine_options, warmup, "200", 0, 1e9,
             "steps of linear warm-up (at most a tenth of the training)"),
    DUET_FLOAT(cosine_options, floor, "0.02", 0, 1, "fraction of the rate that is left at the end"),
};

static double factor(const void *options, int64_t step, int64_t total) {
    const cosine_options *o = options;
    const int64_t warmup = duet_lr_warmup_steps(o->warmup, total);
    if (step < warmup || total <= 0) return duet_lr_warmup(o->warmup, step, total);
    const double p = step >= total ? 1.0 : (double)(step - warmup) / (double)(total - warmup);
    return o->floor + (1.0 - o->floor) * 0.5 * (1.0 + cos(PI * p));
}

const duet_lr duet_lr_cosine = {
    .info = {.name = "cosine",
             .help = "warm-up, then half a cosine",
             .params = DUET_TABLE(rows, cosine_options)},
    .factor = factor,
};
