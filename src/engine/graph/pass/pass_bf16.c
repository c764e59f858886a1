/* SPDX-License-Identifier: MIT
 * engine/graph/pass/pass_bf16.c: activations are stored as bf16 where their ops allow it (op.h:
 * bf16_inputs, bf16_outputs). Runs last, after the gradient. A node turns as a whole, if its
 * activations are maps or tokens (rank 3 and 4) and it reads a weight, or what is made of weights
 * alone, or another such activation.
 * Statistics, sums, losses, gradients of parameters, vectors of a sample and kept values stay f32.
 * So do the activations of a node that are small beside the largest of the graph: they hold little
 * of the memory and most of a net's depth, whose roundings add up. The comparison is the same for
 * any batch. Where a node of one kind reads a value of the other, the value is cast once. */
#include "engine/graph/graph.h"

#include <string.h>

#include "base/error.h"
#include "engine/op/op_list.h"

enum {
    /* times smaller than the largest, and more: of a U-Net about the two highest resolutions
     * turn */
    SMALL = 4
};

typedef struct narrowing {
    duet_graph *graph;
    int64_t largest;  /* elements of an activation */
    int64_t values;   /* before the pass */
    bool *kept;       /* [values] somebody outside reads it */
    bool *weight;     /* [values] a parameter, or made of parameters alone */
    duet_value *twin; /* [values] the same in the other storage, DUET_NONE = not made */
    duet_node *nodes; /* the new list */
    int64_t count, capacity;
} narrowing;

static duet_status push(narrowing *n, const duet_node *node) {
    DUET_TRY(duet_grow(&n->nodes, &n->capacity, n->count + 1, sizeof *n->nodes));
    for (int k = 0; k < node->op->outputs; k++) {
        if (node->out[k] != DUET_NONE) n->graph->values[node->out[k]].source = (int32_t)n->count;
    }
    n->nodes[n->count++] = *node;
    return DUET_OK;
}

/* A value like `like`, of no node yet. */
static duet_status new_value(narrowing *n, duet_value like, duet_dtype dtype, duet_value *out) {
    duet_graph *const g = n->graph;
    DUET_TRY(duet_grow(&g->values, &g->value_capacity, g->value_count + 1, sizeof *g->values));
    g->values[g->value_count] =
        (duet_value_info){.kind = DUET_VALUE_NODE, .arg = g->values[like].arg};
    g->values[g->value_count].arg.dtype = dtype;
    *out = (duet_value)g->value_count++;
    return DUET_OK;
}

static duet_status push_cast(narrowing *n, duet_value from, duet_value to, const char *scope) {
    duet_cast_attr *const attr = duet_arena_alloc(n->graph->arena, 1, sizeof *attr);
    DUET_TRY(duet_arena_status(n->graph->arena));
    attr->bf16 = n->graph->values[to].arg.dtype == DUET_BF16;
    duet_node node = {.op = &duet_op_cast, .attr = attr, .scope = scope};
    for (int k = 0; k < DUET_MAX_INPUTS; k++) node.in[k] = k == 0 ? from : DUET_NONE;
    for (int k = 0; k < DUET_MAX_OUTPUTS; k++) node.out[k] = k == 0 ? to : DUET_NONE;
    return push(n, &node);
}

/* *value in this storage; casts where it is not there yet. */
static duet_status stored_as(narrowing *n, duet_value *value, duet_dtype dtype, const char *scope) {
    const duet_value v = *value;
    if (n->graph->values[v].arg.dtype == dtype) return DUET_OK;
    if (n->twin[v] == DUET_NONE) {
        DUET_TRY(new_value(n, v, dtype, &n->twin[v]));
        DUET_TRY(push_cast(n, v, n->twin[v], scope));
    }
    *value = n->twin[v];
    return DUET_OK;
}

static bool is_bf16(const narrowing *n, duet_value v) {
    return n->graph->values[v].arg.dtype == DUET_BF16 ||
           (n->twin[v] != DUET_NONE && n->graph->values[n->twin[v]].arg.dtype == DUET_BF16);
}

/* weight[values]: parameters, and what is made of them alone. */
static void find_weights(const duet_graph *graph, bool *weight) {
    for (int64_t i = 0; i < graph->param_count; i++) weight[graph->params[i].value] = true;
    for (int64_t i = 0; i < graph->node_count; i++) {
        const duet_node *node = &graph->nodes[i];
        bool any = false, all = !node->dead;
        for (int k = 0; k < node->op->inputs; k++) {
            if (node->in[k] == DUET_NONE) continue;
            any = true;
            all = all && weight[node->in[k]];
        }
        for (int k = 0; k < node->op->outputs; k++)
            if (node->out[k] != DUET_NONE) weight[node->out[k]] = any && all;
    }
}

