/* SPDX-License-Identifier: MIT
 * engine/op/op_dropout.c: y = keep ? x / (1 - p) : 0 (Srivastava et al. 2014). No mask is stored:
 * whether an element is kept is a pure function of (seed, step, stream, sample_id[b], element),
 * written down in formula.h. So the gradient is the same op on dy, and a recompute, another batch
 * split or another rank draws the same. The stream is the hash of the scope: layers differ, and a
 * model built twice under one name agrees with itself. */
#include "base/hash.h"
#include "engine/op/formula.h"
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "sample_id"};
    const duet_dropout_attr *attr = call->attr;
    const duet_shape *x = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 1, DUET_MAX_RANK));
    DUET_TRY(duet_op_want(call, 1, "sample_id", 1, (int64_t[]){x->dim[0]}));
    if (!(attr->p >= 0.0 && attr->p < 1.0))
        return duet_op_fail(call, "p is %g, expected 0 <= p < 1", attr->p);
    return duet_op_out_shape(call, 0, x);
}

static void reference(const duet_run *run) {
    const duet_dropout_attr *attr = run->call->attr;
    const duet_shape *xs = &run->call->in[0].shape;
    const int64_t size = duet_shape_count(xs) / xs->dim[0]; /* of a sample */
    const uint64_t key = duet_dropout_key(run->seed, attr->stream);
    const uint32_t threshold = duet_dropout_threshold(attr->p);
    const float gain = duet_dropout_gain(attr->p);
    const float *x = run->in[0];           /* [B,…] */
    const int32_t *sample_id = run->in[1]; /* [B] */
    float *y = run->out[0];                /* [B,…] */
    for (int64_t b = 0; b < xs->dim[0]; b++) {
        const uint64_t index = duet_dropout_index(run->step, sample_id[b]);
        for (int64_t e = 0; e < size; e++) {
            uint32_t word[4];
            duet_philox(word, key, index, (uint64_t)e / 4);
            y[b * size + e] = word[e % 4] < threshold ? 0.0f : x[b * size + e] * gain;
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)out;
    if (dout[0] != DUET_NONE)
        din[0] = duet_op_apply(g, &duet_op_dropout, attr, dout[0], in[1],
                               DUET_NONE); /* the same stream */
}

static double count_flops(const duet_call *call) {
    return 20.0 * (double)duet_shape_count(&call->in[0].shape); /* most of it for random numbers */
}

duet_value duet_dropout(duet_graph *g, duet_value x, duet_value sample_id, double p) {
    if (p == 0.0) return x;
    const duet_dropout_attr attr = {.p = p, .stream = (int64_t)duet_hash_text(g->scope, 0)};
    return duet_op_apply(g, &duet_op_dropout, &attr, x, sample_id, DUET_NONE);
}

static const duet_param params[] = {
    DUET_FLOAT(duet_dropout_attr, p, "0", 0, 0.999999, "share of elements set to zero"),
    DUET_INT(duet_dropout_attr, stream, "0", 0, 0, "names the layer's random stream"),
};

static const duet_op_case cases[] = {
    {.attr = "p=0.1,stream=1", .in = {DUET_SHAPE_OF(1, 3, 5, 7), DUET_SHAPE_OF(1)}, .labels = 100},
    {.attr = "p=0.5,stream=-7", .in = {DUET_SHAPE_OF(3, 5, 9), DUET_SHAPE_OF(3)}, .labels = 100},
    {.attr = "p=0.25,stream=123456789", .in = {DUET_SHAPE_OF(5), DUET_SHAPE_OF(5)}, .labels = 100},
    {.attr = "p=0.3,stream=2", .in = {DUET_SHAPE_OF(3, 7, 7, 32), DUET_SHAPE_OF(3)}, .labels = 100},
};

const duet_op duet_op_dropout = {
    .info = {.name = "dropout",
             .help = "zeroes elements with probability p, x[B,…], sample_id i32[B]",
             .params = DUET_TABLE(params, duet_dropout_attr)},
    .inputs = 2,
    .required = 2,
    .outputs = 1,
    .i32_inputs = 1u << 1,
    .random = true,
    .in_place = 1u << 0,
    .bf16_inputs = 1u << 0,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
