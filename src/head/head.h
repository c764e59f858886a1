/* SPDX-License-Identifier: MIT
 * head/head.h: the inside of a head and what a member of the family `head` implements. */
#ifndef DUET_HEAD_HEAD_H
#define DUET_HEAD_HEAD_H

#include <duet/head.h>

#include "base/mem.h"

#define DUET_HEAD_OPTIONS_SIZE 1024 /* room for any member's options */

struct duet_head {
    const struct duet_head_kind *kind;
    duet_arena *arena; /* everything below, and the strings of a loaded card */
    int classes;       /* K */
    int64_t dim;       /* D */
    float *mean;       /* [D], of the training rows */
    float *scale;      /* [D], 1 / deviation; 0 for constant columns */
    float *weight;     /* [K,D], on standardised features */
    float *bias;       /* [K] */
    float *folded;     /* [K,D], weight with the scaling folded in: logits = x folded' + offset */
    float *offset;     /* [K] */
};

typedef struct duet_head_kind {
    duet_entry info;
    /* The inputs have been checked and the head's arrays are there, with mean and scale set. */
    duet_status (*fit)(duet_context *ctx, duet_head *head, const void *options,
                       const duet_head_fit *fit, duet_head_result *result);
} duet_head_kind;

/* A head without values; the arrays are zero. */
DUET_NODISCARD duet_status duet_head_new(duet_head **out, const duet_head_kind *kind, int classes,
                                         int64_t dim);
/* Makes folded and offset from the rest. */
void duet_head_fold(duet_head *head);
/* The member of a spec; options (DUET_HEAD_OPTIONS_SIZE bytes) may be NULL. An empty spec is
 * "linear". */
DUET_NODISCARD duet_status duet_head_parse(const duet_head_kind **out, void *options,
                                           const char *spec);

#endif
