/* SPDX-License-Identifier: MIT
 * engine/graph/plan_info.c: what a plan says of itself: nodes with their kernels, memory,
 * fall-backs, gradient layout. */
#include "engine/graph/plan_internal.h"

size_t duet_arg_bytes(const duet_arg *arg) {
    return (size_t)duet_shape_count(&arg->shape) * duet_dtype_size(arg->dtype);
}

int64_t duet_plan_rows(const duet_plan *plan) {
    return plan->step_count;
}

void duet_plan_row_at(const duet_plan *plan, int64_t index, duet_plan_row *out) {
    const duet_step *step = &plan->steps[index];
    const duet_call *call = &step->call;
    *out = (duet_plan_row){.op = call->op->info.name,
                           .scope = call->scope,
                           .kernel = step->kernel != NULL ? step->kernel->name : "view",
                           .impl = step->plan.impl != NULL ? step->plan.impl : "",
                           .out = call->out[0].shape,
                           .fallback = step->fallback,
                           .tuned = step->tuned};
    if (step->kernel == NULL) return;
    out->flops = call->op->flops != NULL ? call->op->flops(call)
                                         : (double)duet_shape_count(&call->out[0].shape);
    for (int k = 0; k < call->inputs; k++)
        if (call->has_in[k]) out->bytes += (int64_t)duet_arg_bytes(&call->in[k]);
    for (int k = 0; k < call->outputs; k++)
        if (call->has_out[k]) out->bytes += (int64_t)duet_arg_bytes(&call->out[k]);
}

int64_t duet_plan_memory(const duet_plan *plan) {
    return plan->slab_bytes + plan->scratch_bytes + plan->keep_bytes +
           plan->grad_size * (int64_t)sizeof(float);
}

int64_t duet_plan_slab(const duet_plan *plan) {
    return plan->slab_bytes;
}

int64_t duet_plan_scratch(const duet_plan *plan) {
    return plan->scratch_bytes;
}

int64_t duet_plan_kept(const duet_plan *plan) {
    return plan->keep_bytes;
}

int64_t duet_plan_fallbacks(const duet_plan *plan) {
    int64_t count = 0;
    for (int64_t s = 0; s < plan->step_count; s++) count += plan->steps[s].fallback;
    return count;
}

int64_t duet_plan_tuned(const duet_plan *plan) {
    int64_t count = 0;
    for (int64_t s = 0; s < plan->step_count; s++) count += plan->steps[s].tuned;
    return count;
}

int64_t duet_plan_grad_offset(const duet_plan *plan, int64_t slot) {
    return slot < 0 || plan->grad_offset == NULL || slot >= plan->slots ? -1
                                                                        : plan->grad_offset[slot];
}

int64_t duet_plan_grad_size(const duet_plan *plan) {
    return plan->grad_size;
}
