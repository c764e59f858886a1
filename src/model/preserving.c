/* SPDX-License-Identifier: MIT
 * model/preserving.c: see preserving.h. */
#include "model/preserving.h"

#include <math.h>

static const duet_init normal = {.kind = DUET_INIT_NORMAL, .scale = 1.0};

static duet_value weight(duet_graph *g, int rank, const int64_t *dims, double gain) {
    int64_t fan_in = 1;
    for (int i = 1; i < rank; i++) fan_in *= dims[i];
    const duet_value w = duet_parameter(g, "weight", DUET_WEIGHT, normal, rank, dims);
    duet_keep_unit(g, w);
    return duet_rms_norm(g, w, rank - 1, DUET_PRESERVING_EPS, gain / sqrt((double)fan_in));
}

duet_value duet_preserving_conv2d(duet_graph *g, const char *name, duet_value x, int64_t out,
                                  int64_t kernel, double gain) {
    const size_t mark = duet_scope_push(g, "%s", name);
    const duet_value w = weight(g, 4, (int64_t[]){out, duet_dim(g, x, -1), kernel, kernel}, gain);
    const duet_value y = duet_conv2d(g, x, w, DUET_NONE, 1, kernel / 2);
    duet_scope_pop(g, mark);
    return y;
}

duet_value duet_preserving_linear(duet_graph *g, const char *name, duet_value x, int64_t out,
                                  double gain) {
    const size_t mark = duet_scope_push(g, "%s", name);
    const duet_value w = weight(g, 2, (int64_t[]){out, duet_dim(g, x, -1)}, gain);
    const duet_value y = duet_linear(g, x, w, DUET_NONE);
    duet_scope_pop(g, mark);
    return y;
}

duet_value duet_preserving_embedding(duet_graph *g, const char *name, duet_value labels,
                                     int64_t rows, int64_t dim) {
    const size_t mark = duet_scope_push(g, "%s", name);
    const duet_value table =
        duet_parameter(g, "weight", DUET_WEIGHT, normal, 2, (int64_t[]){rows, dim});
    duet_keep_unit(g, table);
    const duet_value y =
        duet_rms_norm(g, duet_embedding(g, table, labels), 1, DUET_PRESERVING_EPS, 1.0);
    duet_scope_pop(g, mark);
    return y;
}

duet_value duet_preserving_gain(duet_graph *g, const char *name) {
    const duet_init init = {.kind = DUET_INIT_ZERO, .random_scale = 1.0};
    return duet_parameter(g, name, DUET_WEIGHT, init, 1, (int64_t[]){1});
}

duet_value duet_preserving_silu(duet_graph *g, duet_value x) {
    return duet_scale(g, duet_silu(g, x), 1.0 / 0.596);
}

duet_value duet_preserving_norm(duet_graph *g, duet_value x) {
    return duet_rms_norm(g, x, 1, DUET_PRESERVING_EPS, 1.0);
}

double duet_preserving_keep(double t) {
    return (1.0 - t) / sqrt((1.0 - t) * (1.0 - t) + t * t);
}

double duet_preserving_take(double t) {
    return t / sqrt((1.0 - t) * (1.0 - t) + t * t);
}

duet_value duet_preserving_concat(duet_graph *g, duet_value a, duet_value b) {
    const double A = (double)duet_dim(g, a, -1), B = (double)duet_dim(g, b, -1);
    return duet_concat(g, duet_scale(g, a, sqrt((A + B) / (2.0 * A))),
                       duet_scale(g, b, sqrt((A + B) / (2.0 * B))));
}
