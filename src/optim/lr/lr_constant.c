/* SPDX-License-Identifier: MIT
 * Linear warm-up, then the full rate to the end. */
#include "optim/lr/lr.h"

typedef struct constant_options {
    int64_t warmup;
} constant_options;

static const duet_param rows[] = {
    DUET_INT(constant_options, warmup, "200", 0, 1e9,
             "steps of linear warm-up (at most a tenth of the training)"),
};

static double factor(const void *options, int64_t step, int64_t total) {
    return duet_lr_warmup(((const constant_options *)options)->warmup, step, total);
}

const duet_lr duet_lr_constant = {
    .info = {.name = "constant",
             .help = "warm-up, then constant",
             .params = DUET_TABLE(rows, constant_options)},
    .factor = factor,
};
