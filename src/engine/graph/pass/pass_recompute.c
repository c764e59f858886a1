/* SPDX-License-Identifier: MIT
 * engine/graph/pass/pass_recompute.c: values inside a block (between two taps) are not kept for the
 * gradient but computed again when it gets there (Chen et al. 2016, "Training deep nets with
 * sublinear memory cost"). Runs after the gradient.
 *
 * A segment is what the model computes from one tap to the next. A value of it is stored if another
 * segment or somebody outside reads it (taps, skip connections, embeddings); the others die with
 * their last forward reader. Before the first node of the gradient that reads one of those, the
 * nodes they need are repeated, from stored values. A repeated node has the scope of its original,
 * so random ops draw the same again, and the kernel and bits are the same; assignments stay with
 * the original. What follows the last tap is kept: the gradient begins there. */
#include "engine/graph/graph.h"

#include "base/error.h"

typedef struct recompute {
    duet_graph *graph;
    int64_t segments;
    int32_t *segment;  /* [nodes] of a node; not of those of gradients */
    bool *stored;      /* [values at the start] */
    bool *wanted;      /* [values at the start] by the gradient, or by a node that is repeated */
    duet_value *again; /* [values at the start] as repeated; DUET_NONE = not yet */
    duet_node *nodes;  /* the new list */
    int64_t count, capacity;
} recompute;

/* The segment of a value that may be computed again; -1 = it is stored, or belongs to the gradient.
 */
static int32_t segment_of(const recompute *r, duet_value value) {
    if (value == DUET_NONE) return -1;
    const duet_value_info *const info = &r->graph->values[value];
    return info->kind == DUET_VALUE_NODE && !r->graph->nodes[info->source].gradient &&
                   !r->stored[value]
               ? r->segment[info->source]
               : -1;
}

static void find_segments(recompute *r) {
    const duet_graph *const g = r->graph;
    for (int64_t n = 0; n < g->node_count; n++) {
        const duet_node *const node = &g->nodes[n];
        bool ends = false;
        if (node->gradient) continue;
        r->segment[n] = (int32_t)r->segments;
        for (int64_t t = 0; t < g->tap_count && !node->dead; t++) {
            for (int k = 0; k < node->op->outputs; k++) ends |= node->out[k] == g->taps[t];
        }
        r->segments += ends;
    }
}

static void find_stored(recompute *r, const duet_value *keep, int64_t keep_count) {
    const duet_graph *const g = r->graph;
    for (int64_t i = 0; i < keep_count; i++) {
        if (keep[i] != DUET_NONE) r->stored[keep[i]] = true;
    }
    for (int64_t i = 0; i < g->assign_count; i++) r->stored[g->assigns[i].value] = true;
    for (int64_t n = 0; n < g->node_count; n++) {
        const duet_node *const node = &g->nodes[n];
        if (node->gradient) continue;
        for (int k = 0; k < node->op->outputs && r->segment[n] == r->segments; k++)
            r->stored[node->out[k]] = true;
        for (int k = 0; k < node->op->inputs && !node->dead; k++) {
            const int32_t from = segment_of(r, node->in[k]);
            if (from >= 0 && from != r->segment[n]) r->stored[node->in[k]] = true;
        }
    }
}

/* wanted: read by the gradient, then, backwards, by what must be repeated for that. */
static void find_wanted(recompute *r) {
    const duet_graph *const g = r->graph;
    for (int64_t n = g->node_count - 1; n >= 0; n--) {
        const duet_node *const node = &g->nodes[n];
        bool reads = node->gradient;
        for (int k = 0; k < node->op->outputs && !reads; k++)
            reads = !r->stored[node->out[k]] && r->wanted[node->out[k]];
        for (int k = 0; k < node->op->inputs && reads && !node->dead; k++) {
            if (segment_of(r, node->in[k]) >= 0) r->wanted[node->in[k]] = true;
        }
    }
}

