/* SPDX-License-Identifier: MIT
 * model/model_plan.c: kernels, time and bytes of a forward pass, node by node (`duet info --plan`).
 */
#include <stdlib.h>

#include "base/error.h"
#include "model/network.h"

typedef struct wanted {
    int block; /* 0 = the raw output */
    duet_value value;
    int taps; /* of the model */
} wanted;

static duet_value remember(duet_graph *graph, const duet_tap_info *tap, duet_value x, void *user) {
    (void)graph;
    wanted *want = user;
    if (tap->block == want->block) want->value = x;
    return x;
}

static duet_status give(duet_graph *graph, duet_value raw, void *user, const duet_value **out,
                        int64_t *count) {
    wanted *want = user;
    (void)graph;
    if (want->block == 0) want->value = raw;
    if (want->value == DUET_NONE)
        return duet_fail(DUET_ARG,
                         "no tap %d; the model has taps 1 to %d ('duet info MODEL' lists them)",
                         want->block, want->taps);
    *out = &want->value;
    *count = 1;
    return DUET_OK;
}

enum { REPEATS = 5, FEWER = 3 };
#define LONG_PASS 2.0 /* seconds per pass above which FEWER passes are made */

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The median of each node over a few passes, since a single pass is disturbed by other work on the
 * machine. */
static duet_status measure(duet_network *network, int64_t rows, double *seconds) {
    duet_status status = DUET_OK;
    double *all = NULL, one[REPEATS];
    DUET_DO(duet_alloc(&all, REPEATS * rows, sizeof *all));
    const double start = duet_clock();
    DUET_DO(duet_network_run(network)); /* packs weights, warms caches */
    const int repeats = duet_clock() - start < LONG_PASS ? REPEATS : FEWER;
    for (int r = 0; r < repeats; r++) DUET_DO(duet_network_profile(network, all + r * rows));
    for (int64_t i = 0; i < rows; i++) {
        for (int r = 0; r < repeats; r++) one[r] = all[r * rows + i];
        qsort(one, (size_t)repeats, sizeof *one, by_value);
        seconds[i] = one[repeats / 2];
    }
done:
    duet_release(all);
    return status;
}

static duet_status report_rows(const duet_plan *plan, const double *seconds,
                               void (*row)(const duet_model_plan_row *, void *), void *user) {
    for (int64_t i = 0; i < duet_plan_rows(plan); i++) {
        duet_plan_row from;
        duet_plan_row_at(plan, i, &from);
        const duet_model_plan_row to = {.op = from.op,
                                        .scope = from.scope,
                                        .kernel = from.kernel,
                                        .impl = from.impl,
                                        .flops = from.flops,
                                        .seconds = seconds[i],
                                        .bytes = from.bytes,
                                        .fallback = from.fallback,
                                        .tuned = from.tuned};
        row(&to, user);
    }
    return DUET_OK;
}

duet_status duet_model_plan(duet_context *ctx, duet_model *model, int64_t batch, int tap,
                            void (*row)(const duet_model_plan_row *row, void *user), void *user,
                            duet_model_plan_memory *memory) {
    duet_status status = DUET_OK;
    duet_network *network = NULL;
    double *seconds = NULL;
    wanted want = {.block = tap > 0 ? tap : 0, .value = DUET_NONE, .taps = model->tap_count};
    const duet_network_spec spec = {
        .batch = batch, .tap = remember, .outputs = give, .user = &want};
    DUET_DO(duet_network_open(ctx, &network, model, &spec));
    const duet_plan *const plan = duet_network_plan(network);
    DUET_DO(duet_alloc(&seconds, duet_plan_rows(plan), sizeof *seconds));
    DUET_DO(measure(network, duet_plan_rows(plan), seconds));
    DUET_DO(report_rows(plan, seconds, row, user));
    *memory = (duet_model_plan_memory){.total = duet_plan_memory(plan),
                                       .activations = duet_plan_slab(plan),
                                       .scratch = duet_plan_scratch(plan),
                                       .packed = duet_plan_kept(plan)};
done:
    duet_release(seconds);
    duet_network_close(network);
    return status;
}
