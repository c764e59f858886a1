/* SPDX-License-Identifier: MIT
 * engine/op/reduce.h: the axes of x[…] that reduce and its gradient keep and those they run over,
 * each as sizes and steps in elements, outer axes first. */
#ifndef DUET_ENGINE_REDUCE_H
#define DUET_ENGINE_REDUCE_H

#include "engine/op/op_list.h"

typedef struct duet_axes {
    int rank;
    int64_t count, dim[DUET_MAX_RANK], step[DUET_MAX_RANK];
} duet_axes;

typedef struct duet_reduction {
    duet_axes kept, over;
} duet_reduction;

static inline bool duet_reduces_axis(const duet_int_list *axes, int rank, int axis) {
    bool found = axes->count == 0;
    for (int i = 0; i < axes->count; i++) found |= axes->v[i] == axis || axes->v[i] + rank == axis;
    return found;
}

static inline duet_reduction duet_reduction_of(const duet_shape *x, const duet_int_list *axes) {
    duet_reduction r = {.kept.count = 1, .over.count = 1};
    int64_t step = duet_shape_count(x);
    for (int i = 0; i < x->rank; i++) {
        duet_axes *to = duet_reduces_axis(axes, x->rank, i) ? &r.over : &r.kept;
        step /= x->dim[i];
        to->dim[to->rank] = x->dim[i];
        to->step[to->rank++] = step;
        to->count *= x->dim[i];
    }
    return r;
}

/* Where element `index` of these axes begins in x. */
static inline int64_t duet_axes_at(const duet_axes *axes, int64_t index) {
    int64_t at = 0;
    for (int i = axes->rank - 1; i >= 0; i--) {
        at += index % axes->dim[i] * axes->step[i];
        index /= axes->dim[i];
    }
    return at;
}

/* Axes exist and stand once; the shape of the result for x. */
DUET_NODISCARD duet_status duet_op_reduced(const duet_call *call, const duet_shape *x,
                                           duet_shape *out);

/* Place of the largest element, the first of equal ones, counted in the order of x; a NaN is the
 * largest. */
static inline int64_t duet_reduce_largest(const duet_reduction *r, const float *x, int64_t kept) {
    const int64_t begin = duet_axes_at(&r->kept, kept);
    int64_t best = begin;
    for (int64_t i = 1; i < r->over.count; i++) {
        const int64_t at = begin + duet_axes_at(&r->over, i);
        if (x[at] > x[best] || (x[at] != x[at] && x[best] == x[best])) best = at;
    }
    return best;
}

#endif
