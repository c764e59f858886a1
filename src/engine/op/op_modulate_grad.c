/* SPDX-License-Identifier: MIT
 * engine/op/op_modulate_grad.c: gradient of modulate.
 *   dx = dy (1 + scale[b,c]);  dscale[b,c] = sum over space of dy x;
 *   dshift[b,c] = sum over space of dy */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x", "scale_shift", "dy"};
    const duet_shape *x = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 2, DUET_MAX_RANK));
    DUET_TRY(duet_op_want(call, 1, "scale_shift", 2, (int64_t[]){x->dim[0], 2 * duet_op_last(x)}));
    DUET_TRY(duet_op_want_shape(call, 2, "dy", x));
    DUET_TRY(duet_op_out_shape(call, 0, x));
    return duet_op_out_shape(call, 1, &call->in[1].shape);
}

static void reference(const duet_run *run) {
    const duet_shape *xs = &run->call->in[0].shape;
    const int64_t space = duet_op_middle(xs), channels = duet_op_last(xs);
    const float *x = run->in[0], *scale_shift = run->in[1],
                *dy = run->in[2];                         /* [B,…,C], [B,2C], [B,…,C] */
    float *dx = run->out[0], *dscale_shift = run->out[1]; /* [B,…,C], [B,2C]; NULL where unwanted */
    for (int64_t b = 0; b < xs->dim[0]; b++) {
        for (int64_t c = 0; c < channels; c++) {
            const double scale = 1.0 + (double)scale_shift[b * 2 * channels + c];
            double product = 0.0, sum = 0.0;
            for (int64_t i = 0; i < space; i++) {
                const int64_t e = (b * space + i) * channels + c;
                product += (double)dy[e] * (double)x[e];
                sum += (double)dy[e];
                if (dx != NULL) dx[e] = (float)((double)dy[e] * scale);
            }
            if (dscale_shift == NULL) continue;
            dscale_shift[b * 2 * channels + c] = (float)product;
            dscale_shift[b * 2 * channels + channels + c] = (float)sum;
        }
    }
}

static double count_flops(const duet_call *call) {
    return 4.0 * (double)duet_shape_count(&call->in[0].shape);
}

void duet_modulate_grad(duet_graph *g, duet_value x, duet_value scale_shift, duet_value dy,
                        duet_value *dx, duet_value *dscale_shift) {
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_modulate_grad, NULL,
                   (const duet_value[DUET_MAX_INPUTS]){x, scale_shift, dy}, out);
    *dx = out[0];
    *dscale_shift = out[1];
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 3, 5, 7), DUET_SHAPE_OF(1, 14), DUET_SHAPE_OF(1, 3, 5, 7)}},
    {.in = {DUET_SHAPE_OF(3, 5, 16), DUET_SHAPE_OF(3, 32), DUET_SHAPE_OF(3, 5, 16)}},
    {.in = {DUET_SHAPE_OF(2, 1), DUET_SHAPE_OF(2, 2), DUET_SHAPE_OF(2, 1)}},
    {.in = {DUET_SHAPE_OF(3, 7, 7, 32), DUET_SHAPE_OF(3, 64), DUET_SHAPE_OF(3, 7, 7, 32)}},
};

const duet_op duet_op_modulate_grad = {
    .info = {.name = "modulate_grad",
             .help = "gradient of modulate: x, scale_shift[B,2C], dy -> dx, dscale_shift",
             .params = DUET_TABLE_EMPTY},
    .inputs = 3,
    .required = 3,
    .outputs = 2,
    .grad_only = true,
    .bf16_inputs = 1u << 0 | 1u << 2,
    .bf16_outputs = 1u << 0,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
