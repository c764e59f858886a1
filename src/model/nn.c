/* SPDX-License-Identifier: MIT
 * model/nn.c: layers that own parameters; see nn.h. */
#include "model/nn.h"

#include <math.h>

#include "engine/op/ops_grad.h"

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
    const int64_t in = duet_dim(g, x, -1),
                  height = (duet_dim(g, x, 1) - 1) * stride - 2 * pad + kernel;
    const int64_t width = (duet_dim(g, x, 2) - 1) * stride - 2 * pad + kernel;
    const duet_init init = init_of(out * kernel * kernel, false);
    const size_t mark = duet_scope_push(g, "%s", name);
    const duet_value w =
        duet_parameter(g, "weight", DUET_WEIGHT, init, 4, (int64_t[]){in, out, kernel, kernel});
    const duet_value b = duet_parameter(g, "bias", DUET_WEIGHT, init, 1, (int64_t[]){out});
    const duet_value y = duet_add_bias(g, duet_conv2d_dx(g, x, w, stride, pad, height, width), b);
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

duet_value duet_nn_batch_norm(duet_graph *g, const char *name, duet_value x, duet_value residual,
                              double eps, bool relu) {
    static const char *const names[] = {"weight", "bias", "running_mean", "running_var"};
    const int64_t C = duet_dim(g, x, -1);
    duet_value statistics[4];
    const size_t mark = duet_scope_push(g, "%s", name);
    for (int k = 0; k < 4; k++) {
        const duet_init init = {.kind = k == 0 || k == 3 ? DUET_INIT_ONE : DUET_INIT_ZERO};
        statistics[k] =
            duet_parameter(g, names[k], k < 2 ? DUET_WEIGHT : DUET_CONSTANT, init, 1, &C);
    }
    const duet_value y = duet_batch_norm(g, x, statistics, residual, eps, relu);
    duet_scope_pop(g, mark);
    return y;
}
