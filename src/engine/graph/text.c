/* SPDX-License-Identifier: MIT
 * engine/graph/text.c: writes a graph. */
#include "engine/graph/text.h"

#include "base/error.h"
#include "engine/graph/live.h"

static void add_value(duet_str *out, duet_value value, const bool *live) {
    if (value == DUET_NONE || !live[value])
        duet_str_add(out, "-");
    else
        duet_str_format(out, "%%%d", value);
}

static void add_shape(duet_str *out, const duet_arg *arg, const char *between) {
    const duet_shape *shape = &arg->shape;
    duet_str_format(out, "%s%s", duet_dtype_name(arg->dtype), between);
    if (shape->rank == 0) duet_str_add(out, "1");
    for (int i = 0; i < shape->rank; i++)
        duet_str_format(out, "%s%lld", i > 0 ? "x" : "", (long long)shape->dim[i]);
}

static void add_options(duet_str *out, const duet_param_table *table, const void *options) {
    duet_str_add(out, "{");
    for (int i = 0; i < table->count; i++) {
        char value[DUET_LIST_SIZE * 24];
        duet_params_print(table, options, i, value, sizeof value);
        duet_str_format(out, "%s%s=%s", i > 0 ? " " : "", table->rows[i].name, value);
    }
    duet_str_add(out, "}");
}

static void add_node(duet_str *out, const duet_graph *graph, const duet_node *node,
                     const bool *live) {
    duet_str_format(out, "node %s ", node->op->info.name);
    for (int k = 0; k < node->op->outputs; k++) {
        if (k > 0) duet_str_add(out, ",");
        add_value(out, node->out[k], live);
    }
    duet_str_add(out, " = ");
    for (int k = 0; k < node->op->inputs; k++) {
        if (k > 0) duet_str_add(out, ",");
        add_value(out, node->in[k], live);
    }
    if (node->op->inputs == 0) duet_str_add(out, "-");
    duet_str_add(out, " ");
    add_options(out, &node->op->info.params, node->attr);
    for (int k = 0; k < node->op->outputs; k++) {
        duet_str_add(out, k > 0 ? "," : " ");
        add_shape(out, &graph->values[node->out[k]].arg, ":");
    }
    duet_str_format(out, " @%s\n", node->scope);
}

typedef struct writer {
    duet_str *out;
    const duet_graph *graph;
    const duet_slots *slots;
    const duet_plan_options *options;
    bool *live;
    int64_t *slot_of; /* [values]: of parameters; -1 = none */
} writer;

static duet_status add_slots(const writer *w) {
    for (int64_t i = 0; i < w->graph->param_count; i++) {
        const duet_param_value *param = &w->graph->params[i];
        const int64_t k = duet_slots_bind(w->slots, param, &w->options->bindings);
        w->slot_of[param->value] = k;
        if (!w->live[param->value]) continue;
        if (k < 0) return duet_fail(DUET_NOT_FOUND, "parameter '%s' has no slot", param->name);
        const duet_slot *slot = &w->slots->list[k];
        const duet_arg arg = {.dtype = slot->dtype, .shape = slot->shape};
        duet_str_format(w->out, "slot %%%d %lld ", param->value, (long long)k);
        add_shape(w->out, &arg, " ");
        duet_str_format(w->out, " %s\n", param->name);
    }
    return DUET_OK;
}

static void add_inputs(const writer *w) {
    for (int64_t i = 0; i < w->graph->input_count; i++) {
        const duet_value value = w->graph->inputs[i];
        if (!w->live[value]) continue;
        duet_str_format(w->out, "input %%%d %s ", value, w->graph->values[value].name);
        add_shape(w->out, &w->graph->values[value].arg, " ");
        duet_str_add(w->out, "\n");
    }
}

static void add_states(const writer *w) {
    for (int64_t i = 0; i < w->graph->assign_count; i++) {
        const struct duet_assignment *assign = &w->graph->assigns[i];
        duet_str_format(w->out, "state %lld %%%d\n",
                        (long long)w->slot_of[w->graph->params[assign->param].value],
                        assign->value);
    }
}

static void add_updates(const writer *w) {
    const duet_tail *tail = &w->graph->tail;
    const duet_comm *comm = w->options->comm;
    if (tail->count == 0) return;
    duet_str_format(w->out, "tail %%%d %lld %d\n", tail->loss, (long long)tail->parts,
                    comm != NULL ? comm->size : 1);
    for (int64_t u = 0; u < tail->count; u++) {
        const duet_update *update = &tail->updates[u];
        char clip[32];
        duet_print_f64(clip, sizeof clip, update->clip);
        duet_str_format(w->out, "update %s ", update->rule->info.name);
        add_options(w->out, &update->rule->info.params, update->options);
        duet_str_format(w->out, " %s %lld", clip, (long long)update->at);
        if (update->kind != NULL) duet_str_format(w->out, " %s", update->kind);
        duet_str_add(w->out, " :");
        for (int64_t i = 0; i < update->count; i++) {
            duet_str_format(w->out, " %lld~", (long long)w->slot_of[update->operands[i].param]);
            add_value(w->out, update->operands[i].gradient, w->live);
            if (update->operands[i].inner) duet_str_add(w->out, "*");
        }
        duet_str_add(w->out, "\n");
    }
}

duet_status duet_graph_text(duet_str *out, const duet_graph *graph, const duet_slots *slots,
                            const duet_plan_options *options, const duet_value *outputs,
                            int64_t output_count) {
    duet_status status = DUET_OK;
    writer w = {.out = out, .graph = graph, .slots = slots, .options = options};
    DUET_DO(duet_graph_status(graph));
    DUET_DO(duet_alloc(&w.live, graph->value_count, sizeof *w.live));
    DUET_DO(duet_alloc(&w.slot_of, graph->value_count, sizeof *w.slot_of));
    for (int64_t i = 0; i < output_count; i++) w.live[outputs[i]] = true;
    duet_graph_keep(graph, w.live);
    duet_graph_live(graph, w.live);
    DUET_DO(add_slots(&w));
    add_inputs(&w);
    for (int64_t n = 0; n < graph->node_count; n++)
        if (duet_node_needed(&graph->nodes[n], w.live))
            add_node(out, graph, &graph->nodes[n], w.live);
    add_states(&w);
    for (int64_t i = 0; i < output_count; i++) duet_str_format(out, "output %%%d\n", outputs[i]);
    add_updates(&w);
    status = duet_str_status(out);
done:
    duet_release(w.live);
    duet_release(w.slot_of);
    return status;
}
