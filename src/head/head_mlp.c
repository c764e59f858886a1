/* SPDX-License-Identifier: MIT
 * head/head_mlp.c: a perceptron with one hidden layer on standardised features:
 *   logits = W2 dropout(silu(W1 x + b1)) + b2,  W1 [H,D], W2 [K,H]. */
#include "head/graph_head.h"
#include "model/nn.h"

typedef struct mlp_options {
    duet_graph_fit fit;
    int64_t hidden;
    double dropout;
} mlp_options;
DUET_GRAPH_FIT_FIRST(mlp_options);

static const duet_param params[] = {
    DUET_INT(mlp_options, hidden, "512", 1, 65536, "width of the hidden layer"),
    DUET_FLOAT(mlp_options, dropout, "0.5", 0, 0.95, "share of the hidden values left out"),
    DUET_GRAPH_FIT_ROWS("30", "256", "0.001", "0.05", "0.1"),
};

static duet_value build(duet_graph *graph, const duet_head *head, duet_value x,
                        duet_value sample_id) {
    const mlp_options *o = (const mlp_options *)&head->choice.options;
    x = duet_silu(graph, duet_nn_linear(graph, "hidden", x, o->hidden, 0, false));
    if (sample_id != DUET_NONE && o->dropout > 0) x = duet_dropout(graph, x, sample_id, o->dropout);
    return duet_nn_linear(graph, "out", x, head->classes, 0, false);
}

const duet_head_kind duet_head_mlp = {
    .info = {.name = "mlp",
             .help = "one hidden layer, trained by AdamW, epochs chosen on validation rows",
             .params = DUET_TABLE(params, mlp_options)},
    .build = build,
    DUET_GRAPH_HEAD,
};
