/* SPDX-License-Identifier: MIT
 * head/affine.h: heads whose logits are W x' + b of standardised features x', and the strengths of
 * their penalty. */
#ifndef DUET_HEAD_AFFINE_H
#define DUET_HEAD_AFFINE_H

#include "head/head.h"

enum { DUET_MOST_STRENGTHS = 32 };
/* Numbers joined by '/', strong to weak. */
DUET_NODISCARD duet_status duet_head_strengths(const char *text, double out[DUET_MOST_STRENGTHS],
                                               int *count);

typedef struct duet_affine {
    float *weight; /* [K,D], on standardised features */
    float *bias;   /* [K] */
    float *folded; /* [K,D], weight with the scaling folded in: logits = x folded' + offset */
    float *offset; /* [K] */
} duet_affine;

/* Functions of a member's table. */
duet_status duet_affine_make(duet_context *ctx, duet_head *head);
int duet_affine_tensors(const duet_head *head, duet_head_tensor out[DUET_HEAD_TENSORS]);
void duet_affine_ready(duet_head *head); /* after weight and bias have changed */
void duet_affine_logits(const duet_head *head, const float *x, int64_t rows, float *logits);
/* w: W [K,D], then b [K] */
void duet_affine_take(duet_head *head, const double *w);

#endif
