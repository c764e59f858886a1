/* SPDX-License-Identifier: MIT
 * diffusion/slope.c: one graph: the network up to the head, minus the sum of the log-probabilities
 * of the asked classes, and its gradient by x. Rows do not depend on each other, so that the
 * gradient of the sum is that of each row. */
#include "diffusion/slope.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/op/ops.h"
#include "model/network.h"

struct duet_slope {
    duet_model *model;
    duet_slope_head head; /* tap 0: the model's own classifier */
    int64_t batch, image, dim;
    duet_network *network;
    float *wanted; /* [batch,classes] 1 at the asked class */
    float *weight, *bias;
    float *out;            /* [batch,image] */
    duet_value tap;        /* while the graph is built */
    duet_value outputs[2]; /* gradient by x, loss */
};

static duet_value on_tap(duet_graph *graph, const duet_tap_info *tap, duet_value x, void *user) {
    duet_slope *s = user;
    (void)graph;
    if (tap->block == s->head.tap) s->tap = x;
    return x;
}

static duet_value head_logits(duet_slope *s, duet_graph *g) {
    const duet_value f =
        duet_reshape(g, duet_adaptive_pool(g, s->tap, s->head.pool), 2, (int64_t[]){s->batch, -1});
    s->dim = duet_dim(g, f, 1);
    const duet_value w = duet_input(g, "weight", DUET_F32, 2, (int64_t[]){s->head.classes, s->dim}),
                     b = duet_input(g, "bias", DUET_F32, 1, &s->head.classes);
    return duet_add_bias(g, duet_matmul(g, f, w, false, true), b);
}

duet_status duet_slope_by_x(duet_graph *graph, duet_value loss, duet_value also,
                            duet_value out[2]) {
    const duet_value x = duet_graph_input(graph, "x"), keep[] = {loss, also};
    DUET_TRY(duet_graph_status(graph));
    DUET_TRY(duet_pass_run(graph, "fuse", keep, 2));
    DUET_TRY(duet_grad(graph, loss, &x, 1, out));
    out[1] = also;
    return duet_graph_status(graph);
}

static duet_status gradient(duet_graph *g, duet_value raw, void *user, const duet_value **out,
                            int64_t *count) {
    duet_slope *s = user;
    if (s->head.tap > 0 && s->tap == DUET_NONE)
        return duet_fail(DUET_ARG, "the model has no tap %lld", (long long)s->head.tap);
    const duet_value logits =
        s->head.tap > 0 ? head_logits(s, g) : duet_reshape(g, raw, 2, (int64_t[]){s->batch, -1});
    DUET_TRY(duet_graph_status(g));
    s->head.classes = duet_dim(g, logits, 1);
    const duet_value wanted =
        duet_input(g, "wanted", DUET_F32, 2, (int64_t[]){s->batch, s->head.classes});
    const duet_value loss =
        duet_reduce(g, duet_mul(g, duet_log_softmax(g, logits), wanted), "sum", 0, NULL);
    *out = s->outputs;
    *count = 2;
    return duet_slope_by_x(g, loss, loss, s->outputs);
}

static duet_status open(duet_context *ctx, duet_slope *s) {
    static const duet_ability classifies = DUET_CLASSIFIES;
    const duet_arch_shape *const shape = &s->model->shape;
    const duet_network_spec spec = {.batch = s->batch,
                                    .part = s->head.tap > 0 ? NULL : &classifies,
                                    .tap = on_tap,
                                    .outputs = gradient,
                                    .user = s,
                                    .differentiated = true};
    s->image = shape->size * shape->size * shape->in_channels;
    s->tap = DUET_NONE;
    DUET_TRY(duet_network_open(ctx, &s->network, s->model, &spec));
    s->wanted = duet_network_input(s->network, "wanted");
    s->weight = duet_network_input(s->network, "weight");
    s->bias = duet_network_input(s->network, "bias");
    return duet_alloc(&s->out, s->batch * s->image, sizeof *s->out);
}

duet_status duet_slope_open(duet_context *ctx, duet_slope **out, duet_model *model, int64_t batch,
                            const duet_slope_head *head) {
    duet_slope *s = NULL;
    DUET_TRY(duet_alloc(&s, 1, sizeof *s));
    *s = (duet_slope){.model = model, .batch = batch};
    if (head != NULL) s->head = *head;
    const duet_status status = open(ctx, s);
    if (status == DUET_OK)
        *out = s;
    else
        duet_slope_close(s);
    return status;
}

void duet_slope_close(duet_slope *slope) {
    if (slope == NULL) return;
    duet_network_close(slope->network);
    duet_release(slope->out);
    duet_release(slope);
}

int64_t duet_slope_classes(const duet_slope *slope) {
    return slope->head.classes;
}

int64_t duet_slope_dim(const duet_slope *slope) {
    return slope->dim;
}

void duet_slope_set(duet_slope *slope, const float *weight, const float *bias) {
    memcpy(slope->weight, weight,
           (size_t)(slope->head.classes * slope->dim) * sizeof *slope->weight);
    memcpy(slope->bias, bias, (size_t)slope->head.classes * sizeof *slope->bias);
}

/* The network sees in_scale x_t, so that the gradient by x_t is in_scale times that by its input.
 */
duet_status duet_slope_run(duet_slope *slope, const float *x, duet_level level,
                           const int32_t *labels, int64_t rows, const float **out) {
    duet_slope *s = slope;
    const duet_network_inputs *const in = duet_network_in(s->network);
    const int64_t cells = rows * s->image;
    duet_level_feed(in, x, level, rows, s->batch, s->image);
    if (in->y != NULL) memset(in->y, 0, (size_t)s->batch * sizeof *in->y);
    memset(s->wanted, 0, (size_t)(s->batch * s->head.classes) * sizeof *s->wanted);
    for (int64_t r = 0; r < rows; r++) s->wanted[r * s->head.classes + labels[r]] = 1.0F;
    DUET_TRY(duet_network_run(s->network));
    const float *const slope_in = duet_network_out(s->network, 0);
    for (int64_t i = 0; i < cells; i++) s->out[i] = (float)level.in_scale * slope_in[i];
    *out = s->out;
    return DUET_OK;
}

double duet_slope_sum(const duet_slope *slope) {
    return (double)*duet_network_out(slope->network, 1);
}
