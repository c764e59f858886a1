/* SPDX-License-Identifier: MIT
 * engine/graph/plan.c: compiles a graph: which nodes run, which kernel computes each, where every
 * value lives. Views (reshape) share their source's buffer; an op that may overwrite a dying input
 * does; gradients of parameters are written straight into the gradient block, in the order in which
 * they become final. */
#include "engine/graph/plan_internal.h"

#include <string.h>

#include "base/error.h"
#include "base/system.h"
#include "engine/backend/tuning.h"
#include "engine/graph/compiled.h"
#include "engine/graph/live.h"
#include "engine/graph/memory.h"

/* Working state of one compilation. All arrays are [values] unless said otherwise. */
typedef struct compile {
    const duet_graph *graph;
    duet_plan *plan;
    bool *live;
    int64_t *last;    /* last step that reads it; step_count = kept to the end; -1 = unread */
    duet_value *root; /* whose buffer it shares (itself mostly) */
    int64_t *buffer;  /* of roots in the slab: index into buffers, -1 = none */
    duet_place *place;
    int64_t *step_node; /* [steps] node of a step */
    duet_buffer *buffers;
    int64_t buffer_count, buffer_capacity;
} compile;

static duet_status compile_alloc(compile *c) {
    const int64_t n = c->graph->value_count;
    DUET_TRY(duet_alloc(&c->live, n, sizeof *c->live));
    DUET_TRY(duet_alloc(&c->last, n, sizeof *c->last));
    DUET_TRY(duet_alloc(&c->root, n, sizeof *c->root));
    DUET_TRY(duet_alloc(&c->buffer, n, sizeof *c->buffer));
    DUET_TRY(duet_alloc(&c->place, n, sizeof *c->place));
    DUET_TRY(duet_alloc(&c->step_node, c->graph->node_count, sizeof *c->step_node));
    for (int64_t i = 0; i < n; i++) {
        c->root[i] = (duet_value)i;
        c->buffer[i] = c->last[i] = -1;
    }
    return DUET_OK;
}

static void compile_free(compile *c) {
    duet_release(c->live);
    duet_release(c->last);
    duet_release(c->root);
    duet_release(c->buffer);
    duet_release(c->place);
    duet_release(c->step_node);
    duet_release(c->buffers);
}

/* Which nodes run: those that a kept value needs. */
static void find_steps(compile *c) {
    const duet_graph *graph = c->graph;
    duet_graph_live(graph, c->live);
    for (int64_t n = 0; n < graph->node_count; n++)
        if (duet_node_needed(&graph->nodes[n], c->live)) c->step_node[c->plan->step_count++] = n;
}

/* Views share buffers; last reads count for the root. */
static void find_lifetimes(compile *c) {
    const duet_graph *graph = c->graph;
    for (int64_t s = 0; s < c->plan->step_count; s++) {
        const duet_node *node = &graph->nodes[c->step_node[s]];
        for (int k = 0; k < node->op->inputs; k++)
            if (node->in[k] != DUET_NONE) c->last[c->root[node->in[k]]] = s;
        if (node->op->alias) c->root[node->out[0]] = c->root[node->in[0]];
    }
}

static void keep_to_end(compile *c, duet_value value) {
    c->last[c->root[value]] = c->plan->step_count;
}

static duet_status new_buffer(compile *c, duet_value value, int64_t first) {
    DUET_TRY(duet_grow(&c->buffers, &c->buffer_capacity, c->buffer_count + 1, sizeof *c->buffers));
    const duet_arg *arg = &c->graph->values[value].arg;
    c->buffers[c->buffer_count] = (duet_buffer){
        .bytes = (int64_t)duet_arg_bytes(arg), .first = first, .last = c->last[value]};
    if (c->buffers[c->buffer_count].last < first) c->buffers[c->buffer_count].last = first;
    c->place[value].kind = DUET_PLACE_SLAB;
    c->buffer[value] = c->buffer_count++;
    return DUET_OK;
}

