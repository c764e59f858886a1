/* SPDX-License-Identifier: MIT
 * model/adm_classifier.c: the output layers of guided-diffusion's classifier of noisy images, by
 * its option `pool`:
 *   adaptive    norm, SiLU, mean over the map, 1x1 filter
 *   attention
 *   norm, SiLU; tokens (mean, pixels) + positions [C,T+1]; attention in the order (q|k|v, head, c);
 * the first token's scores spatial     means of all maps side by side, linear to 2048, ReLU, linear
 *   spatial_v2  the same, norm and SiLU for ReLU */
#include "model/adm_classifier.h"

#include <string.h>

#include "model/nn.h"

enum { HIDDEN = 2048 };

static duet_value mean_of(duet_graph *g, duet_value x) {
    return duet_reshape(g, duet_adaptive_pool(g, x, 1), 2,
                        (int64_t[]){duet_dim(g, x, 0), duet_dim(g, x, -1)});
}

static duet_value norm_silu(duet_graph *g, const char *name, duet_value x, int64_t groups) {
    return duet_silu(g, duet_nn_group_norm(g, name, x, groups));
}

static duet_value adaptive(duet_graph *g, const duet_adm_end *end) {
    const duet_value h = norm_silu(g, "0", end->maps[end->count - 1], end->groups);
    return duet_nn_linear(g, "3", mean_of(g, h), end->classes, 2, true);
}

static duet_value attention(duet_graph *g, const duet_adm_end *end) {
    const duet_value h = norm_silu(g, "0", end->maps[end->count - 1], end->groups);
    const int64_t B = duet_dim(g, h, 0), T = duet_dim(g, h, 1) * duet_dim(g, h, 2),
                  C = duet_dim(g, h, -1);
    const size_t mark = duet_scope_push(g, "2");
    const duet_value positions = duet_parameter(
        g, "positional_embedding", DUET_WEIGHT,
        (duet_init){.kind = DUET_INIT_NORMAL, .scale = 0.03}, 2, (int64_t[]){C, T + 1});
    duet_value x = duet_concat(g, mean_of(g, h), duet_reshape(g, h, 2, (int64_t[]){B, T * C}));
    x = duet_add_bias(g, x,
                      duet_reshape(g, duet_transpose(g, positions), 1, (int64_t[]){(T + 1) * C}));
    x = duet_nn_linear(g, "qkv_proj", duet_reshape(g, x, 3, (int64_t[]){B, T + 1, C}), 3 * C, 1,
                       false);
    x = duet_attention(g, x, C / end->head_channels, false);
    x = duet_slice(g, duet_reshape(g, x, 2, (int64_t[]){B, (T + 1) * C}), 0, C);
    x = duet_nn_linear(g, "c_proj", x, end->classes, 1, false);
    duet_scope_pop(g, mark);
    return x;
}

/* -> [B,HIDDEN] */
static duet_value means_of_all(duet_graph *g, const duet_adm_end *end) {
    duet_value all = mean_of(g, end->maps[0]);
    for (int i = 1; i < end->count; i++) all = duet_concat(g, all, mean_of(g, end->maps[i]));
    return duet_nn_linear(g, "0", all, HIDDEN, 0, false);
}

static duet_value spatial(duet_graph *g, const duet_adm_end *end) {
    return duet_nn_linear(g, "2", duet_relu(g, means_of_all(g, end)), end->classes, 0, false);
}

static duet_value spatial_v2(duet_graph *g, const duet_adm_end *end) {
    const duet_value all = means_of_all(g, end);
    const int64_t B = duet_dim(g, all, 0);
    const duet_value h =
        norm_silu(g, "1", duet_reshape(g, all, 3, (int64_t[]){B, 1, HIDDEN}), end->groups);
    return duet_nn_linear(g, "3", duet_reshape(g, h, 2, (int64_t[]){B, HIDDEN}), end->classes, 0,
                          false);
}

duet_value duet_adm_classifier(duet_graph *g, const duet_adm_end *end) {
    static const struct {
        const char *pool;
        duet_value (*build)(duet_graph *, const duet_adm_end *);
    } ends[] = {{"adaptive", adaptive},
                {"attention", attention},
                {"spatial", spatial},
                {"spatial_v2", spatial_v2}};
    const size_t mark = duet_scope_push(g, "out");
    duet_value scores = DUET_NONE;
    for (int i = 0; i < DUET_COUNT(ends); i++)
        if (strcmp(end->pool, ends[i].pool) == 0) scores = ends[i].build(g, end);
    duet_scope_pop(g, mark);
    return scores;
}
