/* SPDX-License-Identifier: MIT
 * cpu/cpu_broadcast.c: mul and sub, whose second operand may be repeated (op/broadcast.h). */
#include "engine/backend/cpu/map.h"
#include "engine/op/broadcast.h"

DUET_INLINE duet_vec mul(duet_vec a, duet_vec b, map_values values) {
    (void)values;
    return a * b;
}

DUET_INLINE duet_vec sub(duet_vec a, duet_vec b, map_values values) {
    (void)values;
    return a - b;
}

DUET_INLINE duet_vec mul_one(duet_vec a, duet_vec unused, map_values values) {
    (void)unused;
    return a * values.first;
}

DUET_INLINE duet_vec sub_one(duet_vec a, duet_vec unused, map_values values) {
    (void)unused;
    return a - values.first;
}

BLOCK_MAP(mul_block, mul)
BLOCK_MAP(sub_block, sub)
BLOCK_MAP(mul_one_block, mul_one)
BLOCK_MAP(sub_one_block, sub_one)

/* Row by row of C elements; b[C], or [B,C] with one for each sample. */
static void map_rows(const duet_run *run, duet_spread spread, block_map f) {
    const duet_shape *const xs = &run->call->in[0].shape;
    const int64_t C = duet_op_last(xs), rows = duet_op_rows(xs);
    const int64_t each = spread == DUET_SPREAD_ROWS ? rows : duet_op_middle(xs);
    const duet_act *const x = run->in[0], *const b = run->in[1];
    duet_act *const y = run->out[0];
#pragma omp parallel for num_threads(run->threads) schedule(static) if (rows * C > 2 * BLOCK)
    for (int64_t row = 0; row < rows; row++)
        f(x + row * C, b + row / each * C, y + row * C, C, no_values);
}

static void run_map(const duet_run *run, block_map f, block_map one) {
    const duet_spread spread = duet_spread_of(&run->call->in[0].shape, &run->call->in[1].shape);
    const duet_act *const b = run->in[1];
    if (spread == DUET_SPREAD_NONE)
        map(run, run->in[0], b, no_values, f);
    else if (spread == DUET_SPREAD_ALL)
        map(run, run->in[0], NULL, (map_values){.first = act_get(b[0])}, one);
    else
        map_rows(run, spread, f);
}

static duet_status run_mul(const duet_run *run) {
    run_map(run, mul_block, mul_one_block);
    return DUET_OK;
}

static duet_status run_sub(const duet_run *run) {
    run_map(run, sub_block, sub_one_block);
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    {.op = "mul", .name = "simd", .run = run_mul},
    {.op = "sub", .name = "simd", .run = run_sub},
};
DUET_CPU_KERNELS(broadcast) = {kernels, DUET_COUNT(kernels)};
