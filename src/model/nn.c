/* SPDX-License-Identifier: MIT
 * model/nn.c: layers that own parameters; see nn.h. */
#include "model/nn.h"

#include <math.h>
#include <stdio.h>

#define NORM_MOMENTUM 0.1 /* of running statistics, as in PyTorch */

static duet_init init_of(int64_t fan_in, bool zero) {
    const double bound = 1.0 / sqrt((double)(fan_in > 0 ? fan_in : 1));
    return (duet_init){
        .kind = zero ? DUET_INIT_ZERO : DUET_INIT_UNIFORM, .scale = bound, .random_scale = bound};
}

duet_value duet_nn_conv2d(duet_graph *g, const char *name, duet_value x, int64_t out,
                          int64_t kernel, int64_t stride, int64_t pad, bool zero) {
    const int64_t in = duet_dim(g, x, -1);
    const duet_init init = init_of(in * kernel * kernel, zero);
    const size_t mark = duet_scope_push(g, "%s", name);
    const duet_value w =
        duet_parameter(g, "weight", DUET_WEIGHT, init, 4, (int64_t[]){out, in, kernel, kernel});
    const duet_value b = duet_parameter(g, "bias", DUET_WEIGHT, init, 1, (int64_t[]){out});
    const duet_value y = duet_conv2d(g, x, w, b, stride, pad);
    duet_scope_pop(g, mark);
    return y;
}

duet_value duet_nn_conv2d_plain(duet_graph *g, const char *name, duet_value x, int64_t out,
                                int64_t kernel, int64_t stride, int64_t pad) {
    const int64_t in = duet_dim(g, x, -1);
    const size_t mark = duet_scope_push(g, "%s", name);
    const duet_value w =
        duet_parameter(g, "weight", DUET_WEIGHT, init_of(in * kernel * kernel, false), 4,
                       (int64_t[]){out, in, kernel, kernel});
    const duet_value y = duet_conv2d(g, x, w, DUET_NONE, stride, pad);
    duet_scope_pop(g, mark);
    return y;
}

duet_value duet_nn_conv_transpose2d(duet_graph *g, const char *name, duet_value x, int64_t out,
                                    int64_t kernel, int64_t stride, int64_t pad) {
    const int64_t in = duet_dim(g, x, -1);
    const duet_init init = init_of(out * kernel * kernel, false);
    const size_t mark = duet_scope_push(g, "%s", name);
    const duet_value w =
        duet_parameter(g, "weight", DUET_WEIGHT, init, 4, (int64_t[]){in, out, kernel, kernel});
    const duet_value b = duet_parameter(g, "bias", DUET_WEIGHT, init, 1, (int64_t[]){out});
    const duet_value y = duet_conv_transpose2d(g, x, w, b, stride, pad);
    duet_scope_pop(g, mark);
    return y;
}

duet_value duet_nn_linear(duet_graph *g, const char *name, duet_value x, int64_t out, int ones,
                          bool zero) {
    const int64_t in = duet_dim(g, x, -1);
    const duet_init init = init_of(in, zero);
    const size_t mark = duet_scope_push(g, "%s", name);
    const duet_value w =
        duet_parameter(g, "weight", DUET_WEIGHT, init, 2 + ones, (int64_t[]){out, in, 1, 1});
    const duet_value b = duet_parameter(g, "bias", DUET_WEIGHT, init, 1, (int64_t[]){out});
    const duet_value y = duet_linear(g, x, w, b);
    duet_scope_pop(g, mark);
    return y;
}

duet_value duet_nn_group_norm(duet_graph *g, const char *name, duet_value x, int64_t groups) {
    return duet_nn_group_norm_eps(g, name, x, groups, 1e-5);
}

duet_value duet_nn_group_norm_eps(duet_graph *g, const char *name, duet_value x, int64_t groups,
                                  double eps) {
    const int64_t channels = duet_dim(g, x, -1);
    const size_t mark = duet_scope_push(g, "%s", name);
    const duet_value gamma =
        duet_parameter(g, "weight", DUET_WEIGHT, (duet_init){.kind = DUET_INIT_ONE}, 1, &channels);
    const duet_value beta =
        duet_parameter(g, "bias", DUET_WEIGHT, (duet_init){.kind = DUET_INIT_ZERO}, 1, &channels);
    const duet_value y = duet_group_norm(g, x, gamma, beta, groups, eps);
    duet_scope_pop(g, mark);
    return y;
}

