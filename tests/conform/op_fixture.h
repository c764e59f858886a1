/* SPDX-License-Identifier: MIT
 * tests/conform/op_fixture.h: a tested use of an op with its inputs and what the reference makes of
 * them, and buffers with guard bytes. Values: U(-1,1) or the case's range; i32 inputs 0..labels-1
 * with -1 as each fourth (labels out of range are legal input). Storage: all f32, or activations,
 * weights, or both as bf16. What is expected is always the f32 result of the stored inputs. With
 * bf16 activations a kernel may keep packed weights as bf16: weights are then numbers that bf16 has
 * (8 bits). */
#ifndef DUET_TESTS_OP_FIXTURE_H
#define DUET_TESTS_OP_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/backend/backend.h"
#include "engine/graph/graph.h"
#include "engine/graph/plan.h"

#define GUARD      64
#define GUARD_BYTE 0xA5

/* A buffer between two walls. */
typedef struct guarded {
    uint8_t *block;
    void *data;
    int64_t bytes;
} guarded;

#define DUET_ROUNDED 4u

typedef struct op_fixture {
    const duet_op *op;
    const duet_op_case *use;
    union {
        duet_fill_attr widest; /* the largest of all attribute structs */
        double align;
        unsigned char bytes[2048];
    } attr;
    /* bit 0: activations are bf16; bit 1: weights are; bit 2: all are numbers that bf16 has */
    unsigned stored;
    duet_call call;
    guarded in[DUET_MAX_INPUTS], expect[DUET_MAX_OUTPUTS];
    uint64_t seed, step;
} op_fixture;

static inline guarded guarded_new(int64_t bytes, int fill) {
    guarded g = {.bytes = bytes};
    assert_int_equal(duet_alloc(&g.block, bytes + 2 * GUARD, 1), DUET_OK);
    memset(g.block, GUARD_BYTE, (size_t)bytes + 2 * GUARD);
    g.data = g.block + GUARD;
    memset(g.data, fill, (size_t)bytes);
    return g;
}

static inline bool guarded_intact(const guarded *g) {
    for (int64_t i = 0; g->block != NULL && i < GUARD; i++) {
        if (g->block[i] != GUARD_BYTE || g->block[GUARD + g->bytes + i] != GUARD_BYTE) return false;
    }
    return true;
}

static inline void guarded_free(guarded *g) {
    duet_release(g->block);
    *g = (guarded){0};
}

static inline int64_t arg_bytes(const duet_arg *arg) {
    return duet_shape_count(&arg->shape) * (int64_t)duet_dtype_size(arg->dtype);
}

static inline int64_t arg_count(const duet_arg *arg) {
    return duet_shape_count(&arg->shape);
}

/* Inputs that are parameters of a model: shared by the rows of a batch, and packed by kernels. */
static inline uint32_t param_inputs_of(const duet_op *op) {
    static const struct {
        const char *name;
        uint32_t mask;
    } rows[] = {
        {"conv2d", 6},           {"conv2d_dx", 2},       {"linear", 6},
        {"linear_dx", 2},        {"batch_norm", 30},     {"group_norm", 6},
        {"norm_act", 6},         {"norm_act_grad", 6},   {"embedding", 1},
        {"add_bias", 2},         {"transpose", 1},       {"layer_norm", 6},
        {"batch_norm_train", 6}, {"power_iteration", 1}, {"spectral_divide", 1},
    };
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        if (strcmp(rows[i].name, op->info.name) == 0) return rows[i].mask;
    }
    return 0;
}

/* Inputs that all rows of a batch share: those, and vectors beside a batch. */
static inline uint32_t shared_inputs_of(const op_fixture *f) {
    uint32_t mask = param_inputs_of(f->op);
    for (int k = 1; k < f->op->inputs && f->use->in[0].rank > 1; k++) {
        if (f->use->in[k].rank == 1 && (f->op->i32_inputs >> k & 1u) == 0) mask |= 1u << k;
    }
    return mask;
}

