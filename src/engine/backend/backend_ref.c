/* SPDX-License-Identifier: MIT
 * The backend `ref`, whose kernels are the ops' references. It is the oracle of all others and
 * their fall-back; one reference kernel an op, made from op.def. */
#include <string.h>

#include "engine/backend/backend.h"
#include "engine/backend/widen.h"
#include "engine/op/op.def"

static duet_status plan_reference(const duet_call *call, const duet_kernel_options *options,
                                  duet_kernel_plan *out) {
    duet_widened w;
    (void)options;
    duet_widen(&w, call, 0);
    out->scratch = w.bytes;
    out->impl = "";
    return DUET_OK;
}

static duet_status run_reference(const duet_run *run) {
    duet_widened w;
    duet_run inner;
    duet_widen(&w, run->call, 0);
    duet_widen_begin(&w, run, run->scratch, &inner);
    w.call.op->reference(&inner);
    duet_widen_end(&w, run, &inner);
    return DUET_OK;
}

#define REFERENCE_KERNEL(family, name_) \
    {.op = #name_, .name = "reference", .plan = plan_reference, .run = run_reference},
static const duet_kernel reference_kernels[] = {DUET_OPS(REFERENCE_KERNEL)};

const duet_kernel *duet_kernel_reference(const duet_op *op) {
    if (op == NULL || op->reference == NULL) return NULL;
    for (int i = 0; i < DUET_COUNT(reference_kernels); i++) {
        if (strcmp(reference_kernels[i].op, op->info.name) == 0) return &reference_kernels[i];
    }
    return NULL;
}

static const duet_kernel *find_reference(const duet_call *call,
                                         const duet_kernel_options *options) {
    (void)options;
    return duet_kernel_reference(call->op);
}

static const duet_backend backend_ref = {.find = find_reference, .isa = "base"};

const duet_backend *duet_ref_backend(void) {
    return &backend_ref;
}

const duet_device duet_backend_ref = {
    .info = {.name = "ref",
             .help = "one loop an index, double accumulation: slow, obvious, the oracle",
             .params = DUET_TABLE_EMPTY},
    .backend = duet_ref_backend,
};
