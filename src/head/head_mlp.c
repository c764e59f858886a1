/* SPDX-License-Identifier: MIT
 * head/head_mlp.c: a perceptron with one hidden layer on standardised features:
 *   logits = W2 dropout(silu(W1 x + b1)) + b2,  W1 [H,D], W2 [K,H]. */
#include "base/error.h"
#include "engine/op/ops.h"
#include "head/graph_head.h"

typedef struct mlp_options {
    int64_t hidden, epochs, stop, batch;
    double dropout, rate, weight_decay, smoothing;
    uint64_t seed;
} mlp_options;

static const duet_param params[] = {
    DUET_INT(mlp_options, hidden, "512", 1, 65536, "width of the hidden layer"),
    DUET_INT(mlp_options, epochs, "30", 1, 100000, "passes over the rows"),
    DUET_INT(mlp_options, stop, "0", 0, 100000,
             "ends after this epoch; 0 = after all, or the best on validation rows"),
    DUET_INT(mlp_options, batch, "256", 1, 65536, "rows per step"),
    DUET_FLOAT(mlp_options, dropout, "0.5", 0, 0.95, "share of the hidden values left out"),
    DUET_FLOAT(mlp_options, rate, "0.001", 1e-12, 1e30, "learning rate of AdamW"),
    DUET_FLOAT(mlp_options, weight_decay, "0.05", 0, 1e6, "decoupled weight decay of AdamW"),
    DUET_FLOAT(mlp_options, smoothing, "0.1", 0, 0.99, "label smoothing"),
    DUET_SEED(mlp_options, seed, "0", "seed of first weights, order and dropout"),
};

static duet_value build(duet_graph *graph, const duet_head *head, duet_value x,
                        duet_value sample_id) {
    const mlp_options *o = (const mlp_options *)&head->choice.options;
    x = duet_silu(graph, duet_graph_head_dense(graph, x, "hidden", o->hidden));
    if (sample_id != DUET_NONE && o->dropout > 0) x = duet_dropout(graph, x, sample_id, o->dropout);
    return duet_graph_head_dense(graph, x, "out", head->classes);
}

static duet_status make(duet_context *ctx, duet_head *head) {
    return duet_graph_head_make(ctx, head, build);
}

static duet_status fit_mlp(duet_context *ctx, duet_head *head, const duet_head_fit *fit,
                           duet_head_result *result) {
    const mlp_options *o = (const mlp_options *)&head->choice.options;
    int64_t best = 0;
    const duet_graph_fit how = {.epochs = fit->quick && o->epochs > 6 ? o->epochs / 3 : o->epochs,
                                .stop = o->stop,
                                .batch = o->batch < fit->train->rows ? o->batch : fit->train->rows,
                                .rate = o->rate,
                                .weight_decay = o->weight_decay,
                                .smoothing = o->smoothing,
                                .seed = o->seed};
    DUET_TRY(duet_graph_head_fit(ctx, head, build, &how, fit, result, &best));
    if (fit->val == NULL) return DUET_OK;
    duet_choice chosen = head->choice;
    ((mlp_options *)&chosen.options)->stop = best;
    return duet_choice_spell(&chosen, result->chosen, sizeof result->chosen);
}

const duet_head_kind duet_head_mlp = {
    .info = {.name = "mlp",
             .help = "one hidden layer, trained by AdamW, epochs chosen on validation rows",
             .params = DUET_TABLE(params, mlp_options)},
    .make = make,
    .release = duet_graph_head_release,
    .fit = fit_mlp,
    .tensors = duet_graph_head_tensors,
    .ready = duet_graph_head_ready,
    .logits = duet_graph_head_logits,
};
