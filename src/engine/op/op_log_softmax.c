/* SPDX-License-Identifier: MIT
 * engine/op/op_log_softmax.c: y[r,c] = x[r,c] - m - log(sum over j of exp(x[r,j] - m)), m = the
 * largest of row r: the logarithm of softmax without its underflow. The gradient reads y. */
#include "engine/op/formula.h"
#include "engine/op/op_list.h"

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"x"};
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "x", 1, DUET_MAX_RANK));
    return duet_op_out_shape(call, 0, &call->in[0].shape);
}

static void reference(const duet_run *run) {
    const int64_t rows = duet_op_rows(&run->call->in[0].shape),
                  size = duet_op_last(&run->call->in[0].shape);
    const float *x = run->in[0]; /* […,C] */
    float *y = run->out[0];      /* […,C]; may be x */
    for (int64_t r = 0; r < rows; r++) {
        const float *from = x + r * size;
        double peak = 0.0;
        const double total = duet_row_total(&peak, from, size);
        const double level = peak + log(total);
        for (int64_t c = 0; c < size; c++) y[r * size + c] = (float)((double)from[c] - level);
    }
}

static void gradient(duet_graph *g, const void *attr, const duet_value *in, const duet_value *out,
                     const duet_value *dout, duet_value *din) {
    (void)attr, (void)in;
    if (dout[0] != DUET_NONE) din[0] = duet_log_softmax_grad(g, out[0], dout[0]);
}

static double count_flops(const duet_call *call) {
    return 5.0 * (double)duet_shape_count(&call->in[0].shape);
}

duet_value duet_log_softmax(duet_graph *g, duet_value x) {
    return duet_op_apply(g, &duet_op_log_softmax, NULL, x, DUET_NONE, DUET_NONE);
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(5)}},           {.in = {DUET_SHAPE_OF(3, 1)}},
    {.in = {DUET_SHAPE_OF(3, 7)}},        {.in = {DUET_SHAPE_OF(2, 5, 33)}},
    {.in = {DUET_SHAPE_OF(3, 7, 7, 48)}},
};

const duet_op duet_op_log_softmax = {.info = {.name = "log_softmax",
                                              .help = "x - log(sum of exp(x)) along the last axis",
                                              .params = DUET_TABLE_EMPTY},
                                     .inputs = 1,
                                     .required = 1,
                                     .outputs = 1,
                                     .in_place = 1u << 0,
                                     .shape = check_shape,
                                     .reference = reference,
                                     .grad = gradient,
                                     .flops = count_flops,
                                     .cases = cases,
                                     .case_count = DUET_COUNT(cases)};
