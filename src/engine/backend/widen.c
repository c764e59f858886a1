/* SPDX-License-Identifier: MIT
 * engine/backend/widen.c: see widen.h. */
#include "engine/backend/widen.h"

#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"

#define BLOCK (1 << 16) /* elements converted by a thread at a time */

static int64_t place(duet_arg *arg, int64_t *bytes) {
    const int64_t at = *bytes;
    arg->dtype = DUET_F32;
    *bytes += (duet_shape_count(&arg->shape) * (int64_t)sizeof(float) + 63) / 64 * 64;
    return at;
}

void duet_widen(duet_widened *out, const duet_call *call, uint32_t as_is) {
    *out = (duet_widened){.call = *call};
    for (int k = 0; k < DUET_MAX_INPUTS; k++) {
        const bool copied = k < call->inputs && call->has_in[k] && call->in[k].dtype == DUET_BF16 &&
                            (as_is >> k & 1u) == 0;
        out->in[k] = copied ? place(&out->call.in[k], &out->bytes) : -1;
    }
    for (int k = 0; k < DUET_MAX_OUTPUTS; k++) {
        const bool copied = k < call->outputs && call->out[k].dtype == DUET_BF16;
        out->out[k] = copied && call->has_out[k] ? place(&out->call.out[k], &out->bytes) : -1;
        if (copied) out->call.out[k].dtype = DUET_F32;
    }
}

static void convert(void *to, duet_dtype to_type, const void *from, duet_dtype from_type,
                    int64_t count, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (count > BLOCK)
    for (int64_t e = 0; e < count; e += BLOCK) {
        duet_convert((uint8_t *)to + (size_t)e * duet_dtype_size(to_type), to_type,
                     (const uint8_t *)from + (size_t)e * duet_dtype_size(from_type), from_type,
                     count - e < BLOCK ? count - e : BLOCK);
    }
}

void duet_widen_begin(const duet_widened *w, const duet_run *run, void *space, duet_run *inner) {
    *inner = *run;
    inner->call = &w->call;
    for (int k = 0; k < w->call.inputs; k++) {
        if (w->in[k] < 0 || run->in[k] == NULL) continue;
        void *const copy = (uint8_t *)space + w->in[k];
        convert(copy, DUET_F32, run->in[k], DUET_BF16, duet_shape_count(&w->call.in[k].shape),
                run->threads);
        inner->in[k] = copy;
    }
    for (int k = 0; k < w->call.outputs; k++) {
        if (w->out[k] >= 0 && run->out[k] != NULL) inner->out[k] = (uint8_t *)space + w->out[k];
    }
}

void duet_widen_end(const duet_widened *w, const duet_run *run, const duet_run *inner) {
    for (int k = 0; k < w->call.outputs; k++) {
        if (w->out[k] < 0 || run->out[k] == NULL) continue;
        convert(run->out[k], DUET_BF16, inner->out[k], DUET_F32,
                duet_shape_count(&w->call.out[k].shape), run->threads);
    }
}

/* ---- the widened kernel of the cpu ---- */

typedef struct widened_kernel {
    duet_widened w;
    const duet_kernel *kernel;
    duet_kernel_plan plan;
    char impl[64];
} widened_kernel;

static void release(void *state) {
    widened_kernel *const s = state;
    if (s->kernel->release != NULL && s->plan.state != NULL) s->kernel->release(s->plan.state);
    duet_release(s);
}

static duet_status plan(const duet_call *call, const duet_kernel_options *options,
                        duet_kernel_plan *out) {
    duet_widened w;
    duet_widen(&w, call, call->op->weight_inputs);
    const duet_kernel *kernel = duet_cpu_backend()->find(&w.call, options);
    if (kernel == NULL ||
        kernel == &duet_kernel_widened) { /* no kernel reads its weights as they are */
        duet_widen(&w, call, 0);
        kernel = duet_cpu_backend()->find(&w.call, options);
    }
    if (kernel == NULL) return DUET_UNSUPPORTED; /* the reference widens by itself */
    widened_kernel *s = NULL;
    DUET_TRY(duet_alloc(&s, 1, sizeof *s));
    s->w = w;
    s->kernel = kernel;
    const duet_status status =
        kernel->plan != NULL ? kernel->plan(&s->w.call, options, &s->plan) : DUET_OK;
    if (status != DUET_OK) {
        duet_release(s);
        return status;
    }
    snprintf(s->impl, sizeof s->impl, "%s as f32",
             s->plan.impl != NULL && s->plan.impl[0] != '\0' ? s->plan.impl : kernel->name);
    out->state = s;
    out->scratch = w.bytes + s->plan.scratch;
    out->keep = s->plan.keep;
    out->impl = s->impl;
    return DUET_OK;
}

typedef struct widened_local {
    const duet_kernel *kernel;
    void *local; /* the kernel's own */
} widened_local;

static void close_local(void *local) {
    widened_local *const l = local;
    if (l->kernel->close != NULL && l->local != NULL) l->kernel->close(l->local);
    duet_release(l);
}

static duet_status open_local(const void *state, void **local) {
    const widened_kernel *const s = state;
    widened_local *l = NULL;
    if (s->kernel->open == NULL) return DUET_OK;
    DUET_TRY(duet_alloc(&l, 1, sizeof *l));
    l->kernel = s->kernel;
    const duet_status status = s->kernel->open(s->plan.state, &l->local);
    if (status == DUET_OK)
        *local = l;
    else
        duet_release(l);
    return status;
}

static duet_status run_widened(const duet_run *run) {
    const widened_kernel *const s = run->state;
    duet_run inner;
    duet_widen_begin(&s->w, run, run->scratch, &inner);
    inner.state = s->plan.state;
    inner.local = run->local != NULL ? ((const widened_local *)run->local)->local : NULL;
    inner.scratch = (uint8_t *)run->scratch + s->w.bytes;
    DUET_TRY(s->kernel->run(&inner));
    duet_widen_end(&s->w, run, &inner);
    return DUET_OK;
}

const duet_kernel duet_kernel_widened = {
    .op = "",
    .name = "widened",
    .plan = plan,
    .release = release,
    .open = open_local,
    .close = close_local,
    .run = run_widened,
};
