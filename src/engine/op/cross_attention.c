/* SPDX-License-Identifier: MIT
 * engine/op/cross_attention.c: attention of queries over keys and values of their own, in plain
 * ops: a = softmax over s of (q[t] . k[s] / sqrt(C / heads)),  y[t] = sum over s of a[t,s] v[s] in
 * each head; head h has channels h C/heads … of q and k, h D/heads … of v and y. */
#include <math.h>

#include "engine/op/op_list.h"

/* x[B,T,heads d] -> [B heads,T,d] */
static duet_value split(duet_graph *g, duet_value x, int64_t heads) {
    const int64_t B = duet_dim(g, x, 0), T = duet_dim(g, x, 1), d = duet_dim(g, x, 2) / heads;
    if (heads == 1) return x;
    x = duet_swap_axes(g, duet_reshape(g, x, 4, (int64_t[]){B, T, heads, d}));
    return duet_reshape(g, x, 3, (int64_t[]){B * heads, T, d});
}

/* The opposite. */
static duet_value join(duet_graph *g, duet_value x, int64_t heads) {
    const int64_t B = duet_dim(g, x, 0) / heads, T = duet_dim(g, x, 1), d = duet_dim(g, x, 2);
    if (heads == 1) return x;
    x = duet_swap_axes(g, duet_reshape(g, x, 4, (int64_t[]){B, heads, T, d}));
    return duet_reshape(g, x, 3, (int64_t[]){B, T, heads * d});
}

static bool fits(duet_graph *g, duet_value q, duet_value k, duet_value v, int64_t heads) {
    const duet_shape *qs = &duet_value_arg(g, q)->shape, *ks = &duet_value_arg(g, k)->shape,
                     *vs = &duet_value_arg(g, v)->shape;
    char text[3][96];
    duet_shape_text(qs, text[0]);
    duet_shape_text(ks, text[1]);
    duet_shape_text(vs, text[2]);
    if (g->status != DUET_OK) return false;
    if (qs->rank != 3 || ks->rank != 3 || vs->rank != 3 || ks->dim[0] != qs->dim[0] ||
        ks->dim[2] != qs->dim[2] || vs->dim[0] != ks->dim[0] || vs->dim[1] != ks->dim[1]) {
        duet_graph_fail(g, DUET_SHAPE,
                        "cross_attention at '%s': q %s, k %s and v %s do not fit, expected "
                        "[B,T,C], [B,S,C] and [B,S,D]",
                        g->scope, text[0], text[1], text[2]);
        return false;
    }
    if (heads < 1 || qs->dim[2] % heads != 0 || vs->dim[2] % heads != 0) {
        duet_graph_fail(g, DUET_SHAPE,
                        "cross_attention at '%s': channels of q %s and v %s do not divide into "
                        "%lld heads",
                        g->scope, text[0], text[2], (long long)heads);
        return false;
    }
    return true;
}

duet_value duet_cross_attention(duet_graph *g, duet_value q, duet_value k, duet_value v,
                                int64_t heads) {
    if (!fits(g, q, k, v, heads)) return DUET_NONE;
    const int64_t width = duet_dim(g, q, 2) / heads; /* of a head */
    const double factor = 1.0 / sqrt((double)width);
    const duet_value scores =
        duet_matmul(g, duet_scale(g, split(g, q, heads), factor), split(g, k, heads), false, true);
    return join(g, duet_matmul(g, duet_softmax(g, scores), split(g, v, heads), false, false),
                heads);
}