/* May output 0 of the node take over the buffer of a dying input? Returns that input's root or
 * DUET_NONE. */
static duet_value in_place_source(const compile *c, const duet_node *node, int64_t step) {
    for (int k = 0; k < node->op->inputs; k++) {
        if ((node->op->in_place >> k & 1u) == 0 || node->in[k] == DUET_NONE) continue;
        const duet_value root = c->root[node->in[k]];
        bool twice = false;
        for (int j = 0; j < node->op->inputs; j++)
            twice |= j != k && node->in[j] != DUET_NONE && c->root[node->in[j]] == root;
        if (twice || c->place[root].kind != DUET_PLACE_SLAB || c->last[root] != step) continue;
        if (c->graph->values[root].kind != DUET_VALUE_NODE) continue;
        if (duet_arg_bytes(&c->graph->values[root].arg) ==
            duet_arg_bytes(&c->graph->values[node->out[0]].arg))
            return root;
    }
    return DUET_NONE;
}

static duet_status place_output(compile *c, const duet_node *node, int k, int64_t step) {
    const duet_value value = node->out[k];
    if (c->root[value] != value || c->place[value].kind != DUET_PLACE_NONE) return DUET_OK;
    if (!c->live[value]) return DUET_OK;
    const duet_value source = k == 0 ? in_place_source(c, node, step) : DUET_NONE;
    if (source == DUET_NONE) return new_buffer(c, value, step);
    c->place[value].kind = DUET_PLACE_SLAB;
    c->buffer[value] = c->buffer[source];
    duet_buffer *b = &c->buffers[c->buffer[source]];
    if (c->last[value] > b->last) b->last = c->last[value];
    return DUET_OK;
}

static duet_status place_values(compile *c, const duet_slots *slots) {
    const duet_graph *graph = c->graph;
    for (int64_t i = 0; i < graph->param_count; i++) {
        const duet_param_value *param = &graph->params[i];
        const int64_t slot = duet_slots_bind(slots, param, &c->plan->options.bindings);
        if (slot < 0)
            return duet_fail(DUET_NOT_FOUND, "parameter '%s' has no slot%s%s", param->name,
                             param->part[0] != '\0' ? " in part " : "", param->part);
        c->place[param->value] = (duet_place){DUET_PLACE_PARAM, slot};
    }
    for (int64_t i = 0; i < graph->input_count; i++) {
        if (!c->live[graph->inputs[i]]) continue;
        keep_to_end(c, graph->inputs[i]); /* set once, valid for many runs */
        DUET_TRY(new_buffer(c, graph->inputs[i], 0));
    }
    for (int64_t s = 0; s < c->plan->step_count; s++) {
        const duet_node *node = &graph->nodes[c->step_node[s]];
        for (int k = 0; k < node->op->outputs && !node->op->alias; k++)
            DUET_TRY(place_output(c, node, k, s));
    }
    DUET_TRY(duet_memory_plan(c->buffers, c->buffer_count, &c->plan->slab_bytes));
    for (int64_t i = 0; i < graph->value_count; i++)
        if (c->buffer[i] >= 0) c->place[i].offset = c->buffers[c->buffer[i]].offset;
    return DUET_OK;
}

/* Gradients go straight into the block where their value has a buffer of its own; otherwise they
 * are copied at the end. */
