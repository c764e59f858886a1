/* SPDX-License-Identifier: MIT
 * optim/average/follow.c: see follow.h. */
#include "optim/average/follow.h"

#include <string.h>

void duet_average_follow(const duet_update_call *call) {
    const float take = call->coefficients[0];
#pragma omp parallel for schedule(static) num_threads(call->threads)
    for (int64_t n = 0; n < call->tile_count; n++) {
        const duet_update_tile *t = &call->tiles[n];
        float *restrict e = t->beside[0];
        const float *restrict w = t->weight;
        if (!t->averaged)
            memcpy(e, w, (size_t)t->count * sizeof *e);
        else
            for (int64_t i = 0; i < t->count; i++) e[i] += take * (w[i] - e[i]);
    }
}
