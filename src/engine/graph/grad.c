/* SPDX-License-Identifier: MIT
 * engine/graph/grad.c: reverse-mode differentiation as graph nodes. Nodes are in an order in which
 * they can run, so a walk from the last to the first sees every use of a value before its producer.
 * There is no double backward. */
#include "engine/graph/graph.h"

#include <string.h>

#include "base/error.h"

typedef struct backward {
    duet_graph *graph;
    duet_value *d; /* [values at the start] gradient so far, DUET_NONE = nothing flows */
    bool *needed;  /* does the value depend on something in wrt? */
    int64_t count;
} backward;

/* needed = depends on wrt, walking forwards. */
static void mark_needed(backward *b, const duet_value *wrt, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (wrt[i] >= 0 && wrt[i] < b->count) b->needed[wrt[i]] = true;
    const duet_graph *graph = b->graph;
    for (int64_t n = 0; n < graph->node_count; n++) {
        const duet_node *node = &graph->nodes[n];
        if (node->dead) continue;
        bool any = false;
        for (int k = 0; k < node->op->inputs; k++)
            any |= node->in[k] != DUET_NONE && b->needed[node->in[k]];
        if (!any) continue;
        for (int k = 0; k < node->op->outputs; k++) b->needed[node->out[k]] = true;
    }
}

static void accumulate(backward *b, duet_value value, duet_value gradient) {
    b->d[value] = b->d[value] == DUET_NONE ? gradient : duet_add(b->graph, b->d[value], gradient);
}

static void visit(backward *b, int64_t n) {
    /* A copy: the node list grows, and may move, while gradients are added. */
    const duet_node node = b->graph->nodes[n];
    duet_value dout[DUET_MAX_OUTPUTS], din[DUET_MAX_INPUTS];
    bool flows = false;
    for (int k = 0; k < DUET_MAX_OUTPUTS; k++) {
        dout[k] = k < node.op->outputs ? b->d[node.out[k]] : DUET_NONE;
        flows |= dout[k] != DUET_NONE;
    }
    if (node.dead || !flows || !b->needed[node.out[0]]) return;
    if (node.op->grad == NULL) {
        duet_graph_fail(b->graph, DUET_UNSUPPORTED, "op '%s' at '%s' has no gradient",
                        node.op->info.name, node.scope);
        return;
    }
    for (int k = 0; k < DUET_MAX_INPUTS; k++) din[k] = DUET_NONE;
    const size_t mark = strlen(b->graph->scope);
    (void)duet_scope_push(b->graph, "%s", node.scope[0] ? node.scope : "grad");
    node.op->grad(b->graph, node.attr, node.in, node.out, dout, din);
    duet_scope_pop(b->graph, mark);
    for (int k = 0; k < node.op->inputs && b->graph->status == DUET_OK; k++)
        if (node.in[k] != DUET_NONE && din[k] != DUET_NONE && b->needed[node.in[k]])
            accumulate(b, node.in[k], din[k]);
}

duet_status duet_grad(duet_graph *graph, duet_value loss, const duet_value *wrt, int64_t count,
                      duet_value *out) {
    DUET_TRY(duet_graph_status(graph));
    if (loss < 0 || duet_shape_count(&graph->values[loss].arg.shape) != 1)
        return duet_fail(DUET_ARG, "the gradient needs a loss of one element");
    duet_status status = DUET_OK;
    backward b = {.graph = graph, .count = graph->value_count};
    const int64_t nodes = graph->node_count;
    DUET_DO(duet_alloc(&b.d, b.count, sizeof *b.d));
    DUET_DO(duet_alloc(&b.needed, b.count, sizeof *b.needed));
    for (int64_t i = 0; i < b.count; i++) b.d[i] = DUET_NONE;
    mark_needed(&b, wrt, count);
    graph->differentiating = true;
    b.d[loss] = duet_fill(graph, 1.0, graph->values[loss].arg.shape.rank,
                          graph->values[loss].arg.shape.dim);
    for (int64_t n = nodes - 1; n >= 0 && graph->status == DUET_OK; n--) visit(&b, n);
    DUET_DO(duet_graph_status(graph));
    for (int64_t i = 0; i < count; i++) out[i] = b.d[wrt[i]];
done:
    graph->differentiating = false;
    duet_release(b.d);
    duet_release(b.needed);
    return status;
}