static duet_status place_gradients(compile *c, const duet_slots *slots, const duet_plan_grad *grads,
                                   int64_t count) {
    duet_plan *plan = c->plan;
    plan->slots = slots->count;
    plan->grad_offset = duet_arena_alloc(plan->arena, slots->count + 1, sizeof *plan->grad_offset);
    plan->copies =
        duet_arena_alloc(plan->arena, count + c->graph->assign_count + 1, sizeof *plan->copies);
    DUET_TRY(duet_arena_status(plan->arena));
    for (int64_t i = 0; i < slots->count; i++) plan->grad_offset[i] = -1;
    int64_t done = 0;
    for (int64_t n = 0; n < c->graph->node_count && done < count; n++) {
        for (int64_t i = 0; i < count; i++) { /* in the order of the producing nodes */
            const duet_value value = grads[i].value;
            if (value == DUET_NONE || c->graph->values[value].kind != DUET_VALUE_NODE ||
                c->graph->values[value].source != n)
                continue;
            const duet_slot *slot = &slots->list[grads[i].slot];
            if (duet_shape_count(&c->graph->values[value].arg.shape) != slot->count)
                return duet_fail(DUET_SHAPE,
                                 "the gradient of '%s' has another size than the parameter",
                                 slot->name);
            plan->grad_offset[grads[i].slot] = plan->grad_size;
            const duet_place to = {DUET_PLACE_GRAD, plan->grad_size};
            if (c->root[value] == value && c->place[value].kind == DUET_PLACE_NONE)
                c->place[value] = to;
            else {
                keep_to_end(c, value);
                plan->copies[plan->copy_count++] =
                    (duet_plan_copy){.from = {.offset = value}, .to = to, .count = slot->count};
            }
            plan->grad_size += (slot->count + 15) / 16 * 16;
            done++;
        }
    }
    return DUET_OK;
}

static duet_place place_of(const compile *c, duet_value value) {
    return value == DUET_NONE ? (duet_place){DUET_PLACE_NONE, 0} : c->place[c->root[value]];
}

duet_kernel_options duet_step_options(const duet_plan *plan, const duet_step *step) {
    duet_kernel_options options = {.threads = plan->options.threads,
                                   .exact = plan->options.exact,
                                   .bf16 = plan->bf16,
                                   .l2_bytes = plan->l2_bytes};
    for (int k = 0; k < step->call.inputs; k++)
        options.param_inputs |= (uint32_t)(step->in[k].kind == DUET_PLACE_PARAM) << k;
    return options;
}

static duet_status choose_kernel(duet_step *step, const duet_plan *plan) {
    const duet_kernel_options options = duet_step_options(plan, step);
    DUET_TRY(duet_tuning_choose(&step->kernel, plan->options.tuning, plan->backend, &step->call,
                                &options, plan->trains));
    step->tuned = step->kernel != NULL;
    if (step->kernel == NULL) step->kernel = plan->backend->find(&step->call, &options);
    if (step->kernel != NULL && step->kernel->plan != NULL) {
        const duet_status status = step->kernel->plan(&step->call, &options, &step->plan);
        if (status == DUET_UNSUPPORTED)
            step->kernel = NULL;
        else if (status != DUET_OK)
            return status;
    }
    if (step->kernel != NULL) return DUET_OK;
    memset(&step->plan, 0, sizeof step->plan);
    step->kernel = duet_kernel_reference(step->call.op);
    step->fallback = plan->backend != duet_ref_backend();
    step->tuned = false;
    return step->kernel->plan(&step->call, &options, &step->plan);
}

/* Parameters may be stored otherwise than the graph says. */
static duet_status take_stored_types(compile *c, const duet_node *node, const duet_slots *slots,
                                     duet_call *call) {
    for (int k = 0; k < node->op->inputs; k++) {
        const duet_place place = place_of(c, node->in[k]);
        if (place.kind != DUET_PLACE_PARAM) continue;
        call->in[k].dtype = slots->list[place.offset].dtype;
        if (node->op->alias && call->in[k].dtype != DUET_F32)
            return duet_fail(DUET_UNSUPPORTED, "%s of '%s' at '%s' needs it stored as f32",
                             node->op->info.name, slots->list[place.offset].name, node->scope);
    }
    return DUET_OK;
}

/* Where a step keeps packed weights: beside those of others, or, where weights change with every
 * run, in one place for all. */
static void place_kept(duet_plan *plan, duet_step *step) {
    const int64_t bytes = (step->plan.keep + 63) / 64 * 64;
    step->keep_offset = plan->trains ? 0 : plan->keep_bytes;
    if (step->keep_offset + bytes > plan->keep_bytes) plan->keep_bytes = step->keep_offset + bytes;
}