static inline void fill_input(const op_fixture *f, int k, uint64_t draw, void *data) {
    const duet_rng rng = duet_rng_make(20, f->op->info.name, draw * 16 + (uint64_t)k);
    /* Time steps go up to 1000; every other input is of order one. */
    const double scale = strcmp(f->op->info.name, "timestep_embedding") == 0 ? 1000.0 : 1.0;
    const bool within = k == 0 && f->use->low != f->use->high;
    const double low = within ? f->use->low : -1.0, high = within ? f->use->high : 1.0;
    const int64_t count = arg_count(&f->call.in[k]);
    for (int64_t i = 0; i < count; i++) {
        if (f->call.in[k].dtype == DUET_I32) {
            ((int32_t *)data)[i] =
                i % 4 == 3 ? -1
                           : (int32_t)duet_rng_below(rng, (uint64_t)i, (uint64_t)f->use->labels);
        } else {
            const double part = duet_rng_uniform(rng, (uint64_t)i);
            float value = (float)(scale * ((high - low) * part + low));
            const duet_dtype dtype = f->call.in[k].dtype;
            if ((f->stored & DUET_ROUNDED) != 0 ||
                (f->stored != 0 && (f->op->weight_inputs >> k & 1u) != 0))
                value = (float)(int)(128.0f * value) / 128.0f;
            duet_convert((uint8_t *)data + (size_t)i * duet_dtype_size(dtype), dtype, &value,
                         DUET_F32, 1);
        }
    }
}

static inline void fixture_attr(op_fixture *f) {
    const duet_param_table *table = &f->op->info.params;
    assert_true(table->options_size <= sizeof f->attr);
    duet_params_default(table, &f->attr);
    if (f->use->attr == NULL || f->use->attr[0] == '\0') return;
    assert_int_equal(duet_params_parse(table, &f->attr, f->op->info.name, f->use->attr), DUET_OK);
}

static inline void fixture_call(op_fixture *f) {
    f->call = (duet_call){.op = f->op,
                          .attr = &f->attr,
                          .scope = "block.0",
                          .inputs = f->op->inputs,
                          .outputs = f->op->outputs};
    for (int k = 0; k < f->op->inputs; k++) {
        f->call.has_in[k] = f->use->in[k].rank >= 0;
        if (!f->call.has_in[k]) continue;
        const bool act = (f->stored & 1u) != 0 && (f->op->bf16_inputs >> k & 1u) != 0;
        const bool weight = (f->stored & 2u) != 0 && (f->op->weight_inputs >> k & 1u) != 0;
        f->call.in[k].dtype = (f->op->i32_inputs >> k & 1u) != 0 ? DUET_I32
                              : act || weight                    ? DUET_BF16
                                                                 : DUET_F32;
        f->call.in[k].shape = f->use->in[k];
    }
    for (int k = 0; k < f->op->outputs; k++) f->call.has_out[k] = true;
}

/* f32 outputs of inputs as they are stored */
static inline void run_reference(const op_fixture *f, const void *const *in, void *const *out) {
    duet_call call = f->call;
    duet_run run = {.call = &call, .seed = f->seed, .step = f->step, .threads = 1};
    guarded copy[DUET_MAX_INPUTS] = {{0}};
    for (int k = 0; k < f->op->inputs; k++) {
        run.in[k] = in[k];
        if (call.in[k].dtype != DUET_BF16) continue;
        copy[k] = guarded_new(4 * arg_count(&call.in[k]), 0);
        duet_convert(copy[k].data, DUET_F32, in[k], DUET_BF16, arg_count(&call.in[k]));
        call.in[k].dtype = DUET_F32;
        run.in[k] = copy[k].data;
    }
    for (int k = 0; k < f->op->outputs; k++) {
        run.out[k] = out[k];
        call.out[k].dtype = DUET_F32;
    }
    if (f->op->reference != NULL) f->op->reference(&run);
    /* an alias */
    else
        memcpy(out[0], run.in[0], (size_t)(4 * arg_count(&call.out[0])));
    for (int k = 0; k < f->op->inputs; k++) guarded_free(&copy[k]);
}

static inline void fixture_open(op_fixture *f, const duet_op *op, int index, unsigned stored) {
    *f = (op_fixture){.op = op, .use = &op->cases[index], .stored = stored, .seed = 7, .step = 3};
    fixture_attr(f);
    fixture_call(f);
    const duet_status status = op->shape(&f->call);
    if (status != DUET_OK) fail_msg("%s case %d: %s", op->info.name, index, duet_error_message());
    const void *in[DUET_MAX_INPUTS] = {0};
    void *out[DUET_MAX_OUTPUTS] = {0};
    for (int k = 0; k < op->inputs; k++) {
        if (!f->call.has_in[k]) continue;
        f->in[k] = guarded_new(arg_bytes(&f->call.in[k]), 0);
        fill_input(f, k, 0, f->in[k].data);
        in[k] = f->in[k].data;
    }
    for (int k = 0; k < op->outputs; k++) {
        f->expect[k] = guarded_new(4 * arg_count(&f->call.out[k]), 0xFF);
        out[k] = f->expect[k].data;
    }
    run_reference(f, in, out);
    for (int k = 0; k < op->outputs; k++) assert_true(guarded_intact(&f->expect[k]));
}

