/* SPDX-License-Identifier: MIT
 * model/arch/vit_tokens.h: what architectures of tokens share: norms, blocks, parameters of tokens,
 * tokens as maps. */
#ifndef DUET_MODEL_ARCH_VIT_TOKENS_H
#define DUET_MODEL_ARCH_VIT_TOKENS_H

#include "engine/graph/graph.h"

/* A layer norm of each token of x[B,T,C]. */
duet_value duet_vit_norm(duet_graph *g, const char *name, duet_value x);
typedef struct duet_vit_blocks {
    int64_t heads, hidden;   /* of attention; channels inside the MLP */
    bool layer_scale, gated; /* gains by channel, ls1.gamma and ls2.gamma; the MLP is SwiGLU */
} duet_vit_blocks;
/* Attention and MLP, each behind a norm and added to the tokens x[B,T,C]. */
duet_value duet_vit_block(duet_graph *g, const duet_vit_blocks *how, duet_value x);
/* A parameter [1,n,C] as one vector [n C]. */
duet_value duet_vit_vector(duet_graph *g, const char *name, int64_t n, int64_t C);
/* The tokens of x[B,T,C] from `first` on as a square map, [B,side,side,C]. */
duet_value duet_vit_map(duet_graph *g, duet_value x, int64_t first, int64_t side);

#endif