static duet_status make_step(compile *c, int64_t s, const duet_slots *slots) {
    duet_plan *plan = c->plan;
    duet_step *step = &plan->steps[s];
    const duet_node *node = &c->graph->nodes[c->step_node[s]];
    uint32_t used = 0;
    for (int k = 0; k < node->op->outputs; k++) used |= (uint32_t)c->live[node->out[k]] << k;
    duet_graph_call(c->graph, node, used, &step->call);
    DUET_TRY(take_stored_types(c, node, slots, &step->call));
    /* The plan outlives the graph: attributes and names are copied. */
    const size_t attr_size = node->op->info.params.options_size;
    void *attr = duet_arena_alloc(plan->arena, 1, attr_size > 0 ? attr_size : 1);
    step->call.scope = duet_arena_text(plan->arena, node->scope);
    DUET_TRY(duet_arena_status(plan->arena));
    if (attr_size > 0) memcpy(attr, node->attr, attr_size);
    step->call.attr = attr;
    for (int k = 0; k < node->op->inputs; k++) step->in[k] = place_of(c, node->in[k]);
    for (int k = 0; k < node->op->outputs; k++)
        step->out[k] = (used >> k & 1u) ? place_of(c, node->out[k]) : (duet_place){0};
    if (node->op->alias) return DUET_OK;
    const duet_status status = choose_kernel(step, plan);
    if (status != DUET_OK) {
        duet_error_frame("cannot plan %s at '%s'", node->op->info.name, node->scope);
        return status;
    }
    if (step->plan.scratch > plan->scratch_bytes)
        plan->scratch_bytes = (step->plan.scratch + 63) / 64 * 64;
    place_kept(plan, step);
    return DUET_OK;
}

static duet_status make_ends(compile *c, const duet_slots *slots, const duet_value *outputs,
                             int64_t output_count) {
    duet_plan *plan = c->plan;
    plan->inputs = duet_arena_alloc(plan->arena, c->graph->input_count + 1, sizeof *plan->inputs);
    plan->outputs = duet_arena_alloc(plan->arena, output_count + 1, sizeof *plan->outputs);
    DUET_TRY(duet_arena_status(plan->arena));
    for (int64_t i = 0; i < c->graph->input_count; i++) {
        const duet_value value = c->graph->inputs[i];
        if (!c->live[value]) continue;
        plan->inputs[plan->input_count++] =
            (duet_plan_input){.name = duet_arena_text(plan->arena, c->graph->values[value].name),
                              .arg = c->graph->values[value].arg,
                              .place = c->place[value]};
    }
    for (int64_t i = 0; i < output_count; i++)
        plan->outputs[i] = (duet_plan_output){.arg = c->graph->values[outputs[i]].arg,
                                              .place = place_of(c, outputs[i])};
    plan->output_count = output_count;
    for (int64_t i = 0; i < plan->copy_count; i++)
        plan->copies[i].from = place_of(c, (duet_value)plan->copies[i].from.offset);
    for (int64_t i = 0; i < c->graph->assign_count; i++) {
        const duet_place to = c->place[c->graph->params[c->graph->assigns[i].param].value];
        plan->copies[plan->copy_count++] =
            (duet_plan_copy){.from = place_of(c, c->graph->assigns[i].value),
                             .to = to,
                             .count = slots->list[to.offset].count};
    }
    return duet_arena_status(plan->arena);
}

/* ---- updates ---- */

