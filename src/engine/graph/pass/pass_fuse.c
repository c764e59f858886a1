/* SPDX-License-Identifier: MIT
 * engine/graph/pass/pass_fuse.c: group_norm → [modulate] → [silu] becomes one norm_act node where nothing else reads the
 * values in between. One pass for the statistics, one write; training saves only x, mean and 1/std. Runs before the
 * gradient, so that training is fused as inference is. */
#include "engine/graph/graph.h"

#include <string.h>

#include "base/error.h"

typedef struct uses {
    int32_t *count;  /* [values] readers, kept values count as one more */
    int32_t *reader; /* [values] the last node that reads it */
} uses;

static void count_uses(const duet_graph *graph, const duet_value *keep, int64_t keep_count, uses *u) {
    for (int64_t i = 0; i < keep_count; i++)
        if (keep[i] != DUET_NONE) u->count[keep[i]]++;
    for (int64_t i = 0; i < graph->assign_count; i++) u->count[graph->assigns[i].value]++;
    for (int64_t n = 0; n < graph->node_count; n++) {
        const duet_node *node = &graph->nodes[n];
        for (int k = 0; k < node->op->inputs && !node->dead; k++) {
            if (node->in[k] == DUET_NONE) continue;
            u->count[node->in[k]]++;
            u->reader[node->in[k]] = (int32_t)n;
        }
    }
}

/* The only reader of `value`, if it is a node of op `name` that takes it as input 0; else NULL. */
static duet_node *only_reader(duet_graph *graph, const uses *u, duet_value value, const char *name) {
    if (u->count[value] != 1) return NULL;
    duet_node *node = &graph->nodes[u->reader[value]];
    return strcmp(node->op->info.name, name) == 0 && node->in[0] == value ? node : NULL;
}

static bool is_op(const duet_node *node, const char *name) { return !node->dead && strcmp(node->op->info.name, name) == 0; }

/* Rewrites the last node of the chain in place: it keeps its output value, so readers need no change, and it stands
 * behind everything it reads. The statistics of the norm node move along. */
static void fuse_at(duet_graph *graph, const uses *u, duet_node *norm, const duet_op *fused) {
    duet_node *modulate = only_reader(graph, u, norm->out[0], "modulate");
    duet_node *last = modulate ? modulate : norm;
    duet_node *silu = only_reader(graph, u, last->out[0], "silu");
    if (silu) last = silu;
    if (last == norm || u->count[norm->out[1]] > 0 || u->count[norm->out[2]] > 0) return;
    duet_norm_attr *attr = duet_arena_alloc(graph->arena, 1, sizeof *attr);
    if (!attr) return;
    *attr = *(const duet_norm_attr *)norm->attr;
    attr->silu = silu != NULL;
    const duet_value y = last->out[0], scale_shift = modulate ? modulate->in[1] : DUET_NONE;
    const duet_node old = *norm;
    norm->dead = true;
    if (modulate && modulate != last) modulate->dead = true;
    last->op = fused;
    last->attr = attr;
    last->scope = old.scope;
    for (int k = 0; k < 3; k++) last->in[k] = old.in[k];
    last->in[3] = scale_shift;
    last->out[0] = y;
    const int32_t at = (int32_t)(last - graph->nodes);
    for (int k = 1; k < 3; k++) {
        last->out[k] = old.out[k];
        graph->values[old.out[k]].source = at;
    }
}

static duet_status fuse(duet_graph *graph, const duet_value *keep, int64_t keep_count) {
    duet_status status = DUET_OK;
    uses u = {0};
    const duet_op *fused = duet_op_find("norm_act");
    DUET_DO(duet_alloc(&u.count, graph->value_count, sizeof *u.count));
    DUET_DO(duet_alloc(&u.reader, graph->value_count, sizeof *u.reader));
    count_uses(graph, keep, keep_count, &u);
    for (int64_t n = 0; n < graph->node_count; n++)
        if (is_op(&graph->nodes[n], "group_norm")) fuse_at(graph, &u, &graph->nodes[n], fused);
    status = duet_arena_status(graph->arena);
done:
    duet_release(u.count);
    duet_release(u.reader);
    return status;
}

const duet_pass duet_pass_fuse = {
    .info = {.name = "fuse", .help = "group_norm, modulate and silu become one norm_act", .params = DUET_TABLE_EMPTY},
    .run = fuse,
};
