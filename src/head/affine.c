/* SPDX-License-Identifier: MIT
 * head/affine.c: see affine.h. */
#include "head/affine.h"

#include <string.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/str.h"

duet_status duet_head_strengths(const char *text, double out[DUET_MOST_STRENGTHS], int *count) {
    char copy[DUET_TEXT_SIZE], *rest = NULL;
    (void)duet_copy_text(copy, sizeof copy, text);
    *count = 0;
    for (const char *word = strtok_r(copy, "/;, ", &rest); word;
         word = strtok_r(NULL, "/;, ", &rest)) {
        double value = 0;
        if (*count >= DUET_MOST_STRENGTHS || !duet_parse_f64(&value, word) || !(value >= 0))
            return duet_fail(DUET_ARG, "strengths is '%s'; give numbers like 0.1/0.01/0.001", text);
        out[(*count)++] = value;
    }
    for (int i = 1; i < *count; i++)
        for (int k = i; k > 0 && out[k] > out[k - 1]; k--) {
            const double held = out[k];
            out[k] = out[k - 1];
            out[k - 1] = held;
        }
    return *count > 0 ? DUET_OK : duet_fail(DUET_ARG, "no strengths given");
}

duet_status duet_affine_make(duet_context *ctx, duet_head *head) {
    duet_affine *s = head->state = duet_arena_alloc(head->arena, 1, sizeof *s);
    (void)ctx;
    DUET_TRY(duet_arena_status(head->arena));
    s->weight = duet_arena_alloc(head->arena, head->classes * head->dim, sizeof(float));
    s->folded = duet_arena_alloc(head->arena, head->classes * head->dim, sizeof(float));
    s->bias = duet_arena_alloc(head->arena, head->classes, sizeof(float));
    s->offset = duet_arena_alloc(head->arena, head->classes, sizeof(float));
    return duet_arena_status(head->arena);
}

int duet_affine_tensors(const duet_head *head, duet_head_tensor out[DUET_HEAD_TENSORS]) {
    const duet_affine *s = head->state;
    out[0] =
        (duet_head_tensor){"weight", {.rank = 2, .dim = {head->classes, head->dim}}, s->weight};
    out[1] = (duet_head_tensor){"bias", {.rank = 1, .dim = {head->classes}}, s->bias};
    return 2;
}

void duet_affine_ready(duet_head *head) {
    const duet_affine *s = head->state;
    const int64_t D = head->dim;
    const float *weight = s->weight;
    if (head->white != NULL) { /* W white' */
        duet_gemm_f32(false, true, head->classes, D, D, 1.0f, s->weight, D, head->white, D, 0.0f,
                      s->folded, D);
        weight = s->folded;
    }
    for (int k = 0; k < head->classes; k++) {
        double offset = (double)s->bias[k];
        for (int64_t c = 0; c < head->dim; c++) {
            const double w = (double)weight[k * head->dim + c] * (double)head->scale[c];
            s->folded[k * head->dim + c] = (float)w;
            offset -= w * (double)head->mean[c];
        }
        s->offset[k] = (float)offset;
    }
}

void duet_affine_logits(const duet_head *head, const float *x, int64_t rows, float *logits) {
    const duet_affine *s = head->state;
    for (int64_t i = 0; i < rows; i++)
        memcpy(logits + i * head->classes, s->offset, (size_t)head->classes * sizeof *logits);
    duet_gemm_f32(false, true, rows, head->classes, head->dim, 1.0f, x, head->dim, s->folded,
                  head->dim, 1.0f, logits, head->classes);
}

void duet_affine_take(duet_head *head, const double *w) {
    const duet_affine *s = head->state;
    const int64_t n = head->classes * head->dim;
    for (int64_t i = 0; i < n; i++) s->weight[i] = (float)w[i];
    for (int k = 0; k < head->classes; k++) s->bias[k] = (float)w[n + k];
    duet_affine_ready(head);
}