static duet_status make_tail(compile *c) {
    const duet_tail *tail = &c->graph->tail;
    duet_plan *plan = c->plan;
    plan->updates = duet_arena_alloc(plan->arena, tail->count + 1, sizeof *plan->updates);
    DUET_TRY(duet_arena_status(plan->arena));
    if (tail->count == 0) return DUET_OK;
    plan->parts = tail->parts;
    plan->loss = place_of(c, tail->loss);
    plan->numbers = place_of(c, duet_graph_numbers(c->graph));
    for (int64_t u = 0; u < tail->count; u++) {
        const duet_update *from = &tail->updates[u];
        duet_plan_update *to = &plan->updates[plan->update_count++];
        *to = (duet_plan_update){
            .rule = from->rule,
            .clip = from->clip,
            .kind = from->kind,
            .at = from->at,
            .slots = duet_arena_alloc(plan->arena, from->count + 1, sizeof *to->slots),
            .inner = duet_arena_alloc(plan->arena, from->count + 1, sizeof *to->inner),
            .count = from->count};
        DUET_TRY(duet_arena_status(plan->arena));
        for (int64_t i = 0; i < from->count; i++) {
            to->slots[i] = c->place[from->operands[i].param].offset;
            to->inner[i] = from->operands[i].inner;
        }
    }
    return DUET_OK;
}

static duet_status compile_steps(duet_plan *plan, const duet_graph *graph, const duet_slots *slots,
                                 const duet_value *outputs, int64_t output_count,
                                 const duet_plan_grad *grads, int64_t grad_count) {
    duet_status status = DUET_OK;
    compile c = {.graph = graph, .plan = plan};
    DUET_DO(compile_alloc(&c));
    for (int64_t i = 0; i < output_count; i++) c.live[outputs[i]] = true;
    for (int64_t i = 0; i < grad_count; i++)
        if (grads[i].value != DUET_NONE) c.live[grads[i].value] = true;
    duet_graph_keep(graph, c.live);
    find_steps(&c);
    find_lifetimes(&c);
    for (int64_t i = 0; i < output_count; i++) keep_to_end(&c, outputs[i]);
    for (int64_t i = 0; i < graph->assign_count; i++) keep_to_end(&c, graph->assigns[i].value);
    if (plan->trains) keep_to_end(&c, graph->tail.loss);
    DUET_DO(place_gradients(&c, slots, grads, grad_count));
    DUET_DO(place_values(&c, slots));
    plan->steps = duet_arena_alloc(plan->arena, plan->step_count + 1, sizeof *plan->steps);
    DUET_DO(duet_arena_status(plan->arena));
    for (int64_t s = 0; s < plan->step_count; s++) DUET_DO(make_step(&c, s, slots));
    DUET_DO(make_ends(&c, slots, outputs, output_count));
    DUET_DO(make_tail(&c));
done:
    compile_free(&c);
    return status;
}

duet_status duet_plan_new(duet_plan **out, const duet_graph *graph, const duet_slots *slots,
                          const duet_value *outputs, int64_t output_count,
                          const duet_plan_grad *grads, int64_t grad_count,
                          const duet_plan_options *options) {
    duet_status status = DUET_OK;
    duet_plan *plan = NULL;
    DUET_TRY(duet_graph_status(graph));
    DUET_DO(duet_alloc(&plan, 1, sizeof *plan));
    plan->options = *options;
    plan->bf16 = graph->bf16;
    plan->trains = graph->tail.count > 0;
    plan->l2_bytes = duet_near_cache();
    if (plan->options.threads < 1) plan->options.threads = 1;
    DUET_DO(duet_arena_new(&plan->arena));
    plan->backend = options->backend;
    if (plan->backend == NULL) DUET_DO(duet_backend_find(&plan->backend, options->device));
    if (plan->backend->compiler != NULL)
        DUET_DO(duet_compiled_plan(plan, graph, slots, outputs, output_count));
    else
        DUET_DO(compile_steps(plan, graph, slots, outputs, output_count, grads, grad_count));
    *out = plan;
    plan = NULL;
done:
    duet_plan_free(plan);
    return status;
}

void duet_plan_free(duet_plan *plan) {
    if (plan == NULL) return;
    if (plan->program != NULL) plan->backend->compiler->release(plan->program);
    for (int64_t s = 0; plan->steps != NULL && s < plan->step_count; s++) {
        const duet_step *step = &plan->steps[s];
        if (step->kernel != NULL && step->kernel->release != NULL && step->plan.state != NULL)
            step->kernel->release(step->plan.state);
    }
    duet_arena_free(plan->arena);
    duet_release(plan);
}
