/* SPDX-License-Identifier: MIT
 * optim/lr/lr.h: a learning-rate rule gives the factor of the optimiser's rate, a pure function of
 * (step, total). */
#ifndef DUET_OPTIM_LR_H
#define DUET_OPTIM_LR_H

#include <duet/registry.h>

typedef struct duet_lr {
    duet_entry info;
    /* The factor at step 0, 1, …; total is 0 as long as it is unknown (a budget in minutes before
     * the speed is measured). */
    double (*factor)(const void *options, int64_t step, int64_t total);
} duet_lr;
DUET_FAMILY_OF(lr, duet_lr);

/* Linear warm-up: (step+1)/warmup in the first `warmup` steps, 1 after them. At most a tenth of the
 * training is warm-up. */
double duet_lr_warmup(int64_t warmup, int64_t step, int64_t total);
int64_t duet_lr_warmup_steps(int64_t warmup, int64_t total);

#endif
