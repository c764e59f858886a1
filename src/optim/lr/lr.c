/* SPDX-License-Identifier: MIT
 * The family `lr`: how the learning rate changes over training, and the warm-up its members share.
 */
#include "optim/lr/lr.h"
#include "optim/lr/lr.def"

DUET_FAMILY(lr, DUET_LRS, "learning rate over training");

int64_t duet_lr_warmup_steps(int64_t warmup, int64_t total) {
    const int64_t most = total / 10;
    return total > 0 && warmup > most ? most : warmup;
}

double duet_lr_warmup(int64_t warmup, int64_t step, int64_t total) {
    const int64_t steps = duet_lr_warmup_steps(warmup, total);
    return step < steps ? (double)(step + 1) / (double)steps : 1.0;
}
