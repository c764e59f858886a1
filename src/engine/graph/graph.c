/* SPDX-License-Identifier: MIT
 * engine/graph/graph.c: the builder's lists: values, nodes, parameters, inputs, scopes. The first
 * failure sticks with its message; later calls return DUET_NONE. */
#include "engine/graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

duet_status duet_graph_new(duet_graph **out) {
    duet_graph *graph = NULL;
    DUET_TRY(duet_alloc(&graph, 1, sizeof *graph));
    const duet_status status = duet_arena_new(&graph->arena);
    if (status != DUET_OK) {
        duet_release(graph);
        return status;
    }
    graph->part = "";
    *out = graph;
    return DUET_OK;
}

void duet_graph_free(duet_graph *graph) {
    if (graph == NULL) return;
    duet_release(graph->values);
    duet_release(graph->nodes);
    duet_release(graph->params);
    duet_release(graph->inputs);
    duet_release(graph->assigns);
    duet_release(graph->taps);
    duet_release(graph->tail.updates);
    duet_arena_free(graph->arena);
    duet_release(graph);
}

duet_status duet_graph_status(const duet_graph *graph) {
    if (graph->status == DUET_OK) return DUET_OK;
    return duet_fail(graph->status, "%s", graph->message);
}

void duet_graph_fail(duet_graph *graph, duet_status status, const char *format, ...) {
    if (graph->status != DUET_OK) return;
    va_list args;
    va_start(args, format);
    vsnprintf(graph->message, sizeof graph->message, format, args);
    va_end(args);
    graph->status = status;
}

/* For failures of helpers that have set the thread's message already. */
static bool adopt(duet_graph *graph, duet_status status) {
    if (status == DUET_OK) return true;
    duet_graph_fail(graph, status, "%s", duet_error_message());
    return false;
}

size_t duet_scope_push(duet_graph *graph, const char *format, ...) {
    const size_t mark = strlen(graph->scope);
    size_t end = mark;
    if (mark > 0 && mark + 1 < sizeof graph->scope) graph->scope[end++] = '.';
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(graph->scope + end, sizeof graph->scope - end, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof graph->scope - end)
        duet_graph_fail(graph, DUET_ARG, "scope name too long at '%.80s'", graph->scope);
    return mark;
}

void duet_scope_pop(duet_graph *graph, size_t mark) {
    graph->scope[mark] = '\0';
}

static char *keep_text(duet_graph *graph, const char *text);

duet_part_mark duet_part_push(duet_graph *graph, const char *part, int pass) {
    const duet_part_mark mark = {.part = graph->part,
                                 .pass = graph->pass,
                                 .local = graph->local,
                                 .scope = strlen(graph->scope)};
    if (part[0] != '\0' && pass > 0)
        (void)duet_scope_push(graph, "%s#%d", part, pass);
    else if (part[0] != '\0' || pass > 0)
        (void)(pass > 0 ? duet_scope_push(graph, "#%d", pass) : duet_scope_push(graph, "%s", part));
    graph->part = keep_text(graph, part);
    if (graph->part == NULL) graph->part = "";
    graph->pass = pass;
    graph->local = strlen(graph->scope);
    return mark;
}

void duet_part_pop(duet_graph *graph, duet_part_mark mark) {
    graph->part = mark.part;
    graph->pass = mark.pass;
    graph->local = mark.local;
    duet_scope_pop(graph, mark.scope);
}

static duet_value add_value(duet_graph *graph, const duet_value_info *info) {
    if (!adopt(graph, duet_grow(&graph->values, &graph->value_capacity, graph->value_count + 1,
                                sizeof *graph->values)))
        return DUET_NONE;
    graph->values[graph->value_count] = *info;
    return (duet_value)graph->value_count++;
}

static char *keep_text(duet_graph *graph, const char *text) {
    char *copy = duet_arena_text(graph->arena, text);
    if (copy == NULL) (void)adopt(graph, duet_arena_status(graph->arena));
    return copy;
}

static bool check_dims(duet_graph *graph, const char *name, int rank, const int64_t *dims) {
    if (rank < 0 || rank > DUET_MAX_RANK) {
        duet_graph_fail(graph, DUET_SHAPE, "'%s' has rank %d; at most %d", name, rank,
                        DUET_MAX_RANK);
        return false;
    }
    int64_t count = 1;
    for (int i = 0; i < rank; i++) {
        if (dims[i] <= 0 || __builtin_mul_overflow(count, dims[i], &count) ||
            count > ((int64_t)1 << 40)) {
            duet_graph_fail(graph, DUET_SHAPE, "'%s' has an impossible size %lld in axis %d", name,
                            (long long)dims[i], i);
            return false;
        }
    }
    return true;
}

/* Is value `value` (already named `name`) of this type? Otherwise fails. */
static bool same_arg(duet_graph *graph, duet_value value, const char *name, duet_dtype dtype,
                     const duet_shape *shape) {
    const duet_arg *arg = &graph->values[value].arg;
    if (arg->dtype == dtype && duet_shape_equal(&arg->shape, shape)) return true;
    char a[96], b[96];
    duet_graph_fail(graph, DUET_SHAPE, "'%s' is asked for as %s %s and as %s %s", name,
                    duet_dtype_name(arg->dtype), duet_shape_text(&arg->shape, a),
                    duet_dtype_name(dtype), duet_shape_text(shape, b));
    return false;
}

