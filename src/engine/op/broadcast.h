/* SPDX-License-Identifier: MIT
 * engine/op/broadcast.h: how the second operand b of mul, sub and add stands beside x[B,…,C]: with
 * the same shape, as [C] for each row, as [B,C] for each sample, or as [1] for all. */
#ifndef DUET_ENGINE_BROADCAST_H
#define DUET_ENGINE_BROADCAST_H

#include "engine/op/op_list.h"

typedef enum duet_spread {
    DUET_SPREAD_NONE,   /* the same shape */
    DUET_SPREAD_ROWS,   /* [C] */
    DUET_SPREAD_MIDDLE, /* [B,C] */
    DUET_SPREAD_ALL,    /* [1] */
    DUET_SPREAD_IMPOSSIBLE
} duet_spread;

static inline duet_spread duet_spread_of(const duet_shape *x, const duet_shape *b) {
    const int64_t channels = duet_op_last(x);
    if (duet_shape_equal(x, b)) return DUET_SPREAD_NONE;
    if (b->rank == 1 && b->dim[0] == 1) return DUET_SPREAD_ALL;
    if (b->rank == 1 && x->rank >= 1 && b->dim[0] == channels) return DUET_SPREAD_ROWS;
    if (b->rank == 2 && x->rank > 2 && b->dim[0] == x->dim[0] && b->dim[1] == channels)
        return DUET_SPREAD_MIDDLE;
    return DUET_SPREAD_IMPOSSIBLE;
}

/* Element of b that stands beside element e of x. */
static inline int64_t duet_spread_at(duet_spread spread, const duet_shape *x, int64_t e) {
    const int64_t channels = duet_op_last(x);
    switch (spread) {
    case DUET_SPREAD_ROWS:
        return e % channels;
    case DUET_SPREAD_MIDDLE:
        return e / channels / duet_op_middle(x) * channels + e % channels;
    case DUET_SPREAD_ALL:
        return 0;
    default:
        return e;
    }
}

/* The shape rule of such an op: inputs x and b, output like x. */
static inline duet_status duet_spread_shape(duet_call *call) {
    static const char *const names[] = {"x", "b"};
    const duet_shape *x = &call->in[0].shape, *b = &call->in[1].shape;
    DUET_TRY(duet_op_check(call, names));
    if (duet_spread_of(x, b) == DUET_SPREAD_IMPOSSIBLE) {
        char whole[96], have[96], rows[96] = "", sample[96] = "";
        const duet_shape middle = {.rank = 2, .dim = {x->dim[0], duet_op_last(x)}},
                         last = {.rank = 1, .dim = {duet_op_last(x)}};
        duet_shape_text(&last, rows);
        duet_shape_text(&middle, sample);
        return duet_op_fail(call, "b is %s, expected %s, as x, or %s%s%s or [1]",
                            duet_shape_text(b, have), duet_shape_text(x, whole), rows,
                            x->rank > 2 ? ", " : "", x->rank > 2 ? sample : "");
    }
    return duet_op_out_shape(call, 0, x);
}

/* The gradient of b: dy, of the shape of x, summed over what b was repeated along. */
static inline duet_value duet_spread_sum(duet_graph *g, duet_value dy, duet_value b) {
    const duet_shape whole = duet_value_arg(g, dy)->shape, shape = duet_value_arg(g, b)->shape;
    const duet_spread spread = duet_spread_of(&whole, &shape);
    const int64_t channels = duet_op_last(&whole);
    if (spread == DUET_SPREAD_NONE) return dy;
    duet_value sum = whole.rank > 2 ? duet_sum_channels(g, dy) : dy; /* [B,C] */
    if (spread == DUET_SPREAD_MIDDLE) return sum;
    const int64_t width = spread == DUET_SPREAD_ROWS ? channels : 1;
    sum = duet_reshape(g, sum, 3, (int64_t[]){1, -1, width});
    return duet_op_reshaped(g, duet_sum_channels(g, sum), b);
}

/* Every way in which b may be smaller. */
static const duet_op_case duet_spread_cases[] = {
    {.in = {DUET_SHAPE_OF(1), DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(3, 7)}},
    {.in = {DUET_SHAPE_OF(2, 5, 3, 9), DUET_SHAPE_OF(2, 5, 3, 9)}},
    {.in = {DUET_SHAPE_OF(2, 5, 3, 9), DUET_SHAPE_OF(9)}},
    {.in = {DUET_SHAPE_OF(3, 7), DUET_SHAPE_OF(7)}},
    {.in = {DUET_SHAPE_OF(3, 5, 16), DUET_SHAPE_OF(3, 16)}},
    {.in = {DUET_SHAPE_OF(2, 5, 3, 9), DUET_SHAPE_OF(2, 9)}},
    {.in = {DUET_SHAPE_OF(2, 5, 3, 9), DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(3, 7, 7, 32), DUET_SHAPE_OF(3, 32)}},
};

#endif
