/* SPDX-License-Identifier: MIT
 * model/arch/vit_tokens.c: see vit_tokens.h. */
#include "model/arch/vit_tokens.h"

#include "model/nn.h"

/* A group norm with one group on [B T, 1, C]. */
duet_value duet_vit_norm(duet_graph *g, const char *name, duet_value x) {
    const int64_t B = duet_dim(g, x, 0), T = duet_dim(g, x, 1), C = duet_dim(g, x, 2);
    x = duet_nn_group_norm_eps(g, name, duet_reshape(g, x, 3, (int64_t[]){B * T, 1, C}), 1, 1e-6);
    return duet_reshape(g, x, 3, (int64_t[]){B, T, C});
}

static duet_value scaled(duet_graph *g, const duet_vit_blocks *how, const char *name,
                         duet_value x) {
    const duet_init one = {.kind = DUET_INIT_ONE};
    const int64_t C = duet_dim(g, x, -1);
    if (!how->layer_scale) return x;
    return duet_mul(g, x, duet_parameter(g, name, DUET_WEIGHT, one, 1, &C));
}

duet_value duet_vit_block(duet_graph *g, const duet_vit_blocks *how, duet_value x) {
    const int64_t C = duet_dim(g, x, -1), hidden = how->hidden;
    duet_value h = duet_nn_linear(g, "attn.qkv", duet_vit_norm(g, "norm1", x), 3 * C, 0, false);
    h = duet_nn_linear(g, "attn.proj", duet_attention(g, h, how->heads, false), C, 0, false);
    x = duet_add(g, x, scaled(g, how, "ls1.gamma", h));
    h = duet_vit_norm(g, "norm2", x);
    h = duet_nn_linear(g, "mlp.fc1", h, how->gated ? 2 * hidden : hidden, 0, false);
    h = how->gated ? duet_mul(g, duet_silu(g, duet_slice(g, h, 0, hidden)),
                              duet_slice(g, h, hidden, hidden))
                   : duet_gelu(g, h);
    h = duet_nn_linear(g, "mlp.fc2", h, C, 0, false);
    return duet_add(g, x, scaled(g, how, "ls2.gamma", h));
}

duet_value duet_vit_vector(duet_graph *g, const char *name, int64_t n, int64_t C) {
    const duet_init init = {.kind = DUET_INIT_NORMAL, .scale = 0.02};
    return duet_reshape(g, duet_parameter(g, name, DUET_WEIGHT, init, 3, (int64_t[]){1, n, C}), 1,
                        (int64_t[]){n * C});
}

duet_value duet_vit_map(duet_graph *g, duet_value x, int64_t first, int64_t side) {
    const int64_t B = duet_dim(g, x, 0), T = duet_dim(g, x, 1), C = duet_dim(g, x, 2);
    x = duet_slice(g, duet_reshape(g, x, 2, (int64_t[]){B, T * C}), first * C, side * side * C);
    return duet_reshape(g, x, 4, (int64_t[]){B, side, side, C});
}
