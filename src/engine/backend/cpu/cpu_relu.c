/* SPDX-License-Identifier: MIT
 * cpu/cpu_relu.c: relu and its gradient. No network has it over whole maps, so one loop on each thread is enough. */
#include "engine/backend/backend.h"
#include "engine/backend/cpu/vector.h"

static duet_status run_relu(const duet_run *run)
{
    const int64_t count = duet_shape_count(&run->call->out[0].shape);
    const duet_vec none = { 0 };
    const duet_act *const x = run->in[0];
    duet_act *const y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static) if (count > 32768)
    for (int64_t e = 0; e < count; e += DUET_LANES) {
        if (count - e >= DUET_LANES) act_store(y + e, vec_max(none, act_load(x + e)));
        else act_store_part(y + e, vec_max(none, act_load_part(x + e, count - e)), count - e);
    }
    return DUET_OK;
}

static duet_status run_relu_grad(const duet_run *run)
{
    const int64_t count = duet_shape_count(&run->call->out[0].shape);
    const duet_vec none = { 0 };
    const duet_act *const x = run->in[0], *const dy = run->in[1];
    duet_act *const dx = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static) if (count > 32768)
    for (int64_t e = 0; e < count; e += DUET_LANES) {
        const int64_t lanes = count - e;
        if (lanes >= DUET_LANES) act_store(dx + e, vec_select(act_load(x + e) > none, act_load(dy + e), none));
        else act_store_part(dx + e, vec_select(act_load_part(x + e, lanes) > none, act_load_part(dy + e, lanes), none), lanes);
    }
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    { .op = "relu", .name = "simd", .run = run_relu },
    { .op = "relu_grad", .name = "simd", .run = run_relu_grad },
};
DUET_CPU_KERNELS(relu) = { kernels, DUET_COUNT(kernels) };
