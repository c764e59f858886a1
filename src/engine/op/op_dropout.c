/* SPDX-License-Identifier: MIT
 * engine/op/op_dropout.c: y = x * m / (1 - p). The mask of element e of sample id: m = [u >= p] with u the uniform number e of
 * the Philox stream with key (seed + 0x9e3779b97f4a7c15 (stream + 1)) and index (step << 32 | id); nothing is stored, so the
 * gradient (the same op on dy), a recompute and other splits of the batch replay the same draw. */
#include "base/hash.h"
#include "base/rng.h"
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "sample_id"};
    const duet_dropout_attr *attr = call->attr;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 1, DUET_MAX_RANK));
    DUET_TRY(duet_op_want(call, 1, "sample_id", 1, (int64_t[]){call->in[0].shape.dim[0]}));
    if (!(attr->p >= 0 && attr->p < 1)) return duet_op_fail(call, "p is %g, must be in [0, 1)", attr->p);
    return duet_op_out_shape(call, 0, &call->in[0].shape);
}

static void reference(const duet_run *run) {
    const duet_dropout_attr *attr = run->call->attr;
    const int64_t B = run->call->in[0].shape.dim[0], size = duet_shape_count(&run->call->in[0].shape) / B;
    const float *x = run->in[0], gain = (float)(1.0 / (1.0 - attr->p));
    const int32_t *id = run->in[1];
    float *y = run->out[0];
    for (int64_t b = 0; b < B; b++) {
        const duet_rng rng = {.key = run->seed + 0x9e3779b97f4a7c15u * ((uint64_t)attr->stream + 1),
                              .index = run->step << 32 | (uint32_t)id[b]};
        for (int64_t e = 0; e < size; e++)
            y[b * size + e] = duet_rng_uniform(rng, (uint64_t)e) >= attr->p ? x[b * size + e] * gain : 0.0f;
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out, const duet_value *dout, duet_value *din) {
    (void)out;
    if (dout[0] != DUET_NONE) din[0] = duet_op_apply(g, &duet_op_dropout, attr, dout[0], in[1], DUET_NONE);
}

duet_value duet_dropout(duet_graph *g, duet_value x, duet_value sample_id, double p) {
    if (p == 0) return x;
    const duet_dropout_attr attr = {.p = p, .stream = (int64_t)(duet_hash_text(g->scope, 0) >> 1)};
    return duet_op_apply(g, &duet_op_dropout, &attr, x, sample_id, DUET_NONE);
}

static const duet_param params[] = {
    DUET_FLOAT(duet_dropout_attr, p, "0.1", 0, 0.99, "probability to drop"),
    DUET_INT(duet_dropout_attr, stream, "0", 0, 0, "hash of the scope"),
};

static const duet_op_case cases[] = {
    {.attr = "p=0.5,stream=7", .in = {DUET_SHAPE_OF(1, 1), DUET_SHAPE_OF(1)}, .labels = 5},
    {.attr = "p=0.1,stream=3", .in = {DUET_SHAPE_OF(3, 5, 4, 6), DUET_SHAPE_OF(3)}, .labels = 100},
};

const duet_op duet_op_dropout = {
    .info = {.name = "dropout", .help = "zeros with probability p, else x / (1 - p)", .params = DUET_TABLE(params, duet_dropout_attr)},
    .inputs = 2, .required = 2, .outputs = 1, .i32_inputs = 1u << 1, .random = true, .in_place = 1u << 0,
    .shape = check_shape, .reference = reference, .grad = gradient, .cases = cases, .case_count = DUET_COUNT(cases)};
