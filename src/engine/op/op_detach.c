/* SPDX-License-Identifier: MIT
 * engine/op/op_detach.c: the same values, through which no gradient flows (stop-gradient); no
 * kernel runs, the memory is shared. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    DUET_TRY(duet_op_check(call, names));
    return duet_op_out_shape(call, 0, &call->in[0].shape);
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)g, (void)attr, (void)in, (void)out, (void)dout, (void)din;
}

static double count_flops(const duet_call *call) {
    (void)call;
    return 0.0;
}

duet_value duet_detach(duet_graph *g, duet_value x) {
    return duet_op_apply(g, &duet_op_detach, NULL, x, DUET_NONE, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(2, 3)}}, {.in = {DUET_SHAPE_OF(3, 5, 2, 7)}}, {.in = {DUET_SHAPE_OF(1)}}};

const duet_op duet_op_detach = {
    .info = {.name = "detach", .help = "x without a gradient", .params = DUET_TABLE_EMPTY},
    .inputs = 1,
    .required = 1,
    .outputs = 1,
    .alias = true,
    .constant_inputs = 1u << 0,
    .bf16_inputs = 1u << 0,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .grad = gradient,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
