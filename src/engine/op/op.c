/* SPDX-License-Identifier: MIT
 * engine/op/op.c: the family of ops, and what shape rules and builders have in common. Messages
 * begin with "<op> at '<scope>': ", so that a wrong checkpoint or configuration is found by the
 * layer's name. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/op/op_list.h"

#define MOST_ELEMENTS (INT64_C(1) << 48)

DUET_FAMILY(op, DUET_OPS, "what a graph's nodes compute");

const duet_op *duet_op_find(const char *name) {
    const duet_entry *const entry = duet_family_find(&duet_family_op, name);
    return entry != NULL ? duet_op_of(entry) : NULL;
}

duet_status duet_op_fail(const duet_call *call, const char *format, ...) {
    char text[384];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (call->scope == NULL || call->scope[0] == '\0')
        return duet_fail(DUET_SHAPE, "%s: %s", call->op->info.name, text);
    return duet_fail(DUET_SHAPE, "%s at '%s': %s", call->op->info.name, call->scope, text);
}

duet_shape duet_shape_make(int rank, const int64_t *dims) {
    duet_shape shape = {.rank = rank < 0 ? 0 : rank > DUET_MAX_RANK ? DUET_MAX_RANK : rank};
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = dims[i];
    return shape;
}

bool duet_op_stores(const duet_op *op, int k, duet_dtype dtype) {
    if ((op->i32_inputs >> k & 1u) != 0) return dtype == DUET_I32;
    return dtype == DUET_F32 ||
           (dtype == DUET_BF16 && ((op->bf16_inputs | op->weight_inputs) >> k & 1u) != 0);
}

bool duet_call_is_bf16(const duet_call *call) {
    for (int k = 0; k < call->inputs; k++) {
        if ((call->op->bf16_inputs >> k & 1u) != 0 && call->has_in[k] &&
            call->in[k].dtype == DUET_BF16)
            return true;
    }
    return false;
}

duet_status duet_op_present(const duet_call *call, int k, const char *name) {
    return k < call->inputs && call->has_in[k] ? DUET_OK
                                               : duet_op_fail(call, "%s is missing", name);
}

/* No empty axis, and so few elements that no product of indices and attributes leaves int64_t. */
static bool is_sound(const duet_shape *shape) {
    int64_t room = MOST_ELEMENTS;
    if (shape->rank < 0 || shape->rank > DUET_MAX_RANK) return false;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 1 || shape->dim[i] > room) return false;
        room /= shape->dim[i];
    }
    return true;
}

duet_status duet_op_check(const duet_call *call, const char *const *names) {
    char text[96];
    for (int k = 0; k < call->op->inputs; k++) {
        if (k < call->op->required) DUET_TRY(duet_op_present(call, k, names[k]));
        if (k >= call->inputs || !call->has_in[k]) continue;
        const duet_arg *arg = &call->in[k];
        if (!duet_op_stores(call->op, k, arg->dtype)) {
            const duet_dtype want = (call->op->i32_inputs >> k & 1u) != 0 ? DUET_I32 : DUET_F32;
            return duet_op_fail(call, "%s is %s, expected %s", names[k],
                                duet_dtype_name(arg->dtype), duet_dtype_name(want));
        }
        if ((call->op->bf16_inputs >> k & 1u) != 0 &&
            (arg->dtype == DUET_BF16) != duet_call_is_bf16(call)) {
            return duet_op_fail(call, "%s is f32, but another activation is bf16", names[k]);
        }
        if (is_sound(&arg->shape)) continue;
        return duet_op_fail(call, "%s %s is empty or too large", names[k],
                            duet_shape_text(&arg->shape, text));
    }
    return DUET_OK;
}

duet_status duet_op_rank(const duet_call *call, int k, const char *name, int least, int most) {
    char text[96];
    const duet_shape *shape = &call->in[k].shape;
    if (!call->has_in[k] || (shape->rank >= least && shape->rank <= most)) return DUET_OK;
    duet_shape_text(shape, text);
    if (least == most) return duet_op_fail(call, "%s is %s, expected rank %d", name, text, least);
    return duet_op_fail(call, "%s is %s, expected a rank from %d to %d", name, text, least, most);
}

