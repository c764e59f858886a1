/* SPDX-License-Identifier: MIT
 * head/graph_head.h: heads that are networks: a member says how the graph from standardised rows to
 * logits is built (`build` of its kind); the rest is the same for all. They are trained on
 * mini-batches of a feature table with cross-entropy; where there are validation rows, the epoch
 * with the best accuracy is kept. The weights of a head stand in slots of its own. */
#ifndef DUET_HEAD_GRAPH_HEAD_H
#define DUET_HEAD_GRAPH_HEAD_H

#include "engine/graph/graph.h"
#include "head/head.h"

/* How they are trained: what the options of such a head begin with. */
typedef struct duet_graph_fit {
    int64_t epochs; /* of the whole schedule */
    int64_t stop;   /* ends after this epoch; 0 = after all, or the best on validation rows */
    int64_t batch;
    int64_t steps; /* of an epoch at least: few rows make smaller batches, of 16 or more */
    double rate, weight_decay, smoothing;
    char optim[DUET_TEXT_SIZE], lr[DUET_TEXT_SIZE];
    uint64_t seed; /* of first weights, order and dropout */
} duet_graph_fit;

#define DUET_GRAPH_FIT_ROWS(epochs_, batch_, rate_, decay_, smoothing_) \
    DUET_GRAPH_FIT_ROWS_OF(epochs_, batch_, "32", rate_, decay_, smoothing_, "adamw")
#define DUET_GRAPH_FIT_ROWS_OF(epochs_, batch_, steps_, rate_, decay_, smoothing_, optim_)      \
    DUET_INT(duet_graph_fit, epochs, epochs_, 1, 100000, "passes over the rows"),               \
        DUET_INT(duet_graph_fit, stop, "0", 0, 100000,                                          \
                 "ends after this epoch; 0 = after all, or the best on validation rows"),       \
        DUET_INT(duet_graph_fit, batch, batch_, 1, 65536, "rows per step at most"),             \
        DUET_INT(duet_graph_fit, steps, steps_, 0, 65536,                                       \
                 "least steps of an epoch: few rows make smaller batches, of 16 or more"),      \
        DUET_FLOAT(duet_graph_fit, rate, rate_, 1e-12, 1e30, "learning rate"),                  \
        DUET_FLOAT(duet_graph_fit, weight_decay, decay_, 0, 1e6, "of the optimiser"),           \
        DUET_FLOAT(duet_graph_fit, smoothing, smoothing_, 0, 0.99, "label smoothing"),          \
        DUET_TEXT(duet_graph_fit, optim, optim_, NULL,                                          \
                  "optimiser: NAME, or (NAME:key=value) with a rate of its own"),               \
        DUET_TEXT(duet_graph_fit, lr, "", NULL,                                                 \
                  "rule of the rate; empty = warm-up in a twentieth, then a cosine down to 0"), \
        DUET_SEED(duet_graph_fit, seed, "0", "seed of first weights, order and dropout")
#define DUET_GRAPH_FIT_FIRST(type)                                                 \
    _Static_assert(offsetof(type, fit) == 0, "options of heads that are networks " \
                                             "begin with a duet_graph_fit")

/* Functions of a member's table. */
DUET_NODISCARD duet_status duet_graph_head_make(duet_context *ctx, duet_head *head);
void duet_graph_head_release(duet_head *head);
DUET_NODISCARD duet_status duet_graph_head_fit(duet_context *ctx, duet_head *head,
                                               const duet_head_fit *fit, duet_head_result *result);
int duet_graph_head_tensors(const duet_head *head, duet_head_tensor out[DUET_HEAD_TENSORS]);
void duet_graph_head_ready(duet_head *head);
void duet_graph_head_logits(const duet_head *head, const float *x, int64_t rows, float *logits);

/* What all such members have in common in their tables. */
#define DUET_GRAPH_HEAD                                                                           \
    .make = duet_graph_head_make, .release = duet_graph_head_release, .fit = duet_graph_head_fit, \
    .tensors = duet_graph_head_tensors, .ready = duet_graph_head_ready,                           \
    .logits = duet_graph_head_logits

#endif