duet_value duet_nn_embedding(duet_graph *g, const char *name, duet_value labels, int64_t rows,
                             int64_t dim) {
    const size_t mark = duet_scope_push(g, "%s", name);
    const duet_init init = {.kind = DUET_INIT_NORMAL, .scale = 1.0};
    const duet_value table =
        duet_parameter(g, "weight", DUET_WEIGHT, init, 2, (int64_t[]){rows, dim});
    const duet_value y = duet_embedding(g, table, labels);
    duet_scope_pop(g, mark);
    return y;
}

/* The state becomes (1 - momentum) state + momentum value. */
static void follow(duet_graph *g, duet_value state, duet_value value, double momentum) {
    duet_assign(g, state,
                duet_add(g, duet_scale(g, state, 1.0 - momentum), duet_scale(g, value, momentum)));
}

/* <name>.weight, .bias, .running_mean, .running_var, each [C] */
static void norm_parameters(duet_graph *g, int64_t C, duet_value out[4]) {
    static const char *const names[] = {"weight", "bias", "running_mean", "running_var"};
    for (int k = 0; k < 4; k++) {
        const duet_init init = {.kind = k == 0 || k == 3 ? DUET_INIT_ONE : DUET_INIT_ZERO};
        out[k] = duet_parameter(g, names[k], k < 2 ? DUET_WEIGHT : DUET_STATISTIC, init, 1, &C);
    }
}

duet_value duet_nn_batch_norm_train(duet_graph *g, const char *name, duet_value x, double momentum,
                                    double eps, duet_nn_states states) {
    duet_value p[4], mean = DUET_NONE, var = DUET_NONE, y = DUET_NONE;
    const size_t mark = duet_scope_push(g, "%s", name);
    norm_parameters(g, duet_dim(g, x, -1), p);
    if (states == DUET_NN_STORED)
        y = duet_batch_norm(g, x, p, DUET_NONE, eps, false);
    else
        y = duet_batch_norm_train(g, x, p[0], p[1], eps, &mean, &var);
    if (states == DUET_NN_UPDATE) {
        follow(g, p[2], mean, momentum);
        follow(g, p[3], var, momentum);
    }
    duet_scope_pop(g, mark);
    return y;
}

duet_value duet_nn_batch_norm(duet_graph *g, const char *name, duet_value x, duet_value residual,
                              double eps, bool relu, duet_nn_states states) {
    duet_value p[4];
    if (states == DUET_NN_STORED) {
        const size_t mark = duet_scope_push(g, "%s", name);
        norm_parameters(g, duet_dim(g, x, -1), p);
        x = duet_batch_norm(g, x, p, residual, eps, relu);
        duet_scope_pop(g, mark);
        return x;
    }
    x = duet_nn_batch_norm_train(g, name, x, NORM_MOMENTUM, eps, states);
    if (residual != DUET_NONE) x = duet_add(g, x, residual);
    return relu ? duet_relu(g, x) : x;
}

/* Not yet assigned to in this graph. */
static bool is_content(const duet_graph *g, duet_value state) {
    return state != DUET_NONE && g->values[state].kind == DUET_VALUE_PARAM;
}

duet_value duet_nn_spectral_weight(duet_graph *g, const char *name, int rank, const int64_t *dims,
                                   duet_nn_states states) {
    char text[3][64];
    int64_t I = 1;
    for (int i = 1; i < rank; i++) I *= dims[i];
    snprintf(text[0], sizeof text[0], "%s_orig", name);
    snprintf(text[1], sizeof text[1], "%s_u", name);
    snprintf(text[2], sizeof text[2], "%s_v", name);
    /* of length 1 on average */
    const duet_init left = {.kind = DUET_INIT_NORMAL, .scale = 1.0 / sqrt((double)dims[0])},
                    right = {.kind = DUET_INIT_NORMAL, .scale = 1.0 / sqrt((double)I)};
    const duet_value w = duet_parameter(g, text[0], DUET_WEIGHT, init_of(I, false), rank, dims);
    duet_value u = duet_parameter(g, text[1], DUET_STATE, left, 1, dims),
               v = duet_parameter(g, text[2], DUET_STATE, right, 1, &I);
    if (states != DUET_NN_STORED && is_content(g, u)) {
        const duet_value old_u = u, old_v = v;
        duet_power_iteration(g, w, old_u, &u, &v);
        if (states == DUET_NN_UPDATE) {
            duet_assign(g, old_u, u);
            duet_assign(g, old_v, v);
        }
    }
    return duet_spectral_divide(g, w, u, v);
}
