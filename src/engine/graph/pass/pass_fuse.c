/* SPDX-License-Identifier: MIT
 * engine/graph/pass/pass_fuse.c: neighbouring nodes become one where nothing else reads the values
 * in between: less memory is passed over, and less is live. Runs before the gradient, so that
 * training is fused as inference is. Each rewrite has a file fuse_*.c; kept values (taps) stay as
 * they are. */
#include "engine/graph/pass/fuse.h"

#include <string.h>

#include "base/error.h"

duet_status duet_fuse_uses_new(duet_fuse_uses *out, const duet_graph *graph, const duet_value *keep,
                               int64_t keep_count) {
    duet_fuse_uses u = {0};
    duet_status status = DUET_OK;
    DUET_DO(duet_alloc(&u.count, graph->value_count, sizeof *u.count));
    DUET_DO(duet_alloc(&u.reader, graph->value_count, sizeof *u.reader));
    for (int64_t i = 0; i < keep_count; i++)
        if (keep[i] != DUET_NONE) u.count[keep[i]]++;
    for (int64_t i = 0; i < graph->assign_count; i++) u.count[graph->assigns[i].value]++;
    for (int64_t n = 0; n < graph->node_count; n++) {
        const duet_node *node = &graph->nodes[n];
        for (int k = 0; k < node->op->inputs && !node->dead; k++) {
            if (node->in[k] == DUET_NONE) continue;
            u.count[node->in[k]]++;
            u.reader[node->in[k]] = (int32_t)n;
        }
    }
    *out = u;
    u = (duet_fuse_uses){0};
done:
    duet_fuse_uses_free(&u);
    return status;
}

void duet_fuse_uses_free(duet_fuse_uses *uses) {
    duet_release(uses->count);
    duet_release(uses->reader);
}

bool duet_fuse_is_op(const duet_node *node, const char *name) {
    return !node->dead && strcmp(node->op->info.name, name) == 0;
}

duet_node *duet_fuse_only_source(duet_graph *graph, const duet_fuse_uses *uses, duet_value value,
                                 const char *name) {
    const duet_value_info *info = &graph->values[value];
    if (info->kind != DUET_VALUE_NODE || info->port != 0 || uses->count[value] != 1) return NULL;
    duet_node *node = &graph->nodes[info->source];
    return duet_fuse_is_op(node, name) ? node : NULL;
}

duet_node *duet_fuse_only_reader(duet_graph *graph, const duet_fuse_uses *uses, duet_value value,
                                 const char *name) {
    if (uses->count[value] != 1) return NULL;
    duet_node *node = &graph->nodes[uses->reader[value]];
    return duet_fuse_is_op(node, name) && node->in[0] == value ? node : NULL;
}

void duet_fuse_set_output(duet_graph *graph, duet_node *node, int port, duet_value value) {
    node->out[port] = value;
    graph->values[value].source = (int32_t)(node - graph->nodes);
    graph->values[value].port = port;
}

static duet_status fuse(duet_graph *graph, const duet_value *keep, int64_t keep_count) {
    static void (*const rewrites[])(duet_graph *, const duet_fuse_uses *) = {
        duet_fuse_norm, duet_fuse_concat, duet_fuse_residual};
    for (int i = 0; i < DUET_COUNT(rewrites); i++) {
        duet_fuse_uses uses;
        DUET_TRY(duet_fuse_uses_new(&uses, graph, keep, keep_count));
        rewrites[i](graph, &uses);
        duet_fuse_uses_free(&uses);
        DUET_TRY(duet_graph_status(graph));
        DUET_TRY(duet_arena_status(graph->arena));
    }
    return DUET_OK;
}

const duet_pass duet_pass_fuse = {
    .info = {.name = "fuse",
             .help = "norm, modulation and SiLU become one node; residuals and concats join what "
                     "reads them",
             .params = DUET_TABLE_EMPTY},
    .run = fuse,
};
