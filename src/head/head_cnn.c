/* SPDX-License-Identifier: MIT
 * head/head_cnn.c: convolutions over the maps of a row: each map goes through two of 3x3, the
 * second of stride 2 where the map is 4 or larger, each with a group norm and SiLU, and is
 * averaged; the vectors of all maps, side by side, are classified. */
#include "head/graph_head.h"
#include "model/nn.h"

typedef struct cnn_options {
    duet_graph_fit fit;
    int64_t width;
    double dropout;
} cnn_options;
DUET_GRAPH_FIT_FIRST(cnn_options);

enum { GROUP = 16 }; /* channels of a norm's group, at least */

static const duet_param params[] = {
    DUET_INT(cnn_options, width, "128", 1, 16384, "channels of the convolutions"),
    DUET_FLOAT(cnn_options, dropout, "0.3", 0, 0.95, "share of the averaged values left out"),
    DUET_GRAPH_FIT_ROWS("20", "128", "0.001", "0.05", "0.1"),
};

static int64_t groups_of(int64_t channels) {
    int64_t groups = channels / GROUP > 0 ? channels / GROUP : 1;
    while (channels % groups != 0) groups--;
    return groups;
}

static duet_value layer(duet_graph *g, const char *conv, const char *norm, duet_value x,
                        int64_t width, int64_t stride) {
    x = duet_nn_conv2d(g, conv, x, width, 3, stride, 1, false);
    return duet_silu(g, duet_nn_group_norm(g, norm, x, groups_of(width)));
}

static duet_value read_map(duet_graph *g, const duet_head *head, int i, duet_value x) {
    const cnn_options *const o = (const cnn_options *)&head->choice.options;
    const size_t mark = duet_scope_push(g, "map%d", i);
    x = layer(g, "conv1", "norm1", duet_maps_take(g, &head->maps, i, x), o->width, 1);
    x = layer(g, "conv2", "norm2", x, o->width, head->maps.v[i].side >= 4 ? 2 : 1);
    x = duet_adaptive_pool(g, x, 1);
    duet_scope_pop(g, mark);
    return duet_reshape(g, x, 2, (int64_t[]){duet_dim(g, x, 0), o->width});
}

static duet_value build(duet_graph *graph, const duet_head *head, duet_value x,
                        duet_value sample_id) {
    const cnn_options *const o = (const cnn_options *)&head->choice.options;
    duet_value all = DUET_NONE;
    for (int i = 0; i < head->maps.count; i++) {
        const duet_value one = read_map(graph, head, i, x);
        all = all == DUET_NONE ? one : duet_concat(graph, all, one);
    }
    if (sample_id != DUET_NONE && o->dropout > 0)
        all = duet_dropout(graph, all, sample_id, o->dropout);
    return duet_nn_linear(graph, "out", all, head->classes, 0, false);
}

const duet_head_kind duet_head_cnn = {
    .info = {.name = "cnn",
             .help = "convolutions over the maps",
             .params = DUET_TABLE(params, cnn_options)},
    .build = build,
    DUET_GRAPH_HEAD,
};
