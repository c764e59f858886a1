/* SPDX-License-Identifier: MIT
 * engine/graph/pass/pass_accumulate.c: where gradients of one value meet and one of them is the dx of norm_act_grad that
 * nothing else reads, the add becomes its input 7: dx is written once instead of being written, read and written again.
 * Runs after the gradient. The other summand must be there before the norm's gradient runs, which duet_grad sees to: it adds
 * each gradient as soon as it has it. */
#include "engine/graph/graph.h"

#include <string.h>

#include "base/error.h"

static void count_uses(const duet_graph *graph, const duet_value *keep, int64_t keep_count, int32_t *uses)
{
    for (int64_t i = 0; i < keep_count; i++) {
        if (keep[i] != DUET_NONE) uses[keep[i]]++;
    }
    for (int64_t i = 0; i < graph->assign_count; i++) uses[graph->assigns[i].value]++;
    for (int64_t n = 0; n < graph->node_count; n++) {
        const duet_node *const node = &graph->nodes[n];
        for (int k = 0; k < node->op->inputs && !node->dead; k++) {
            if (node->in[k] != DUET_NONE) uses[node->in[k]]++;
        }
    }
}

/* Folds the add into the norm that makes its summand k, if it can. */
static bool fold(duet_graph *graph, const int32_t *uses, duet_node *add, int k)
{
    const duet_value_info *const value = &graph->values[add->in[k]], *const other = &graph->values[add->in[1 - k]];
    if (value->kind != DUET_VALUE_NODE || value->port != 0 || uses[add->in[k]] != 1) return false;
    duet_node *const norm = &graph->nodes[value->source];
    if (norm->dead || strcmp(norm->op->info.name, "norm_act_grad") != 0 || norm->in[7] != DUET_NONE) return false;
    if (other->kind == DUET_VALUE_NODE && other->source >= value->source) return false;
    norm->in[7] = add->in[1 - k];
    norm->out[0] = add->out[0]; /* readers of the sum need no change */
    graph->values[add->out[0]].source = value->source;
    add->dead = true;
    return true;
}

static duet_status accumulate(duet_graph *graph, const duet_value *keep, int64_t keep_count)
{
    int32_t *uses = NULL;
    DUET_TRY(duet_alloc(&uses, graph->value_count, sizeof *uses));
    count_uses(graph, keep, keep_count, uses);
    for (int64_t n = 0; n < graph->node_count; n++) {
        duet_node *const node = &graph->nodes[n];
        if (node->dead || strcmp(node->op->info.name, "add") != 0) continue;
        if (!fold(graph, uses, node, 1)) (void)fold(graph, uses, node, 0);
    }
    duet_release(uses);
    return DUET_OK;
}

const duet_pass duet_pass_accumulate = {
    .info = {.name = "accumulate", .help = "sums of gradients move into norm_act_grad", .params = DUET_TABLE_EMPTY},
    .run = accumulate,
};