static inline void fixture_close(op_fixture *f) {
    for (int k = 0; k < DUET_MAX_INPUTS; k++) guarded_free(&f->in[k]);
    for (int k = 0; k < DUET_MAX_OUTPUTS; k++) guarded_free(&f->expect[k]);
}

static inline double rms_of(const float *x, int64_t count) {
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
    return count > 0 ? sqrt(sum / (double)count) : 0.0;
}

/* Largest difference over the oracle's RMS, of bf16 beyond its rounding (half a unit of the 8th
 * bit); infinite for NaN. */
static inline double stored_error(const void *have, duet_dtype dtype, const float *want,
                                  int64_t count) {
    const double scale = fmax(rms_of(want, count), 1e-6);
    double worst = 0.0;
    for (int64_t i = 0; i < count; i++) {
        float value = 0.0f;
        duet_convert(&value, DUET_F32, (const uint8_t *)have + (size_t)i * duet_dtype_size(dtype),
                     dtype, 1);
        const double rounding = dtype == DUET_BF16 ? fabs((double)want[i]) / 256.0 : 0.0;
        const double d =
            fmax(fabs((double)value - (double)want[i]) - rounding, isnan(value) ? INFINITY : 0.0) /
            scale;
        if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
    }
    return worst;
}

static inline double error_of(const float *have, const float *want, int64_t count) {
    return stored_error(have, DUET_F32, want, count);
}

/* The case as a graph of one node; inputs are called in0, in1, …; those in `params` are weights. */
static inline void fixture_graph(const op_fixture *f, duet_graph *g, uint32_t params,
                                 duet_value *in, duet_value *out) {
    char name[16];
    for (int k = 0; k < f->op->inputs; k++) {
        in[k] = DUET_NONE;
        if (!f->call.has_in[k]) continue;
        const duet_arg *arg = &f->call.in[k];
        snprintf(name, sizeof name, "in%d", k);
        in[k] = (params >> k & 1u) != 0
                    ? duet_parameter(g, name, DUET_WEIGHT, (duet_init){.kind = DUET_INIT_ZERO},
                                     arg->shape.rank, arg->shape.dim)
                    : duet_input(g, name, arg->dtype, arg->shape.rank, arg->shape.dim);
    }
    if (out != NULL) duet_graph_add(g, f->op, &f->attr, in, out);
}

/* Copies the fixture's inputs into a session and its parameters, as far as the plan reads them. */
static inline void fixture_feed(const op_fixture *f, duet_session *session, duet_slots *slots) {
    char name[16];
    for (int k = 0; k < f->op->inputs; k++) {
        if (!f->call.has_in[k]) continue;
        snprintf(name, sizeof name, "in%d", k);
        const int64_t slot = duet_slots_find(slots, "", name);
        if (slot >= 0 && slots->list[slot].lent == NULL) {
            memcpy(slots->list[slot].own, f->in[k].data, (size_t)f->in[k].bytes);
        } else if (duet_session_has_input(session, name)) {
            assert_int_equal(duet_session_set(session, name, f->in[k].data), DUET_OK);
        }
    }
    duet_slots_touch(slots, -1);
    duet_session_seed(session, f->seed, f->step);
}

typedef void (*case_check)(const op_fixture *f, int index);

static inline void for_each_stored_case(case_check check, unsigned most) {
    for (int i = 0; i < duet_family_op.count; i++) {
        const duet_op *const op = duet_op_of(duet_family_op.entries[i]);
        for (int c = 0; c < op->case_count; c++) {
            for (unsigned stored = 0; stored <= most; stored++) {
                if ((stored & 1u) != 0 && op->bf16_inputs == 0) continue;
                if ((stored & 2u) != 0 && op->weight_inputs == 0) continue;
                if ((stored & DUET_ROUNDED) != 0 && ((stored & 1u) != 0 || op->weight_inputs == 0))
                    continue;
                op_fixture f;
                fixture_open(&f, op, c, stored);
                check(&f, c);
                fixture_close(&f);
            }
        }
    }
}

static inline void for_each_case(case_check check) {
    for_each_stored_case(check, 0);
}

#endif
