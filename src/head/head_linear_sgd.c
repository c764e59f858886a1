/* SPDX-License-Identifier: MIT
 * head/head_linear_sgd.c: logits = W x + b, trained on mini-batches as linear probes in PyTorch are
 * (VISSL, lightly, DDAE): no strength is chosen, and where it ends depends on rate and epochs.
 * `linear` finds the optimum itself. */
#include "head/graph_head.h"
#include "model/nn.h"

typedef struct linear_sgd_options {
    duet_graph_fit fit;
    char features[DUET_TEXT_SIZE];
} linear_sgd_options;
DUET_GRAPH_FIT_FIRST(linear_sgd_options);

static const duet_param params[] = {
    DUET_HEAD_FEATURES(linear_sgd_options, "standardised|raw"),
    DUET_GRAPH_FIT_ROWS_OF("40", "32", "0", "0.1", "0", "0", "sgd"),
};

static duet_value build(duet_graph *graph, const duet_head *head, duet_value x,
                        duet_value sample_id) {
    (void)sample_id;
    return duet_nn_linear(graph, "out", x, head->classes, 0, false);
}

const duet_head_kind duet_head_linear_sgd = {
    .info = {.name = "linear_sgd",
             .help = "a linear layer trained on mini-batches, as probes in PyTorch are",
             .params = DUET_TABLE(params, linear_sgd_options)},
    .build = build,
    DUET_GRAPH_HEAD,
};