static duet_status push(recompute *r, const duet_node *node) {
    DUET_TRY(duet_grow(&r->nodes, &r->capacity, r->count + 1, sizeof *r->nodes));
    r->nodes[r->count++] = *node;
    return DUET_OK;
}

static void read_again(const recompute *r, duet_node *node) {
    for (int k = 0; k < node->op->inputs; k++) {
        if (segment_of(r, node->in[k]) >= 0 && r->again[node->in[k]] != DUET_NONE)
            node->in[k] = r->again[node->in[k]];
    }
}

/* The wanted part of a segment, once more. */
static duet_status repeat(recompute *r, int32_t segment) {
    duet_graph *const g = r->graph;
    for (int64_t n = 0; n < g->node_count; n++) {
        duet_node node = g->nodes[n];
        bool wanted = false;
        if (node.gradient || r->segment[n] != segment) continue;
        for (int k = 0; k < node.op->outputs; k++)
            wanted |= !r->stored[node.out[k]] && r->wanted[node.out[k]];
        if (node.dead || !wanted) continue;
        read_again(r, &node);
        for (int k = 0; k < node.op->outputs; k++) {
            DUET_TRY(
                duet_grow(&g->values, &g->value_capacity, g->value_count + 1, sizeof *g->values));
            g->values[g->value_count] = g->values[node.out[k]];
            r->again[node.out[k]] = (duet_value)g->value_count;
            node.out[k] = (duet_value)g->value_count++;
        }
        DUET_TRY(push(r, &node));
    }
    return DUET_OK;
}

static duet_status visit_gradient(recompute *r, duet_node node) {
    for (int k = 0; k < node.op->inputs && !node.dead; k++) {
        const int32_t segment = segment_of(r, node.in[k]);
        if (segment >= 0 && r->again[node.in[k]] == DUET_NONE) DUET_TRY(repeat(r, segment));
    }
    if (!node.dead) read_again(r, &node);
    return push(r, &node);
}

static void adopt_nodes(recompute *r) {
    duet_graph *const g = r->graph;
    duet_release(g->nodes);
    g->nodes = r->nodes;
    g->node_count = r->count;
    g->node_capacity = r->capacity;
    r->nodes = NULL;
    for (int64_t n = 0; n < g->node_count; n++) {
        const duet_node *const node = &g->nodes[n];
        for (int k = 0; k < node->op->outputs && !node->dead; k++) {
            if (node->out[k] != DUET_NONE) g->values[node->out[k]].source = (int32_t)n;
        }
    }
}

static duet_status run(duet_graph *graph, const duet_value *keep, int64_t keep_count) {
    duet_status status = DUET_OK;
    recompute r = {.graph = graph};
    const int64_t values = graph->value_count;
    bool any = false;
    for (int64_t n = 0; n < graph->node_count; n++) any |= graph->nodes[n].gradient;
    if (!any)
        return duet_fail(DUET_ARG, "pass 'recompute' runs after the gradient; this graph has none");
    DUET_DO(duet_alloc(&r.segment, graph->node_count, sizeof *r.segment));
    DUET_DO(duet_alloc(&r.stored, values, sizeof *r.stored));
    DUET_DO(duet_alloc(&r.wanted, values, sizeof *r.wanted));
    DUET_DO(duet_alloc(&r.again, values, sizeof *r.again));
    for (int64_t i = 0; i < values; i++) r.again[i] = DUET_NONE;
    find_segments(&r);
    find_stored(&r, keep, keep_count);
    find_wanted(&r);
    for (int64_t n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].gradient)
            DUET_DO(visit_gradient(&r, graph->nodes[n]));
        else
            DUET_DO(push(&r, &graph->nodes[n]));
    }
    adopt_nodes(&r);
done:
    duet_release(r.segment);
    duet_release(r.stored);
    duet_release(r.wanted);
    duet_release(r.again);
    duet_release(r.nodes);
    return status;
}

const duet_pass duet_pass_recompute = {
    .info = {.name = "recompute",
             .help = "values inside blocks are computed again for the gradient",
             .params = DUET_TABLE_EMPTY},
    .run = run,
};
