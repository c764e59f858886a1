/* SPDX-License-Identifier: MIT
 * study/answer.h: what a classifier answers: the mean of its logits over draws of the noise, and
 * over the image and its mirror image. Each look is judged on its own: means of features would be
 * something that the head has never seen, where it was trained on single looks. */
#ifndef DUET_STUDY_ANSWER_H
#define DUET_STUDY_ANSWER_H

#include <duet/study.h>

typedef struct duet_answering {
    duet_reader *reader;
    const duet_head *head; /* NULL: the features are the logits of the model's own classifier */
    int classes, draws;    /* draws 0 = 1 */
    bool flip;
} duet_answering;

/* From the options of a classification, which may be NULL. */
duet_answering duet_answering_of(duet_reader *reader, const duet_head *head, int classes,
                                 const duet_classify_options *how);
int duet_answering_looks(const duet_answering *answering);
/* The reader gives the features of look 0, 1, … from now on. */
void duet_answering_look(const duet_answering *answering, int look);
/* Adds the part of one look, from its features x[rows,D], to logits[rows,classes], zeros before the
 * first. alone: each row is judged as if there were no others, bit by bit. */
DUET_NODISCARD duet_status duet_answering_add(const duet_answering *answering, const float *x,
                                              int64_t rows, bool alone, float *logits);

#endif
