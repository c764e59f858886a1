/* SPDX-License-Identifier: MIT
 * cpu/cpu_gelu.c: gelu. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/vector_math.h"

#define BLOCK 16384

DUET_INLINE duet_vec gelu(duet_vec x) {
    return x * vec_normal(x);
}

static duet_status run_gelu(const duet_run *run) {
    const int64_t count = duet_shape_count(&run->call->out[0].shape);
    const duet_act *const x = run->in[0];
    duet_act *const y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static) if (count > 2 * BLOCK)
    for (int64_t e0 = 0; e0 < count; e0 += BLOCK) {
        const int64_t end = e0 + BLOCK < count ? e0 + BLOCK : count;
        int64_t e = e0;
        for (; e + DUET_LANES <= end; e += DUET_LANES) act_store(y + e, gelu(act_load(x + e)));
        if (e < end) act_store_part(y + e, gelu(act_load_part(x + e, end - e)), end - e);
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "gelu", .name = "simd", .run = run_gelu},
};
DUET_CPU_KERNELS(gelu) = {kernels, DUET_COUNT(kernels)};
