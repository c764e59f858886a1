/* SPDX-License-Identifier: MIT
 * cpu/cpu_gelu.c: gelu by erfc(z) = t exp(-z^2 + p(t)), t = 1 / (1 + z/2), z >= 0, whose relative
 * error is below 1.2e-7 everywhere (Press et al., Numerical Recipes, section 6.2). */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/vector.h"

#define BLOCK 16384

DUET_INLINE duet_vec gelu(duet_vec x) {
    static const float p[] = {-1.26551223f, 1.00002368f,  0.37409196f, 0.09678418f,  -0.18628806f,
                              0.27886807f,  -1.13520398f, 1.48851587f, -0.82215223f, 0.17087277f};
    const duet_vec none = {0}, z = vec_select(x < none, -x, x) * 0.70710678118654752f,
                   t = 1.0f / (1.0f + 0.5f * z);
    duet_vec sum = vec_set(p[9]);
    for (int i = 8; i >= 0; i--) sum = sum * t + p[i];
    const duet_vec half = 0.5f * t * vec_exp(sum - z * z);
    return x * vec_select(x < none, half, 1.0f - half);
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
