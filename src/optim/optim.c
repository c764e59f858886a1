/* SPDX-License-Identifier: MIT
 * The family `optim`: optimisers. */
#include "optim/optim.h"

#include <math.h>

#include "optim/optim.def"

DUET_FAMILY(optim, DUET_OPTIMS, "optimisers");

int64_t duet_optim_first_bad(const float *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(x[i])) return i;
    }
    return -1;
}
