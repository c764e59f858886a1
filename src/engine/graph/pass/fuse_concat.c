/* SPDX-License-Identifier: MIT
 * engine/graph/pass/fuse_concat.c: a concat that only norms and 1x1 convolutions read (the skip
 * connections of a U-Net's decoder) is not written: the norm reads both sources, and the
 * convolution, as a product along the channels, sums over both. */
#include "engine/graph/pass/fuse.h"

static bool is_pointwise(const duet_graph *graph, const duet_node *node) {
    if (!duet_fuse_is_op(node, "conv2d")) return false;
    const duet_conv2d_attr *attr = node->attr;
    return attr->stride == 1 && attr->pad == 0 && duet_dim(graph, node->in[1], 2) == 1;
}

static bool takes_two(const duet_graph *graph, const duet_node *node, duet_value x) {
    if (node->in[0] != x) return false;
    if (is_pointwise(graph, node)) return true;
    return (duet_fuse_is_op(node, "norm_act") || duet_fuse_is_op(node, "linear")) &&
           node->in[DUET_INPUT_MORE] == DUET_NONE;
}

static void split(duet_graph *graph, const duet_fuse_uses *uses, duet_node *concat,
                  const duet_op *linear) {
    const duet_value x = concat->out[0];
    int64_t readers = 0;
    const int64_t at = concat - graph->nodes;
    for (int64_t n = at + 1; n < graph->node_count; n++)
        readers += takes_two(graph, &graph->nodes[n], x);
    if (readers == 0 || readers != uses->count[x]) return;
    for (int64_t n = at + 1; n < graph->node_count; n++) {
        duet_node *node = &graph->nodes[n];
        if (!takes_two(graph, node, x)) continue;
        if (is_pointwise(graph, node)) node->op = linear; /* its attributes are not read any more */
        node->in[0] = concat->in[0];
        node->in[DUET_INPUT_MORE] = concat->in[1];
    }
    concat->dead = true;
}

void duet_fuse_concat(duet_graph *graph, const duet_fuse_uses *uses) {
    const duet_op *linear = duet_op_find("linear");
    for (int64_t n = 0; n < graph->node_count; n++)
        if (duet_fuse_is_op(&graph->nodes[n], "concat"))
            split(graph, uses, &graph->nodes[n], linear);
}
