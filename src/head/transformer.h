/* SPDX-License-Identifier: MIT
 * head/transformer.h: what heads of attention share: maps become tokens, a class token reads them
 * through pre-norm blocks. As in diffssl's heads (2307.08702: AttentionHead; 2311.17921: a norm and
 * a 1x1 convolution per block of the U-Net). */
#ifndef DUET_HEAD_TRANSFORMER_H
#define DUET_HEAD_TRANSFORMER_H

#include "head/graph_head.h"

typedef struct duet_transformer {
    duet_graph_fit fit;
    int64_t width, blocks, heads, ratio;
    char tokens[16];
    bool positions;
    double dropout;
} duet_transformer;

#define DUET_TRANSFORMER_ROWS(blocks_)                                                             \
    DUET_INT(duet_transformer, width, "128", 0, 16384,                                             \
             "channels of a token; 0 = those of the first map"),                                   \
        DUET_INT(duet_transformer, blocks, blocks_, 1, 16, "blocks of the transformer"),           \
        DUET_INT(duet_transformer, heads, "4", 1, 1024, "heads of attention"),                     \
        DUET_INT(duet_transformer, ratio, "2", 1, 16, "hidden channels of a block's MLP / width"), \
        DUET_TEXT(duet_transformer, tokens, "linear", "linear|layer|batch|plain",                  \
                  "maps to tokens: a 1x1 convolution, behind a layer or batch norm, or none"),     \
        DUET_BOOLEAN(duet_transformer, positions, "true", "learnt positions of the tokens"),       \
        DUET_FLOAT(duet_transformer, dropout, "0.1", 0, 0.95,                                      \
                   "share of tokens' values and of what blocks add left out")
#define DUET_TRANSFORMER_FIRST(type)                                                        \
    _Static_assert(offsetof(type, transformer) == 0, "options of heads of attention begin " \
                                                     "with a duet_transformer")

/* Tokens of map i, [B, side^2, W]. Maps of the same tap and size at several levels share what makes
 * tokens of them. */
duet_value duet_transformer_tokens(duet_graph *graph, const duet_head *head, int i, duet_value x,
                                   duet_value sample_id);
/* a[B,S,W] and b[B,T,W] -> [B,S+T,W]; a may be DUET_NONE. */
duet_value duet_transformer_join(duet_graph *graph, duet_value a, duet_value b);
/* What the class token is in the end: [B,W]. Called again it is the same transformer. */
duet_value duet_transformer_read(duet_graph *graph, const duet_head *head, duet_value tokens,
                                 duet_value sample_id);

#endif