duet_value duet_input(duet_graph *graph, const char *name, duet_dtype dtype, int rank,
                      const int64_t *dims) {
    if (graph->status != DUET_OK || !check_dims(graph, name, rank, dims)) return DUET_NONE;
    const duet_shape shape = duet_shape_make(rank, dims);
    for (int64_t i = 0; i < graph->input_count; i++) {
        const duet_value value = graph->inputs[i];
        if (strcmp(graph->values[value].name, name) == 0)
            return same_arg(graph, value, name, dtype, &shape) ? value : DUET_NONE;
    }
    if (!adopt(graph, duet_grow(&graph->inputs, &graph->input_capacity, graph->input_count + 1,
                                sizeof *graph->inputs)))
        return DUET_NONE;
    const duet_value_info info = {.kind = DUET_VALUE_INPUT,
                                  .arg = {dtype, shape},
                                  .name = keep_text(graph, name),
                                  .source = (int32_t)graph->input_count};
    const duet_value value = add_value(graph, &info);
    if (graph->status != DUET_OK) return DUET_NONE;
    graph->inputs[graph->input_count++] = value;
    return value;
}

/* Of a parameter: what was last assigned to it, else its content. */
static duet_value current_value(const duet_graph *graph, int64_t param) {
    for (int64_t i = 0; i < graph->assign_count; i++)
        if (graph->assigns[i].param == param) return graph->assigns[i].value;
    return graph->params[param].value;
}

duet_value duet_parameter(duet_graph *graph, const char *name, duet_role role, duet_init init,
                          int rank, const int64_t *dims) {
    const size_t mark = duet_scope_push(graph, "%s", name);
    char full[sizeof graph->scope];
    const size_t skip = graph->local > 0 ? graph->local + 1 : 0; /* the dot too */
    snprintf(full, sizeof full, "%s", graph->scope + skip);
    duet_scope_pop(graph, mark);
    if (graph->status != DUET_OK || !check_dims(graph, full, rank, dims)) return DUET_NONE;
    const duet_shape shape = duet_shape_make(rank, dims);
    for (int64_t i = 0; i < graph->param_count; i++) {
        const duet_param_value *param = &graph->params[i];
        if (strcmp(param->part, graph->part) == 0 && strcmp(param->name, full) == 0)
            return same_arg(graph, param->value, full, DUET_F32, &shape) ? current_value(graph, i)
                                                                         : DUET_NONE;
    }
    if (!adopt(graph, duet_grow(&graph->params, &graph->param_capacity, graph->param_count + 1,
                                sizeof *graph->params)))
        return DUET_NONE;
    const duet_value_info info = {.kind = DUET_VALUE_PARAM,
                                  .arg = {DUET_F32, shape},
                                  .name = keep_text(graph, full),
                                  .source = (int32_t)graph->param_count};
    const duet_value value = add_value(graph, &info);
    if (graph->status != DUET_OK) return DUET_NONE;
    graph->params[graph->param_count++] = (duet_param_value){
        .part = graph->part, .name = info.name, .role = role, .init = init, .value = value};
    return value;
}

void duet_graph_set_tap_hook(duet_graph *graph, duet_tap_hook hook, void *user) {
    graph->tap_hook = hook;
    graph->tap_user = user;
}

void duet_keep_unit(duet_graph *graph, duet_value parameter) {
    if (graph->status == DUET_OK && parameter != DUET_NONE)
        graph->params[graph->values[parameter].source].unit = true;
}

duet_value duet_tap(duet_graph *graph, int block, const char *name, duet_value x) {
    if (graph->status != DUET_OK) return x;
    const duet_tap_info tap = {
        .block = block, .name = keep_text(graph, name), .part = graph->part, .pass = graph->pass};
    if (graph->tap_hook != NULL) x = graph->tap_hook(graph, &tap, x, graph->tap_user);
    if (!adopt(graph, duet_grow(&graph->taps, &graph->tap_capacity, graph->tap_count + 1,
                                sizeof *graph->taps)))
        return x;
    graph->taps[graph->tap_count++] = x;
    return x;
}

static bool is_state(duet_role role) {
    return role == DUET_STATE || role == DUET_STATISTIC;
}

void duet_assign(duet_graph *graph, duet_value state, duet_value value) {
    if (graph->status != DUET_OK) return;
    int64_t at = 0;
    while (at < graph->param_count &&
           (!is_state(graph->params[at].role) || current_value(graph, at) != state))
        at++;
    if (at == graph->param_count) {
        duet_graph_fail(graph, DUET_ARG, "only a state parameter can be assigned, at '%s'",
                        graph->scope);
        return;
    }
    const duet_value_info *info = &graph->values[graph->params[at].value];
    if (!same_arg(graph, value, info->name, info->arg.dtype, &info->arg.shape)) return;
    for (int64_t i = 0; i < graph->assign_count; i++) {
        if (graph->assigns[i].param != at) continue;
        graph->assigns[i].value = value;
        return;
    }
    if (!adopt(graph, duet_grow(&graph->assigns, &graph->assign_capacity, graph->assign_count + 1,
                                sizeof *graph->assigns)))
        return;
    graph->assigns[graph->assign_count].param = (int32_t)at;
    graph->assigns[graph->assign_count++].value = value;
}

