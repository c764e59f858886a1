/* SPDX-License-Identifier: MIT
 * engine/graph/pass/fuse_norm.c: group_norm → [modulate] → [silu] becomes one norm_act node. One
 * pass for the statistics, one write; training saves only x, mean and 1/std. */
#include "engine/graph/pass/fuse.h"

/* Rewrites the last node of the chain in place: it keeps its output value, so readers need no
 * change, and it stands behind everything it reads. The statistics of the norm node move along. */
static void fuse_at(duet_graph *graph, const duet_fuse_uses *uses, duet_node *norm,
                    const duet_op *fused) {
    duet_node *modulate = duet_fuse_only_reader(graph, uses, norm->out[0], "modulate");
    duet_node *last = modulate != NULL ? modulate : norm;
    duet_node *silu = duet_fuse_only_reader(graph, uses, last->out[0], "silu");
    if (silu != NULL) last = silu;
    if (last == norm || uses->count[norm->out[1]] > 0 || uses->count[norm->out[2]] > 0) return;
    duet_norm_attr *attr = duet_arena_alloc(graph->arena, 1, sizeof *attr);
    if (attr == NULL) return;
    *attr = *(const duet_norm_attr *)norm->attr;
    attr->silu = silu != NULL;
    const duet_value scale_shift = modulate != NULL ? modulate->in[1] : DUET_NONE;
    const duet_node old = *norm;
    norm->dead = true;
    if (modulate != NULL && modulate != last) modulate->dead = true;
    last->op = fused;
    last->attr = attr;
    last->scope = old.scope;
    for (int k = 0; k < 3; k++) last->in[k] = old.in[k];
    last->in[3] = scale_shift;
    for (int k = 1; k < 3; k++) duet_fuse_set_output(graph, last, k, old.out[k]);
}

void duet_fuse_norm(duet_graph *graph, const duet_fuse_uses *uses) {
    const duet_op *fused = duet_op_find("norm_act");
    for (int64_t n = 0; n < graph->node_count; n++)
        if (duet_fuse_is_op(&graph->nodes[n], "group_norm"))
            fuse_at(graph, uses, &graph->nodes[n], fused);
}
