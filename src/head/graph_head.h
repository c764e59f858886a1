/* SPDX-License-Identifier: MIT
 * head/graph_head.h: heads that are networks: a member says how the graph from standardised rows to
 * logits is built; the rest is the same for all. They are trained on mini-batches of a feature
 * table by AdamW with a cosine rate and cross-entropy; where there are validation rows, the epoch
 * with the best accuracy is kept. The weights of a head stand in slots of its own. */
#ifndef DUET_HEAD_GRAPH_HEAD_H
#define DUET_HEAD_GRAPH_HEAD_H

#include "engine/graph/graph.h"
#include "head/head.h"

/* x[B,D] -> logits[B,K]. sample_id: i32[B], for dropout, in training; DUET_NONE otherwise. */
typedef duet_value (*duet_head_build)(duet_graph *graph, const duet_head *head, duet_value x,
                                      duet_value sample_id);

/* W x + b with parameters NAME.weight [outputs, inputs] and NAME.bias, uniform within
 * 1/sqrt(inputs) at first. */
duet_value duet_graph_head_dense(duet_graph *graph, duet_value x, const char *name,
                                 int64_t outputs);

typedef struct duet_graph_fit {
    int64_t epochs; /* of the whole schedule */
    int64_t stop;   /* ends after this epoch; 0 = after all, or the best on validation rows */
    int64_t batch;
    double rate, weight_decay, smoothing;
    uint64_t seed; /* of first weights, order and dropout */
} duet_graph_fit;

/* Functions of a member's table; `build` is the member's. */
DUET_NODISCARD duet_status duet_graph_head_make(duet_context *ctx, duet_head *head,
                                                duet_head_build build);
void duet_graph_head_release(duet_head *head);
int duet_graph_head_tensors(const duet_head *head, duet_head_tensor out[DUET_HEAD_TENSORS]);
void duet_graph_head_ready(duet_head *head);
void duet_graph_head_logits(const duet_head *head, const float *x, int64_t rows, float *logits);
/* *best: the epoch whose weights the head has. */
DUET_NODISCARD duet_status duet_graph_head_fit(duet_context *ctx, duet_head *head,
                                               duet_head_build build, const duet_graph_fit *how,
                                               const duet_head_fit *fit, duet_head_result *result,
                                               int64_t *best);

#endif
