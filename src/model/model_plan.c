/* SPDX-License-Identifier: MIT
 * model/model_plan.c: kernels, time and bytes of a forward pass, node by node (`duet info --plan`).
 */
#include <stdlib.h>

#include "base/error.h"
#include "model/model.h"

typedef struct wanted {
    int block;
    duet_value value;
} wanted;

static duet_value remember(duet_graph *graph, const duet_tap_info *tap, duet_value x, void *user) {
    (void)graph;
    wanted *want = user;
    if (tap->block == want->block) want->value = x;
    return x;
}

enum { REPEATS = 5, FEWER = 3 };
#define LONG_PASS 2.0 /* seconds per pass above which FEWER passes are made */

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The median of each node over a few passes, since a single pass is disturbed by other work on the
 * machine. */
static duet_status measure(duet_session *session, int64_t rows, double *seconds) {
    duet_status status = DUET_OK;
    double *all = NULL, one[REPEATS];
    DUET_DO(duet_alloc(&all, REPEATS * rows, sizeof *all));
    const double start = duet_clock();
    DUET_DO(duet_session_run(session)); /* packs weights, warms caches */
    const int repeats = duet_clock() - start < LONG_PASS ? REPEATS : FEWER;
    for (int r = 0; r < repeats; r++) DUET_DO(duet_session_profile(session, all + r * rows));
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
    duet_graph *graph = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    double *seconds = NULL;
    duet_model_inputs in;
    duet_value out = DUET_NONE;
    wanted want = {.block = tap, .value = DUET_NONE};
    DUET_DO(duet_graph_new(&graph));
    duet_graph_set_tap_hook(graph, remember, &want);
    DUET_DO(duet_model_build(model, graph, batch, false, &in, &out));
    if (tap > 0 && want.value == DUET_NONE)
        DUET_FAIL(DUET_ARG, "no tap %d; the model has taps 1 to %d ('duet info MODEL' lists them)",
                  tap, model->tap_count);
    if (tap > 0) out = want.value;
    DUET_DO(duet_forward_plan(ctx, &plan, graph, model->slots, &out, 1));
    DUET_DO(duet_session_new(&session, plan, model->slots));
    DUET_DO(duet_alloc(&seconds, duet_plan_rows(plan), sizeof *seconds));
    DUET_DO(measure(session, duet_plan_rows(plan), seconds));
    DUET_DO(report_rows(plan, seconds, row, user));
    *memory = (duet_model_plan_memory){.total = duet_plan_memory(plan),
                                       .activations = duet_plan_slab(plan),
                                       .scratch = duet_plan_scratch(plan),
                                       .packed = duet_plan_kept(plan)};
done:
    duet_release(seconds);
    duet_session_free(session);
    duet_plan_free(plan);
    duet_graph_free(graph);
    return status;
}
