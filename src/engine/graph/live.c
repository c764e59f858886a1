/* SPDX-License-Identifier: MIT
 * engine/graph/live.c: which nodes and values of a graph are needed. */
#include "engine/graph/live.h"

#include <string.h>

bool duet_node_needed(const duet_node *node, const bool *live) {
    bool used = false;
    for (int k = 0; k < node->op->outputs && !node->dead; k++) used |= live[node->out[k]];
    return used;
}

void duet_graph_live(const duet_graph *graph, bool *live) {
    for (int64_t n = graph->node_count - 1; n >= 0; n--) {
        const duet_node *node = &graph->nodes[n];
        if (!duet_node_needed(node, live)) continue;
        for (int k = 0; k < node->op->inputs; k++)
            if (node->in[k] != DUET_NONE) live[node->in[k]] = true;
    }
}

duet_value duet_graph_numbers(const duet_graph *graph) {
    for (int64_t i = 0; i < graph->input_count; i++)
        if (strcmp(graph->values[graph->inputs[i]].name, DUET_UPDATE_INPUT) == 0)
            return graph->inputs[i];
    return DUET_NONE;
}

void duet_graph_keep(const duet_graph *graph, bool *live) {
    for (int64_t i = 0; i < graph->assign_count; i++) live[graph->assigns[i].value] = true;
    if (graph->tail.count == 0) return;
    live[graph->tail.loss] = true;
    live[duet_graph_numbers(graph)] = true;
    for (int64_t u = 0; u < graph->tail.count; u++) {
        const duet_update *update = &graph->tail.updates[u];
        for (int64_t i = 0; i < update->count; i++)
            if (update->operands[i].gradient != DUET_NONE)
                live[update->operands[i].gradient] = true;
    }
}
