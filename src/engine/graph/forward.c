/* SPDX-License-Identifier: MIT
 * engine/graph/forward.c: from a built graph to a plan of its forward pass, as the context wants
 * it: the passes and options that everything which reads, samples or measures a network shares. */
#include "engine/graph/plan.h"

#include "base/context.h"
#include "base/error.h"

duet_plan_options duet_plan_options_of(const duet_context *ctx) {
    return (duet_plan_options){.device = duet_context_device(ctx),
                               .threads = duet_context_threads(ctx),
                               .exact = duet_context_exact(ctx),
                               .tuning = duet_context_tuning(ctx)};
}

duet_status duet_forward_passes(duet_context *ctx, duet_graph *graph, const duet_value *outputs,
                                int64_t count) {
    DUET_TRY(duet_pass_run(graph, "fuse", outputs, count));
    return duet_context_bf16(ctx) ? duet_pass_run(graph, "bf16", outputs, count) : DUET_OK;
}
