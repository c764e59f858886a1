/* SPDX-License-Identifier: MIT
 * engine/graph/compiled.c: hands a graph to a backend that compiles, as text. */
#include "engine/graph/compiled.h"

#include "base/error.h"
#include "engine/graph/live.h"
#include "engine/graph/text.h"

static duet_place next_place(duet_plan *plan, const duet_arg *arg) {
    const duet_place place = {DUET_PLACE_SLAB, plan->slab_bytes};
    plan->slab_bytes += ((int64_t)duet_arg_bytes(arg) + 63) / 64 * 64;
    return place;
}

static duet_status list_ends(duet_plan *plan, const duet_graph *graph, const duet_value *outputs,
                             int64_t output_count, const bool *live) {
    plan->inputs = duet_arena_alloc(plan->arena, graph->input_count + 1, sizeof *plan->inputs);
    plan->outputs = duet_arena_alloc(plan->arena, output_count + 1, sizeof *plan->outputs);
    DUET_TRY(duet_arena_status(plan->arena));
    for (int64_t i = 0; i < graph->input_count; i++) {
        const duet_value_info *info = &graph->values[graph->inputs[i]];
        if (!live[graph->inputs[i]]) continue;
        plan->inputs[plan->input_count++] =
            (duet_plan_input){.name = duet_arena_text(plan->arena, info->name),
                              .arg = info->arg,
                              .place = next_place(plan, &info->arg)};
    }
    for (int64_t i = 0; i < output_count; i++) {
        const duet_arg *arg = &graph->values[outputs[i]].arg;
        plan->outputs[plan->output_count++] =
            (duet_plan_output){.arg = *arg, .place = next_place(plan, arg)};
    }
    return duet_arena_status(plan->arena);
}

duet_status duet_compiled_plan(duet_plan *plan, const duet_graph *graph, const duet_slots *slots,
                               const duet_value *outputs, int64_t output_count) {
    duet_status status = DUET_OK;
    bool *live = NULL;
    duet_str text = {0};
    DUET_DO(duet_alloc(&live, graph->value_count, sizeof *live));
    for (int64_t i = 0; i < output_count; i++) live[outputs[i]] = true;
    duet_graph_keep(graph, live);
    duet_graph_live(graph, live);
    DUET_DO(list_ends(plan, graph, outputs, output_count, live));
    plan->update_count = graph->tail.count;
    DUET_DO(duet_graph_text(&text, graph, slots, &plan->options, outputs, output_count));
    DUET_DO(plan->backend->compiler->compile(&plan->program, text.text, slots));
done:
    duet_release(live);
    duet_str_free(&text);
    return status;
}

duet_status duet_compiled_run(const duet_plan *plan, void *state, const uint8_t *slab,
                              uint64_t seed, uint64_t step) {
    const duet_compiler *compiler = plan->backend->compiler;
    for (int64_t i = 0; i < plan->input_count; i++) {
        const duet_plan_input *input = &plan->inputs[i];
        DUET_TRY(compiler->feed(state, input->name, slab + input->place.offset,
                                (int64_t)duet_arg_bytes(&input->arg)));
    }
    return compiler->run(state, seed, step);
}
