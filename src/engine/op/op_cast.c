/* SPDX-License-Identifier: MIT
 * engine/op/op_cast.c: the same values in another storage, rounded to nearest even. Made by the
 * pass `bf16`, which comes after the gradient: it has none. */
#include <string.h>

#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    const duet_cast_attr *attr = call->attr;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_out_shape(call, 0, &call->in[0].shape));
    call->out[0].dtype = attr->bf16 ? DUET_BF16 : DUET_F32;
    return DUET_OK;
}

static void reference(const duet_run *run) {
    const duet_call *call = run->call;
    duet_convert(run->out[0], call->out[0].dtype, run->in[0], call->in[0].dtype,
                 duet_shape_count(&call->in[0].shape));
}

static const duet_param params[] = {
    DUET_BOOLEAN(duet_cast_attr, bf16, "true", "to bf16; else to f32"),
};

static const duet_op_case cases[] = {
    {.attr = "bf16=true", .in = {DUET_SHAPE_OF(1)}},
    {.attr = "bf16=true", .in = {DUET_SHAPE_OF(2, 5, 3, 9)}},
    {.attr = "bf16=false", .in = {DUET_SHAPE_OF(3, 7)}},
    {.attr = "bf16=false", .in = {DUET_SHAPE_OF(2, 70, 33, 9)}},
};

const duet_op duet_op_cast = {.info = {.name = "cast",
                                       .help = "x stored as bf16, or as f32 again",
                                       .params = DUET_TABLE(params, duet_cast_attr)},
                              .inputs = 1,
                              .required = 1,
                              .outputs = 1,
                              .bf16_inputs = 1u << 0,
                              .bf16_outputs = 1u << 0,
                              .shape = check_shape,
                              .reference = reference,
                              .cases = cases,
                              .case_count = DUET_COUNT(cases)};
