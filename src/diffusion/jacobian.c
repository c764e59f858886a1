/* SPDX-License-Identifier: MIT
 * diffusion/jacobian.c: one graph: the raw output F, and the gradient by x of sum(v F). With eps =
 * eps_x x + eps_raw F(in_scale x) follows v^T J v = eps_x v^T v + eps_raw in_scale v^T (dF)^T v. */
#include "diffusion/jacobian.h"

#include <string.h>

#include "base/choice.h"
#include "base/error.h"
#include "base/mem.h"
#include "diffusion/slope.h"
#include "engine/op/ops.h"

struct duet_jacobian {
    duet_model *model;
    duet_noise *noise;
    duet_choice predict;
    int64_t batch, image;
    duet_network *network;
    float *direction; /* [batch,image] */
    duet_value outputs[2];
};

static duet_status gradient(duet_graph *g, duet_value raw, void *user, const duet_value **out,
                            int64_t *count) {
    duet_jacobian *j = user;
    const duet_arch_shape *const shape = &j->model->shape;
    const duet_value v = duet_input(
                         g, "direction", DUET_F32, 4,
                         (int64_t[]){j->batch, shape->size, shape->size, shape->in_channels}),
                     f = shape->out_channels > shape->in_channels
                             ? duet_slice(g, raw, 0, shape->in_channels)
                             : raw;
    *out = j->outputs;
    *count = 2;
    return duet_slope_by_x(g, duet_reduce(g, duet_mul(g, f, v), "sum", 0, NULL), raw, j->outputs);
}

static duet_status open(duet_context *ctx, duet_jacobian *j) {
    const duet_arch_shape *const shape = &j->model->shape;
    const duet_card *const card = duet_model_card(j->model);
    const duet_network_spec spec = {
        .batch = j->batch, .outputs = gradient, .user = j, .differentiated = true};
    j->image = shape->size * shape->size * shape->in_channels;
    DUET_TRY(duet_model_check(j->model, DUET_DENOISES));
    DUET_TRY(duet_noise_new(&j->noise, card->noise));
    DUET_TRY(duet_choice_parse(&j->predict, &duet_family_predict, card->predict));
    DUET_TRY(duet_network_open(ctx, &j->network, j->model, &spec));
    j->direction = duet_network_input(j->network, "direction");
    if (duet_network_in(j->network)->self_cond == NULL) return DUET_OK;
    return duet_fail(DUET_UNSUPPORTED, "the network looks at its own last prediction, so it is no "
                                       "function of the noisy image alone");
}

duet_status duet_jacobian_open(duet_context *ctx, duet_jacobian **out, duet_model *model,
                               int64_t batch) {
    duet_jacobian *j = NULL;
    DUET_TRY(duet_alloc(&j, 1, sizeof *j));
    *j = (duet_jacobian){.model = model, .batch = batch};
    const duet_status status = open(ctx, j);
    if (status == DUET_OK)
        *out = j;
    else
        duet_jacobian_close(j);
    return status;
}

void duet_jacobian_close(duet_jacobian *jacobian) {
    if (jacobian == NULL) return;
    duet_network_close(jacobian->network);
    duet_noise_free(jacobian->noise);
    duet_release(jacobian);
}

const duet_noise *duet_jacobian_noise(const duet_jacobian *jacobian) {
    return jacobian->noise;
}

duet_status duet_jacobian_run(duet_jacobian *jacobian, const float *x, const float *v,
                              duet_level level, const int32_t *labels, int64_t rows, float *eps,
                              double *divergence) {
    duet_jacobian *j = jacobian;
    const duet_network_inputs *const in = duet_network_in(j->network);
    const duet_arch_shape *const shape = &j->model->shape;
    const int64_t cells = rows * j->image, pad = (j->batch - rows) * j->image;
    duet_level_feed(in, x, level, rows, j->batch, j->image);
    memcpy(j->direction, v, (size_t)cells * sizeof(float));
    memset(j->direction + cells, 0, (size_t)pad * sizeof(float));
    DUET_TRY(duet_network_set_labels(j->network, labels, rows));
    DUET_TRY(duet_network_run(j->network));
    const duet_predict_map map = duet_predict_of(j->predict.entry)->map(&j->predict.options, level);
    const float *const slope = duet_network_out(j->network, 0), *const raw =
                                                                    duet_network_out(j->network, 1);
    duet_predict_decode(&map, raw, shape->out_channels, x, cells / shape->in_channels,
                        shape->in_channels, NULL, eps);
    for (int64_t r = 0; r < rows; r++) {
        double own = 0, through = 0;
        for (int64_t i = r * j->image; i < (r + 1) * j->image; i++) {
            own += (double)v[i] * (double)v[i];
            through += (double)v[i] * (double)slope[i];
        }
        divergence[r] = map.eps_x * own + map.eps_raw * level.in_scale * through;
    }
    return DUET_OK;
}
