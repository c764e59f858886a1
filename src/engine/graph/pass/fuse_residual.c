/* SPDX-License-Identifier: MIT
 * engine/graph/pass/fuse_residual.c: add(x, conv2d(…)) and add(x, linear(…)), also with a reshape
 * in between, become one node that starts from x: the sum costs no pass over the memory, and where
 * x dies it is written in place. */
#include "engine/graph/pass/fuse.h"

static duet_node *product_of(duet_graph *graph, const duet_fuse_uses *uses, duet_value value) {
    duet_node *node = duet_fuse_only_source(graph, uses, value, "conv2d");
    if (node == NULL) node = duet_fuse_only_source(graph, uses, value, "linear");
    return node != NULL && node->in[DUET_INPUT_RESIDUAL] == DUET_NONE ? node : NULL;
}

/* The product moves to the place of `add`, behind both of what it reads, and makes the sum's value.
 */
static bool join(duet_graph *graph, const duet_fuse_uses *uses, duet_node *add, int side) {
    duet_node *product = product_of(graph, uses, add->in[side]);
    if (product == NULL) return false;
    const duet_value residual = add->in[1 - side], sum = add->out[0];
    *add = *product;
    product->dead = true;
    add->in[DUET_INPUT_RESIDUAL] = residual;
    duet_fuse_set_output(graph, add, 0, sum);
    return true;
}

/* With a reshape in between the product takes the reshape's place, and the reshape the sum's: x
 * must be there by then. */
static bool join_reshaped(duet_graph *graph, const duet_fuse_uses *uses, duet_node *add, int side) {
    duet_node *reshape = duet_fuse_only_source(graph, uses, add->in[side], "reshape");
    duet_node *product = reshape != NULL ? product_of(graph, uses, reshape->in[0]) : NULL;
    const duet_value residual = add->in[1 - side], sum = add->out[0];
    const duet_value_info *info = &graph->values[residual];
    if (product == NULL || duet_dim(graph, residual, -1) != duet_dim(graph, product->out[0], -1))
        return false;
    if (info->kind == DUET_VALUE_NODE && info->source >= reshape - graph->nodes) return false;
    *add = *reshape;
    duet_fuse_set_output(graph, add, 0, sum);
    *reshape = *product;
    reshape->in[DUET_INPUT_RESIDUAL] = residual;
    duet_fuse_set_output(graph, reshape, 0, product->out[0]);
    product->dead = true;
    return true;
}

/* Of a sum of two products the second is the one of a residual block's main path. */
void duet_fuse_residual(duet_graph *graph, const duet_fuse_uses *uses) {
    for (int64_t n = 0; n < graph->node_count; n++) {
        duet_node *node = &graph->nodes[n];
        if (!duet_fuse_is_op(node, "add") || node->in[0] == node->in[1]) continue;
        for (int side = 1; side >= 0; side--)
            if (join(graph, uses, node, side) || join_reshaped(graph, uses, node, side)) break;
    }
}
