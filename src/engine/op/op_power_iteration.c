/* SPDX-License-Identifier: MIT
 * engine/op/op_power_iteration.c: one step towards the first singular vectors of W[O,I], the weight
 * with its axes behind the first taken together: v = W^T u / |W^T u|, u' = W v / |W v|, norms of at
 * least 1e-12. No gradient: spectral normalisation takes both vectors as constants (Miyato et al.
 * 2018). */
#include <math.h>

#include "engine/op/op_list.h"

#define LEAST 1e-12
#define CHUNK 64 /* rows at once: the reference has no scratch memory */

static duet_status check_shape(duet_call *call) {
    static const char *const names[] = {"w", "u"};
    const duet_shape *w = &call->in[0].shape;
    DUET_TRY(duet_op_check(call, names));
    DUET_TRY(duet_op_rank(call, 0, "w", 2, DUET_MAX_RANK));
    DUET_TRY(duet_op_want(call, 1, "u", 1, w->dim));
    DUET_TRY(duet_op_out(call, 0, 1, w->dim));
    return duet_op_out(call, 1, 1, (int64_t[]){duet_shape_count(w) / w->dim[0]});
}

/* (W^T u)[i] */
static double across(const float *w, const float *u, int64_t O, int64_t I, int64_t i) {
    double sum = 0.0;
    for (int64_t o = 0; o < O; o++) sum += (double)w[o * I + i] * (double)u[o];
    return sum;
}

static void reference(const duet_run *run) {
    const int64_t O = run->call->in[1].shape.dim[0],
                  I = duet_shape_count(&run->call->in[0].shape) / O;
    const float *w = run->in[0], *u = run->in[1]; /* [O,I], [O] */
    float *next = run->out[0], *v = run->out[1];  /* [O], [I]; NULL where unwanted */
    double square = 0.0;
    for (int64_t i = 0; i < I; i++) square += across(w, u, O, I, i) * across(w, u, O, I, i);
    const double length = fmax(sqrt(square), LEAST);
    for (int64_t i = 0; v != NULL && i < I; i++) v[i] = (float)(across(w, u, O, I, i) / length);
    if (next == NULL) return;
    square = 0.0;
    for (int round = 0; round < 2; round++) { /* first the length, then the vector */
        const double divisor = fmax(sqrt(square), LEAST);
        for (int64_t first = 0; first < O; first += CHUNK) {
            const int64_t count = O - first < CHUNK ? O - first : CHUNK;
            double sum[CHUNK] = {0};
            for (int64_t i = 0; i < I; i++) {
                const double value = across(w, u, O, I, i) / length;
                for (int64_t o = 0; o < count; o++)
                    sum[o] += (double)w[(first + o) * I + i] * value;
            }
            for (int64_t o = 0; o < count; o++) {
                if (round == 0) square += sum[o] * sum[o];
                if (round == 1) next[first + o] = (float)(sum[o] / divisor);
            }
        }
    }
}

static double count_flops(const duet_call *call) {
    return 4.0 * (double)duet_shape_count(&call->in[0].shape);
}

void duet_power_iteration(duet_graph *g, duet_value w, duet_value u, duet_value *next,
                          duet_value *v) {
    duet_value out[DUET_MAX_OUTPUTS] = {DUET_NONE, DUET_NONE};
    duet_graph_add(g, &duet_op_power_iteration, NULL, (const duet_value[DUET_MAX_INPUTS]){w, u},
                   out);
    *next = out[0];
    *v = out[1];
}

static const duet_op_case cases[] = {
    {.in = {DUET_SHAPE_OF(1, 3), DUET_SHAPE_OF(1)}},
    {.in = {DUET_SHAPE_OF(5, 7), DUET_SHAPE_OF(5)}},
    {.in = {DUET_SHAPE_OF(70, 4, 3, 3), DUET_SHAPE_OF(70)}},
};

const duet_op duet_op_power_iteration = {
    .info = {.name = "power_iteration",
             .help = "one step to the first singular vectors: w[O,…], u[O] -> u'[O], v[I]",
             .params = DUET_TABLE_EMPTY},
    .inputs = 2,
    .required = 2,
    .outputs = 2,
    .constant_inputs = 1u << 0 | 1u << 1,
    .shape = check_shape,
    .reference = reference,
    .flops = count_flops,
    .cases = cases,
    .case_count = DUET_COUNT(cases)};
