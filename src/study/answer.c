/* SPDX-License-Identifier: MIT
 * study/answer.c: see answer.h. */
#include "study/answer.h"

#include "base/error.h"
#include "base/mem.h"
#include "feature/reader/reader.h"

duet_answering duet_answering_of(duet_reader *reader, const duet_head *head, int classes,
                                 const duet_classify_options *how) {
    return (duet_answering){.reader = reader,
                            .head = head,
                            .classes = classes,
                            .draws = how != NULL ? how->draws : 0,
                            .flip = how != NULL && how->flip};
}

static int views(const duet_answering *a) {
    return a->flip ? 2 : 1;
}

int duet_answering_looks(const duet_answering *a) {
    return (a->draws > 1 ? a->draws : 1) * views(a);
}

void duet_answering_look(const duet_answering *a, int look) {
    duet_reader_look(a->reader, look / views(a), look % views(a) == 1);
}

duet_status duet_answering_add(const duet_answering *a, const float *x, int64_t rows, bool alone,
                               float *logits) {
    const float looks = (float)duet_answering_looks(a);
    const int64_t dim = duet_reader_dim(a->reader), classes = a->classes;
    float *own = NULL;
    if (a->head != NULL) DUET_TRY(duet_alloc(&own, rows * classes, sizeof *own));
    for (int64_t i = 0; own != NULL && alone && i < rows; i++)
        duet_head_logits(a->head, x + i * dim, 1, own + i * classes);
    if (own != NULL && !alone) duet_head_logits(a->head, x, rows, own);
    const float *const from = own != NULL ? own : x;
    for (int64_t i = 0; i < rows * classes; i++) logits[i] += from[i] / looks;
    duet_release(own);
    return DUET_OK;
}
