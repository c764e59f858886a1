/* SPDX-License-Identifier: MIT
 * engine/graph/update.h: updates, the nodes that end a training step. They are no ordinary nodes:
 * their operands are lists of slots, which they change in place, and they run last:
 *   the gradients of a step's runs add up → all-reduce over ranks → norm of each update's gradient
 *   → nothing further unless the loss and the norms are finite → optimisers → states (duet_assign)
 *   → rules without a gradient in their order: lengths of rows, averages; these read the new
 * weights and states. They work on tiles: short stretches of one tensor, fixed by the shapes alone,
 * so that sums over them do not depend on the number of threads. The tiles of a tensor follow one
 * another, in memory too, so that a rule may also see whole tensors, as matrices; one that divides
 * such a tensor among threads does so by its shape alone. */
#ifndef DUET_ENGINE_UPDATE_H
#define DUET_ENGINE_UPDATE_H

#include "engine/op/op.h"

#define DUET_UPDATE_BESIDE 2     /* most slots that accompany one */
#define DUET_UPDATE_TILE   16384 /* most elements of a tile */
#define DUET_UPDATE_INPUT  "update"

/* The input DUET_UPDATE_INPUT, f32: these, then the coefficients of each update. */
enum {
    DUET_UPDATE_ADDS,    /* 0: this run's gradient begins the sum of a step; else it is added */
    DUET_UPDATE_APPLIES, /* not 0: the step ends with this run, slots change */
    DUET_UPDATE_FIRST    /* where coefficients begin */
};

typedef struct duet_update_tile {
    int64_t slot;                               /* index of what is changed, or averaged */
    float *weight, *beside[DUET_UPDATE_BESIDE]; /* [count] each; zero at first */
    int64_t grad;                               /* offset in floats into the gradient block */
    int64_t count;
    bool decay;    /* weight decay applies: tensors of rank >= 2 */
    bool averaged; /* its average follows slowly; else it is a copy */
    bool inner;    /* of an inner matrix; only of a rule that tells them apart */
} duet_update_tile;

/* A tensor: its tiles tile, tile + 1, …, the first of which points to its begin. */
typedef struct duet_update_tensor {
    int64_t tile, tile_count;
    int64_t rows, columns; /* as a matrix: its first axis, and the product of the others */
    bool inner;
} duet_update_tensor;

typedef struct duet_update_call {
    const float *grad; /* gradient block; NULL where the rule reads none */
    const duet_update_tile *tiles;
    int64_t tile_count;
    const duet_update_tensor *tensors;
    int64_t tensor_count;
    float *scratch;            /* [scratch of the rule] */
    float scale;               /* of the gradient: clipping, number of runs */
    const float *coefficients; /* [coefficients of the rule] */
    int threads;
} duet_update_call;

/* What an update does: an optimiser, or averaging. */
typedef struct duet_rule {
    duet_entry info;
    bool gradient;                          /* reads gradients */
    int beside_count;                       /* slots that accompany one that is changed */
    const char *beside[DUET_UPDATE_BESIDE]; /* their kinds, in state files too */
    /* It tells inner matrices (engine/graph/inner.h) apart: only the first so many slots accompany
     * one; 0 = it does not. */
    int inner_beside;
    int coefficients;
    double (*rate)(const void *options); /* of learning; NULL = it has none */
    /* Computes them in double: factor of the learning-rate rule, step 1, 2, …; NULL = there are
     * none */
    void (*prepare)(const void *options, double factor, int64_t step, float *coefficients);
    /* Floats of scratch memory for these tensors; NULL = none. */
    int64_t (*scratch)(const duet_update_tensor *tensors, int64_t count, int threads);
    void (*run)(const duet_update_call *call);
} duet_rule;

/* Slots that accompany one that the rule changes. */
static inline int duet_rule_beside(const duet_rule *rule, bool inner) {
    return inner && rule->inner_beside > 0 ? rule->inner_beside : rule->beside_count;
}

typedef struct duet_operand {
    duet_value param;
    duet_value gradient; /* DUET_NONE where the rule reads none */
    bool inner;          /* an inner matrix, and the rule tells them apart */
} duet_operand;

typedef struct duet_update {
    const duet_rule *rule;
    const void *options; /* of the rule, for prepare and for the text */
    double clip;         /* largest norm of its gradient; 0 = any */
    int64_t at;          /* where its coefficients begin in the input */
    const char *kind;    /* of the slots beside; NULL = as the rule says */
    const duet_operand *operands;
    int64_t count;
} duet_update;

/* What ends the runs of a graph. */
typedef struct duet_tail {
    duet_value loss; /* [1] */
    int64_t parts;   /* runs of a step, by whose number the gradient is divided */
    duet_update *updates;
    int64_t count, capacity;
    int64_t numbers; /* of the input */
} duet_tail;

/* The graph ends with updates, which follow in their order. */
void duet_graph_tail(duet_graph *graph, duet_value loss, int64_t parts);
/* Adds one; options and operands are copied. kind: of the slots beside, where several updates of
 * one rule keep slots of their own; it outlives the plan; NULL = as the rule says. */
void duet_graph_update(duet_graph *graph, const duet_rule *rule, const void *options, double clip,
                       const char *kind, const duet_operand *operands, int64_t count);
/* The input of a graph whose updates are complete. */
void duet_graph_close_tail(duet_graph *graph);

/* A tensor of this shape, whose first tile is `tile`. */
duet_update_tensor duet_update_tensor_of(const duet_shape *shape, int64_t tile, bool inner);

/* Euclidean norm of all gradients: a sum in double per tile, then over the tiles in order.
 * sums[tile_count] is scratch. */
double duet_update_norm(const float *grad, const duet_update_tile *tiles, int64_t count,
                        double *sums, int threads);

/* The ranks of a training on several machines, or processes. */
typedef struct duet_comm {
    int rank, size;
    /* block[count] becomes its sum over the ranks, in the order of the ranks, on each of them. */
    duet_status (*all_reduce)(void *user, float *block, int64_t count);
    void *user;
} duet_comm;

#endif
