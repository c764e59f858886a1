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
