/* SPDX-License-Identifier: MIT
 * head/head.h: the internals of a head and what a member of the family `head` implements. Whatever
 * the member, features are standardised by the training rows first, x' = (x - mean) scale, unless
 * its option `features` says "raw" (mean 0, scale 1) or "whitened": x' = ((x - mean) scale) white.
 */
#ifndef DUET_HEAD_HEAD_H
#define DUET_HEAD_HEAD_H

#include <duet/head.h>
#include <duet/tensor.h>

#include "base/choice.h"
#include "base/mem.h"
#include "head/maps.h"

#define DUET_HEAD_PART "head" /* of slots, where a head is trained with a network */

struct duet_head {
    const struct duet_head_kind *kind; /* of the choice */
    duet_arena *arena;                 /* everything below, and the strings of a loaded card */
    duet_choice choice;                /* the member and its options */
    int classes;                       /* K */
    int64_t dim;                       /* D */
    duet_feature_maps maps;            /* of a row, at least one */
    float *mean;                       /* [D], of the training rows */
    float *scale;                      /* [D], 1 / deviation; 0 for constant columns */
    float *white;                      /* [D,D], principal axes by 1 / deviation; NULL = none */
    void *state;                       /* of the kind */
};

/* What a head has learnt, one list for saving and loading. */
typedef struct duet_head_tensor {
    const char *name;
    duet_shape shape;
    float *data;
} duet_head_tensor;
enum { DUET_HEAD_TENSORS = 256 }; /* most of a head */

typedef struct duet_head_kind {
    duet_entry info;
    /* Makes head->state, its tensors zero, for head->classes, dim and options. */
    duet_status (*make)(duet_context *ctx, duet_head *head);
    void (*release)(duet_head *head); /* of what is not in the arena; NULL = nothing */
    /* Fills the tensors. The inputs have been checked, mean and scale are set. */
    duet_status (*fit)(duet_context *ctx, duet_head *head, const duet_head_fit *fit,
                       duet_head_result *result);
    int (*tensors)(const duet_head *head, duet_head_tensor out[DUET_HEAD_TENSORS]);
    /* After the tensors have changed; NULL = nothing. */
    void (*ready)(duet_head *head);
    void (*logits)(const duet_head *head, const float *x, int64_t rows, float *logits);
    /* Of a head that is a network: standardised rows x[B,D] -> logits[B,K]. sample_id: i32[B], for
     * dropout, in training; DUET_NONE otherwise. NULL = it is none. */
    duet_value (*build)(duet_graph *graph, const duet_head *head, duet_value x,
                        duet_value sample_id);
} duet_head_kind;
DUET_FAMILY_OF(head, duet_head_kind);

/* A row for members that read features in other ways than standardised: a text field `features`. */
#define DUET_HEAD_FEATURES(type, choices)                                                       \
    DUET_TEXT(type, features, "standardised", choices,                                          \
              "how they are read: each with mean 0 and deviation 1; whitened: along principal " \
              "axes, each with deviation 1; raw: as they are")
/* What a head has beside the tensors of its kind: mean, scale, white. Returns how many. */
enum { DUET_HEAD_OWN_TENSORS = 3 };
int duet_head_own_tensors(const duet_head *head, duet_head_tensor out[DUET_HEAD_OWN_TENSORS]);

/* The member of a spec; an empty one is "linear". */
DUET_NODISCARD duet_status duet_head_parse(duet_choice *out, const char *spec);
/* A head without values: its tensors are zero. dim: the numbers of all maps. */
DUET_NODISCARD duet_status duet_head_new(duet_context *ctx, duet_head **out,
                                         const duet_choice *choice, int classes,
                                         const duet_feature_maps *maps, int64_t dim);
/* out[rows,D] = x', as the head reads them; not in place */
void duet_head_standardise(const duet_head *head, const float *x, int64_t rows, int threads,
                           float *out);
/* Rows whose largest logit is that of their label, in percent. */
double duet_head_top1(const duet_head *head, const duet_feature_table *table, float *logits);

#endif