duet_value duet_graph_input(const duet_graph *graph, const char *name) {
    for (int64_t i = 0; i < graph->input_count; i++)
        if (strcmp(graph->values[graph->inputs[i]].name, name) == 0) return graph->inputs[i];
    return DUET_NONE;
}

const duet_arg *duet_value_arg(const duet_graph *graph, duet_value value) {
    static const duet_arg none = {.dtype = DUET_F32, .shape = {.rank = 0}};
    return value < 0 || value >= graph->value_count ? &none : &graph->values[value].arg;
}

int64_t duet_dim(const duet_graph *graph, duet_value value, int axis) {
    const duet_shape *shape = &duet_value_arg(graph, value)->shape;
    const int at = axis < 0 ? shape->rank + axis : axis;
    return at < 0 || at >= shape->rank ? 0 : shape->dim[at];
}

void duet_graph_call(const duet_graph *graph, const duet_node *node, uint32_t used_outputs,
                     duet_call *out) {
    memset(out, 0, sizeof *out);
    out->op = node->op;
    out->attr = node->attr;
    out->scope = node->scope;
    out->inputs = node->op->inputs;
    out->outputs = node->op->outputs;
    for (int k = 0; k < out->inputs; k++) {
        out->has_in[k] = node->in[k] != DUET_NONE;
        if (out->has_in[k]) out->in[k] = graph->values[node->in[k]].arg;
    }
    for (int k = 0; k < out->outputs; k++) {
        out->has_out[k] = (used_outputs >> k & 1u) != 0;
        if (node->out[k] != DUET_NONE) out->out[k] = graph->values[node->out[k]].arg;
    }
}

/* Presence and element types of the inputs; the shapes are the op's own business. */
static bool check_inputs(duet_graph *graph, const duet_op *op, const duet_value *in) {
    for (int k = 0; k < op->inputs; k++) {
        if (in[k] == DUET_NONE) {
            if (k >= op->required) continue;
            duet_graph_fail(graph, DUET_ARG, "%s at '%s': input %d is missing", op->info.name,
                            graph->scope, k);
            return false;
        }
        if (in[k] < 0 || in[k] >= graph->value_count) {
            duet_graph_fail(graph, DUET_ARG, "%s at '%s': input %d is no value of this graph",
                            op->info.name, graph->scope, k);
            return false;
        }
        const duet_dtype have = graph->values[in[k]].arg.dtype;
        if (!duet_op_stores(op, k, have)) {
            const duet_dtype want = (op->i32_inputs >> k & 1u) != 0 ? DUET_I32 : DUET_F32;
            duet_graph_fail(graph, DUET_ARG, "%s at '%s': input %d is %s, must be %s",
                            op->info.name, graph->scope, k, duet_dtype_name(have),
                            duet_dtype_name(want));
            return false;
        }
    }
    return true;
}

void duet_graph_add(duet_graph *graph, const duet_op *op, const void *attr, const duet_value *in,
                    duet_value *out) {
    for (int k = 0; k < op->outputs; k++) out[k] = DUET_NONE;
    if (graph->status != DUET_OK || !check_inputs(graph, op, in)) return;
    duet_node node = {
        .op = op, .scope = keep_text(graph, graph->scope), .gradient = graph->differentiating};
    const size_t attr_size = op->info.params.options_size;
    node.attr = duet_arena_alloc(graph->arena, 1, attr_size > 0 ? attr_size : 1);
    if (!adopt(graph, duet_arena_status(graph->arena))) return;
    if (attr_size > 0) memcpy(node.attr, attr, attr_size);
    for (int k = 0; k < DUET_MAX_INPUTS; k++) node.in[k] = k < op->inputs ? in[k] : DUET_NONE;
    for (int k = 0; k < DUET_MAX_OUTPUTS; k++) node.out[k] = DUET_NONE;
    duet_call call;
    duet_graph_call(graph, &node, ~0u, &call);
    if (!adopt(graph, op->shape(&call))) return;
    for (int k = 0; k < op->outputs; k++) {
        const duet_value_info info = {.kind = DUET_VALUE_NODE,
                                      .arg = call.out[k],
                                      .source = (int32_t)graph->node_count,
                                      .port = k};
        node.out[k] = add_value(graph, &info);
    }
    if (!adopt(graph, duet_grow(&graph->nodes, &graph->node_capacity, graph->node_count + 1,
                                sizeof *graph->nodes)))
        return;
    graph->nodes[graph->node_count++] = node;
    for (int k = 0; k < op->outputs; k++) out[k] = node.out[k];
}
