/* SPDX-License-Identifier: MIT
 * engine/graph/pass/pass_prune.c: marks dead every node that none of the kept values (or an
 * assignment) needs. Asking for tap b drops every later node and with it every weight that only
 * they read. */
#include "engine/graph/graph.h"

#include "base/error.h"

static duet_status prune(duet_graph *graph, const duet_value *keep, int64_t keep_count) {
    bool *live = NULL;
    DUET_TRY(duet_alloc(&live, graph->value_count, sizeof *live));
    for (int64_t i = 0; i < keep_count; i++)
        if (keep[i] != DUET_NONE) live[keep[i]] = true;
    for (int64_t i = 0; i < graph->assign_count; i++) live[graph->assigns[i].value] = true;
    for (int64_t n = graph->node_count - 1; n >= 0; n--) {
        duet_node *node = &graph->nodes[n];
        if (node->dead) continue;
        bool used = false;
        for (int k = 0; k < node->op->outputs; k++) used |= live[node->out[k]];
        node->dead = !used;
        for (int k = 0; k < node->op->inputs && used; k++)
            if (node->in[k] != DUET_NONE) live[node->in[k]] = true;
    }
    duet_release(live);
    return DUET_OK;
}

const duet_pass duet_pass_prune = {
    .info = {.name = "prune",
             .help = "drops nodes that nothing kept needs",
             .params = DUET_TABLE_EMPTY},
    .run = prune,
};