/* Elements of the largest activation that a node reads or makes. */
static int64_t size_of(const narrowing *n, const duet_node *node) {
    const duet_graph *graph = n->graph;
    int64_t size = 0;
    for (int k = 0; k < DUET_MAX_INPUTS; k++) {
        const bool in = k < node->op->inputs && (node->op->bf16_inputs >> k & 1u) != 0 &&
                        node->in[k] != DUET_NONE && !n->weight[node->in[k]];
        const bool out = k < node->op->outputs && (node->op->bf16_outputs >> k & 1u) != 0 &&
                         node->out[k] != DUET_NONE && !n->weight[node->out[k]];
        const int64_t a = in ? duet_shape_count(&graph->values[node->in[k]].arg.shape) : 0;
        const int64_t b = out ? duet_shape_count(&graph->values[node->out[k]].arg.shape) : 0;
        size = a > size ? a : size;
        size = b > size ? b : size;
    }
    return size;
}

static bool turns(const narrowing *n, const duet_node *node) {
    bool reason = false;
    if (SMALL * size_of(n, node) < n->largest) return false;
    for (int k = 0; k < node->op->inputs; k++) {
        const duet_value v = node->in[k];
        if (v == DUET_NONE) continue;
        const duet_value_info *const info = &n->graph->values[v];
        if ((node->op->bf16_inputs >> k & 1u) == 0) {
            reason |= n->weight[v];
            continue;
        }
        if (n->weight[v] || info->arg.shape.rank < 3) return false;
        reason |= is_bf16(n, v);
    }
    return node->op->bf16_inputs != 0 && reason;
}

static duet_status visit(narrowing *n, duet_node node) {
    duet_graph *const g = n->graph;
    duet_value whole[DUET_MAX_OUTPUTS]; /* outputs somebody outside reads: cast behind the node */
    const bool bf16 = turns(n, &node);
    for (int k = 0; k < node.op->inputs; k++) {
        if (node.in[k] == DUET_NONE || g->values[node.in[k]].arg.dtype == DUET_I32) continue;
        const bool narrow = bf16 && (node.op->bf16_inputs >> k & 1u) != 0;
        DUET_TRY(stored_as(n, &node.in[k], narrow ? DUET_BF16 : DUET_F32, node.scope));
    }
    for (int k = 0; k < node.op->outputs; k++) {
        const duet_value v = node.out[k];
        whole[k] = DUET_NONE;
        if (!bf16 || v == DUET_NONE || (node.op->bf16_outputs >> k & 1u) == 0) continue;
        if (n->kept[v]) {
            whole[k] = v;
            DUET_TRY(new_value(n, v, DUET_BF16, &node.out[k]));
            g->values[node.out[k]].port = k;
            n->twin[v] = node.out[k];
        } else {
            g->values[v].arg.dtype = DUET_BF16;
        }
    }
    DUET_TRY(push(n, &node));
    for (int k = 0; k < node.op->outputs; k++) {
        if (whole[k] == DUET_NONE) continue;
        g->values[whole[k]].port = 0;
        DUET_TRY(push_cast(n, node.out[k], whole[k], node.scope));
    }
    return DUET_OK;
}

static duet_status narrow(duet_graph *graph, const duet_value *keep, int64_t keep_count) {
    duet_status status = DUET_OK;
    narrowing n = {.graph = graph, .values = graph->value_count};
    graph->bf16 = true;
    DUET_DO(duet_alloc(&n.weight, n.values, sizeof *n.weight));
    find_weights(graph, n.weight);
    for (int64_t i = 0; i < graph->node_count; i++) {
        const int64_t size = graph->nodes[i].dead ? 0 : size_of(&n, &graph->nodes[i]);
        if (size > n.largest) n.largest = size;
    }
    DUET_DO(duet_alloc(&n.kept, n.values, sizeof *n.kept));
    DUET_DO(duet_alloc(&n.twin, n.values, sizeof *n.twin));
    for (int64_t i = 0; i < n.values; i++) n.twin[i] = DUET_NONE;
    for (int64_t i = 0; i < keep_count; i++) {
        if (keep[i] != DUET_NONE) n.kept[keep[i]] = true;
    }
    for (int64_t i = 0; i < graph->assign_count; i++) n.kept[graph->assigns[i].value] = true;
    for (int64_t i = 0; i < graph->node_count; i++) {
        if (!graph->nodes[i].dead) DUET_DO(visit(&n, graph->nodes[i]));
    }
    duet_release(graph->nodes);
    graph->nodes = n.nodes;
    graph->node_count = n.count;
    graph->node_capacity = n.capacity;
    n.nodes = NULL;
done:
    duet_release(n.nodes);
    duet_release(n.kept);
    duet_release(n.weight);
    duet_release(n.twin);
    return status;
}

const duet_pass duet_pass_bf16 = {
    .info = {.name = "bf16",
             .help = "activations are stored as bf16 where their ops allow it",
             .params = DUET_TABLE_EMPTY},
    .run = narrow,
};
