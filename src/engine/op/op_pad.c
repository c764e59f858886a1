/* SPDX-License-Identifier: MIT
 * engine/op/op_pad.c: zeros around x[B,H,W,C]: y[b,i,j,c] = x[b, i - top, j - left, c] where that
 * is there, else 0. Negative numbers cut. Gradient: the same with opposite numbers. */
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    const duet_pad_attr *a = call->attr;
    const int64_t *x = call->in[0].shape.dim, most = 1 << 20;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 4, 4));
    const int64_t numbers[] = {a->top, a->bottom, a->left, a->right};
    for (int i = 0; i < 4; i++) {
        if (numbers[i] < -most || numbers[i] > most)
            return duet_op_fail(call, "a border of %lld is impossible", (long long)numbers[i]);
    }
    const int64_t height = x[1] + a->top + a->bottom, width = x[2] + a->left + a->right;
    if (height < 1 || width < 1)
        return duet_op_fail(call, "nothing is left of %lldx%lld", (long long)x[1], (long long)x[2]);
    return duet_op_out(call, 0, 4, (int64_t[]){x[0], height, width, x[3]});
}

static void reference(const duet_run *run) {
    const duet_pad_attr *a = run->call->attr;
    const int64_t *xd = run->call->in[0].shape.dim, *yd = run->call->out[0].shape.dim;
    const float *x = run->in[0]; /* [B,H,W,C] */
    float *y = run->out[0];
    for (int64_t b = 0; b < yd[0]; b++) {
        for (int64_t i = 0; i < yd[1]; i++) {
            for (int64_t j = 0; j < yd[2]; j++) {
                const int64_t row = i - a->top, column = j - a->left;
                const bool inside = row >= 0 && row < xd[1] && column >= 0 && column < xd[2];
                for (int64_t c = 0; c < yd[3]; c++) {
                    y[((b * yd[1] + i) * yd[2] + j) * yd[3] + c] =
                        inside ? x[((b * xd[1] + row) * xd[2] + column) * xd[3] + c] : 0.0f;
                }
            }
        }
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    const duet_pad_attr *a = attr;
    (void)in, (void)out;
    if (dout[0] != DUET_NONE)
        din[0] = duet_pad(g, dout[0], -a->top, -a->bottom, -a->left, -a->right);
}

duet_value duet_pad(duet_graph *g, duet_value x, int64_t top, int64_t bottom, int64_t left,
                    int64_t right) {
    const duet_pad_attr attr = {.top = top, .bottom = bottom, .left = left, .right = right};
    return duet_op_apply(g, &duet_op_pad, &attr, x, DUET_NONE, DUET_NONE);
}

static const duet_param params[] = {
    DUET_INT(duet_pad_attr, top, "0", -1048576, 1048576,
             "rows of zeros above; negative: rows to cut"),
    DUET_INT(duet_pad_attr, bottom, "0", -1048576, 1048576, "rows below"),
    DUET_INT(duet_pad_attr, left, "0", -1048576, 1048576, "columns on the left"),
    DUET_INT(duet_pad_attr, right, "0", -1048576, 1048576, "columns on the right"),
};

static const duet_op_case cases[] = {
    {.attr = "top=0,bottom=1,left=0,right=1", .in = {DUET_SHAPE_OF(2, 4, 6, 5)}},
    {.attr = "top=2,bottom=0,left=1,right=3", .in = {DUET_SHAPE_OF(1, 3, 2, 16)}},
    {.attr = "top=-1,bottom=-1,left=2,right=-3", .in = {DUET_SHAPE_OF(3, 5, 7, 9)}},
};

const duet_op duet_op_pad = {.info = {.name = "pad",
                                      .help = "zeros around [B,H,W,C], or less of it",
                                      .params = DUET_TABLE(params, duet_pad_attr)},
                             .inputs = 1,
                             .required = 1,
                             .outputs = 1,
                             .bf16_inputs = 1u << 0,
                             .bf16_outputs = 1u << 0,
                             .shape = check_shape,
                             .reference = reference,
                             .grad = gradient,
                             .cases = cases,
                             .case_count = DUET_COUNT(cases)};
