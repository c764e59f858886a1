/* SPDX-License-Identifier: MIT
 * engine/backend/widen.h: runs a kernel of f32 on arguments stored as bf16: f32 copies of inputs
 * before it, of outputs behind it. So every op computes in bf16 storage, with the result of its f32
 * kernel rounded once. */
#ifndef DUET_ENGINE_WIDEN_H
#define DUET_ENGINE_WIDEN_H

#include "engine/backend/backend.h"

typedef struct duet_widened {
    duet_call call; /* the same with f32 in place of bf16 */
    int64_t in[DUET_MAX_INPUTS],
        out[DUET_MAX_OUTPUTS]; /* where copies begin, in bytes; -1 = taken as it is */
    int64_t bytes;             /* of all copies, a multiple of 64 */
} duet_widened;

/* as_is: inputs that the kernel reads itself. */
void duet_widen(duet_widened *out, const duet_call *call, uint32_t as_is);
/* *inner is `run` with copies in `space`; its outputs go to the run's own by duet_widen_end. */
void duet_widen_begin(const duet_widened *w, const duet_run *run, void *space, duet_run *inner);
void duet_widen_end(const duet_widened *w, const duet_run *run, const duet_run *inner);

/* The kernel of the backend "cpu" for calls in bf16 that have none of their own: the one for f32,
 * widened. */
extern const duet_kernel duet_kernel_widened;

#endif
