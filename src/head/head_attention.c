/* SPDX-License-Identifier: MIT
 * head/head_attention.c: a class token reads all places of all maps of a row (2307.08702, section
 * 4; its head D). The maps come pooled: a setting's pool is the side of what is read. */
#include "head/transformer.h"
#include "model/nn.h"

typedef struct attention_options {
    duet_transformer transformer;
} attention_options;
DUET_TRANSFORMER_FIRST(attention_options);

static const duet_param params[] = {
    DUET_TRANSFORMER_ROWS("2"),
    DUET_GRAPH_FIT_ROWS("20", "128", "0.001", "0.05", "0.1"),
};

static duet_value build(duet_graph *graph, const duet_head *head, duet_value x,
                        duet_value sample_id) {
    duet_value tokens = DUET_NONE;
    for (int i = 0; i < head->maps.count; i++)
        tokens = duet_transformer_join(graph, tokens,
                                       duet_transformer_tokens(graph, head, i, x, sample_id));
    const duet_value read = duet_transformer_read(graph, head, tokens, sample_id);
    return duet_nn_linear(graph, "out", read, head->classes, 0, false);
}

const duet_head_kind duet_head_attention = {
    .info = {.name = "attention",
             .help = "a transformer over the places of the maps",
             .params = DUET_TABLE(params, attention_options)},
    .build = build,
    DUET_GRAPH_HEAD,
};
