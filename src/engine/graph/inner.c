/* SPDX-License-Identifier: MIT
 * engine/graph/inner.c: see inner.h. Three walks over the nodes: forwards, what comes from inputs
 * and has passed a layer; backwards, what reaches the loss and passes a layer until there; and for
 * each matrix forwards again, what is made of it alone. */
#include "engine/graph/inner.h"

#include <string.h>

#include "base/error.h"

typedef struct walk {
    const duet_graph *graph;
    bool *data;   /* [values]: comes from an input */
    bool *weight; /* [values]: comes from matrices alone */
    bool *behind; /* [values]: comes from an input and has passed a layer */
    bool *ends;   /* [values]: reaches the loss */
    bool *ahead;  /* [values]: passes a layer on a way there */
    bool *own;    /* [values]: is made of the matrix that is looked at, alone */
} walk;

static bool is_matrix(const duet_graph *graph, const duet_param_value *param) {
    const duet_shape *shape = &graph->values[param->value].arg.shape;
    return param->role == DUET_WEIGHT && shape->rank >= 2 && shape->dim[0] >= 2 &&
           duet_shape_count(shape) >= 2 * shape->dim[0];
}

static bool any_in(const duet_node *node, const bool *flag) {
    for (int k = 0; k < node->op->inputs; k++)
        if (node->in[k] != DUET_NONE && flag[node->in[k]]) return true;
    return false;
}

static bool any_out(const duet_node *node, const bool *flag) {
    for (int k = 0; k < node->op->outputs; k++)
        if (node->out[k] != DUET_NONE && flag[node->out[k]]) return true;
    return false;
}

static void set_out(const duet_node *node, bool *flag, bool value) {
    for (int k = 0; k < node->op->outputs; k++)
        if (node->out[k] != DUET_NONE) flag[node->out[k]] = value;
}

static bool is_layer(const walk *w, const duet_node *node) {
    return any_in(node, w->data) && any_in(node, w->weight);
}

static void walk_forwards(const walk *w) {
    const duet_graph *g = w->graph;
    for (int64_t i = 0; i < g->input_count; i++) w->data[g->inputs[i]] = true;
    for (int64_t i = 0; i < g->param_count; i++)
        w->weight[g->params[i].value] = is_matrix(g, &g->params[i]);
    for (int64_t n = 0; n < g->node_count; n++) {
        const duet_node *node = &g->nodes[n];
        if (node->dead) continue;
        const bool data = any_in(node, w->data);
        set_out(node, w->data, data);
        set_out(node, w->weight, !data && any_in(node, w->weight));
        set_out(node, w->behind, data && (any_in(node, w->behind) || is_layer(w, node)));
    }
}

static void walk_backwards(const walk *w, duet_value loss) {
    const duet_graph *g = w->graph;
    w->ends[loss] = true;
    for (int64_t n = g->node_count - 1; n >= 0; n--) {
        const duet_node *node = &g->nodes[n];
        if (node->dead || !any_out(node, w->ends)) continue;
        const bool ahead = any_out(node, w->ahead) || is_layer(w, node);
        for (int k = 0; k < node->op->inputs; k++) {
            if (node->in[k] == DUET_NONE) continue;
            w->ends[node->in[k]] = true;
            w->ahead[node->in[k]] = w->ahead[node->in[k]] || ahead;
        }
    }
}

static bool has_inner_layer(const walk *w, duet_value matrix) {
    const duet_graph *g = w->graph;
    memset(w->own, 0, (size_t)g->value_count * sizeof *w->own);
    w->own[matrix] = true;
    for (int64_t n = 0; n < g->node_count; n++) {
        const duet_node *node = &g->nodes[n];
        if (node->dead || !any_in(node, w->own)) continue;
        if (!any_in(node, w->data))
            set_out(node, w->own, true);
        else if (any_in(node, w->behind) && any_out(node, w->ahead))
            return true;
    }
    return false;
}

duet_status duet_graph_inner(const duet_graph *graph, duet_value loss, bool *inner) {
    duet_status status = DUET_OK;
    bool *memory = NULL;
    const int64_t count = graph->value_count;
    DUET_TRY(duet_graph_status(graph));
    DUET_DO(duet_alloc(&memory, 6 * count, sizeof *memory));
    const walk w = {.graph = graph,
                    .data = memory,
                    .weight = memory + count,
                    .behind = memory + 2 * count,
                    .ends = memory + 3 * count,
                    .ahead = memory + 4 * count,
                    .own = memory + 5 * count};
    walk_forwards(&w);
    walk_backwards(&w, loss);
    for (int64_t i = 0; i < graph->param_count; i++)
        inner[i] =
            is_matrix(graph, &graph->params[i]) && has_inner_layer(&w, graph->params[i].value);
done:
    duet_release(memory);
    return status;
}