duet_status duet_op_want_shape(const duet_call *call, int k, const char *name,
                               const duet_shape *shape) {
    char have[96], want[96];
    if (!call->has_in[k] || duet_shape_equal(&call->in[k].shape, shape)) return DUET_OK;
    duet_shape_text(&call->in[k].shape, have);
    return duet_op_fail(call, "%s is %s, expected %s", name, have, duet_shape_text(shape, want));
}

duet_status duet_op_want(const duet_call *call, int k, const char *name, int rank,
                         const int64_t *dims) {
    const duet_shape shape = duet_shape_make(rank, dims);
    return duet_op_want_shape(call, k, name, &shape);
}

duet_status duet_op_want_rows(const duet_call *call, int k, const char *name,
                              const duet_shape *shape) {
    const duet_shape *have = &call->in[k].shape;
    if (!call->has_in[k]) return DUET_OK;
    if (duet_shape_count(have) == duet_shape_count(shape) &&
        duet_op_last(have) == duet_op_last(shape))
        return DUET_OK;
    return duet_op_want_shape(call, k, name, shape);
}

duet_status duet_op_out_shape(duet_call *call, int k, const duet_shape *shape) {
    char text[96];
    int64_t room = MOST_ELEMENTS;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0 || shape->dim[i] > room) {
            return duet_op_fail(call, "a result of shape %s is impossible",
                                duet_shape_text(shape, text));
        }
        if (shape->dim[i] > 0) room /= shape->dim[i];
    }
    call->out[k].dtype =
        (call->op->bf16_outputs >> k & 1u) != 0 && duet_call_is_bf16(call) ? DUET_BF16 : DUET_F32;
    call->out[k].shape = *shape;
    return DUET_OK;
}

duet_status duet_op_out(duet_call *call, int k, int rank, const int64_t *dims) {
    const duet_shape shape = duet_shape_make(rank, dims);
    return duet_op_out_shape(call, k, &shape);
}

int64_t duet_op_last(const duet_shape *shape) {
    return shape->rank > 0 ? shape->dim[shape->rank - 1] : 1;
}

int64_t duet_op_rows(const duet_shape *shape) {
    int64_t rows = 1;
    for (int i = 0; i + 1 < shape->rank; i++) rows *= shape->dim[i];
    return rows;
}

int64_t duet_op_middle(const duet_shape *shape) {
    int64_t middle = 1;
    for (int i = 1; i + 1 < shape->rank; i++) middle *= shape->dim[i];
    return middle;
}

duet_value duet_op_reshaped(duet_graph *g, duet_value x, duet_value like) {
    const duet_shape shape = duet_value_arg(g, like)->shape;
    return duet_shape_equal(&duet_value_arg(g, x)->shape, &shape)
               ? x
               : duet_reshape(g, x, shape.rank, shape.dim);
}

duet_value duet_op_joined(duet_graph *g, duet_value x, duet_value y) {
    for (int64_t n = g->node_count - 1; n >= 0; n--) {
        const duet_node *node = &g->nodes[n];
        if (!node->dead && node->op == &duet_op_concat && node->in[0] == x && node->in[1] == y)
            return node->out[0];
    }
    return duet_concat(g, x, y);
}

duet_value duet_op_apply(duet_graph *g, const duet_op *op, const void *attr, duet_value a,
                         duet_value b, duet_value c) {
    duet_value in[DUET_MAX_INPUTS], out[DUET_MAX_OUTPUTS];
    for (int k = 0; k < DUET_MAX_INPUTS; k++) in[k] = DUET_NONE;
    for (int k = 0; k < DUET_MAX_OUTPUTS; k++) out[k] = DUET_NONE;
    in[0] = a;
    in[1] = b;
    in[2] = c;
    duet_graph_add(g, op, attr, in, out);
    return out[0];
}

void duet_op_apply_loss(duet_graph *g, const duet_op *op, const void *attr, duet_value a,
                        duet_value b, duet_value *loss, duet_value *per_sample) {
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE};
    duet_graph_add(g, op, attr, (const duet_value[DUET_MAX_INPUTS]){a, b, DUET_NONE}, out);
    if (loss != NULL) *loss = out[0];
    if (per_sample != NULL) *per_sample = out[1];
}
