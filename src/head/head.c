/* SPDX-License-Identifier: MIT
 * head/head.c: the family `head`: making, scaling, applying. Members: head.def. */
#include "head/head.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "head/head.def"

DUET_FAMILY(head, DUET_HEADS, "classifiers on feature rows");

duet_status duet_head_parse(duet_choice *out, const char *spec) {
    return duet_choice_parse(out, &duet_family_head, spec != NULL && *spec ? spec : "linear");
}

static duet_status begin(duet_context *ctx, duet_head *head) {
    DUET_TRY(duet_arena_new(&head->arena));
    head->mean = duet_arena_alloc(head->arena, head->dim, sizeof(float));
    head->scale = duet_arena_alloc(head->arena, head->dim, sizeof(float));
    DUET_TRY(duet_arena_status(head->arena));
    return head->kind->make(ctx, head);
}

duet_status duet_head_new(duet_context *ctx, duet_head **out, const duet_choice *choice,
                          int classes, const duet_feature_maps *maps, int64_t dim) {
    duet_head *head = NULL;
    DUET_TRY(duet_alloc(&head, 1, sizeof *head));
    head->choice = *choice;
    head->kind = duet_head_of(choice->entry);
    head->classes = classes;
    head->dim = dim;
    head->maps = duet_maps_of(maps, dim);
    const duet_status status = begin(ctx, head);
    if (status != DUET_OK) {
        duet_head_free(head);
        return status;
    }
    *out = head;
    return DUET_OK;
}

void duet_head_free(duet_head *head) {
    if (head == NULL) return;
    if (head->kind->release != NULL) head->kind->release(head);
    duet_arena_free(head->arena);
    duet_release(head);
}

int duet_head_classes(const duet_head *head) {
    return head->classes;
}
int64_t duet_head_dim(const duet_head *head) {
    return head->dim;
}

/* mean and 1/deviation of each column; two passes, sums in double */
static duet_status measure_columns(duet_head *head, const duet_feature_table *table) {
    const int64_t D = table->dim, M = table->rows;
    double *sum = NULL;
    DUET_TRY(duet_alloc(&sum, D, sizeof *sum));
    for (int64_t i = 0; i < M; i++)
        for (int64_t c = 0; c < D; c++) sum[c] += (double)table->x[i * D + c];
    for (int64_t c = 0; c < D; c++) {
        head->mean[c] = (float)(sum[c] / (double)M);
        sum[c] = 0;
    }
    for (int64_t i = 0; i < M; i++)
        for (int64_t c = 0; c < D; c++) {
            const double d = (double)table->x[i * D + c] - (double)head->mean[c];
            sum[c] += d * d;
        }
    bool finite = true;
    for (int64_t c = 0; c < D; c++) {
        const double deviation = sqrt(sum[c] / (double)M);
        finite &= isfinite(deviation);
        head->scale[c] = deviation > 1e-12 + 1e-7 * fabs((double)head->mean[c])
                             ? (float)(1.0 / deviation)
                             : 0.0f;
    }
    duet_release(sum);
    return finite ? DUET_OK
                  : duet_fail(DUET_NUMERIC,
                              "the features hold NaN or Inf; the model's weights may be damaged");
}

void duet_head_standardise(const duet_head *head, const float *x, int64_t rows, int threads,
                           float *out) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < head->dim; c++)
            out[i * head->dim + c] = (x[i * head->dim + c] - head->mean[c]) * head->scale[c];
}

double duet_head_top1(const duet_head *head, const duet_feature_table *table, float *logits) {
    int64_t correct = 0;
    duet_head_logits(head, table->x, table->rows, logits);
    for (int64_t i = 0; i < table->rows; i++) {
        int best = 0;
        for (int k = 1; k < head->classes; k++)
            if (logits[i * head->classes + k] > logits[i * head->classes + best]) best = k;
        correct += best == table->labels[i];
    }
    return 100.0 * (double)correct / (double)table->rows;
}

static duet_status check_fit(const duet_head_fit *fit) {
    const duet_feature_table *tables[] = {fit->train, fit->val};
    if (fit->class_count < 2)
        return duet_fail(DUET_ARG, "a head needs at least 2 classes, there is %d",
                         fit->class_count);
    if (fit->train->rows < 1) return duet_fail(DUET_ARG, "no rows to train the head on");
    if (fit->val != NULL && fit->val->dim != fit->train->dim)
        return duet_fail(DUET_SHAPE, "training rows have %lld features, validation rows %lld",
                         (long long)fit->train->dim, (long long)fit->val->dim);
    if (fit->start != NULL &&
        (fit->start->dim != fit->train->dim || fit->start->classes != fit->class_count))
        return duet_fail(DUET_SHAPE,
                         "the head to start from is for %d classes of %lld features, the rows are "
                         "%d classes of %lld",
                         fit->start->classes, (long long)fit->start->dim, fit->class_count,
                         (long long)fit->train->dim);
    for (int t = 0; t < 2; t++)
        for (int64_t i = 0; tables[t] != NULL && i < tables[t]->rows; i++)
            if (tables[t]->labels[i] < 0 || tables[t]->labels[i] >= fit->class_count)
                return duet_fail(DUET_ARG, "row %lld has label %d; labels must be 0 to %d",
                                 (long long)i, tables[t]->labels[i], fit->class_count - 1);
    return DUET_OK;
}

duet_status duet_head_train(duet_context *ctx, duet_head **out, const char *spec,
                            const duet_head_fit *fit, duet_head_result *result) {
    duet_status status = DUET_OK;
    duet_head *head = NULL;
    duet_choice choice;
    DUET_TRY(check_fit(fit));
    DUET_TRY(duet_head_parse(&choice, spec));
    if (fit->start != NULL && fit->start->choice.entry != choice.entry)
        return duet_fail(DUET_ARG, "the head to start from is of kind '%s', not '%s'",
                         fit->start->choice.entry->name, choice.entry->name);
    DUET_TRY(
        duet_head_new(ctx, &head, &choice, fit->class_count, &fit->train->maps, fit->train->dim));
    DUET_DO(measure_columns(head, fit->train));
    DUET_DO(head->kind->fit(ctx, head, fit, result));
    if (head->kind->ready != NULL) head->kind->ready(head);
    if (out != NULL) {
        *out = head;
        head = NULL;
    }
done:
    duet_head_free(head);
    return status;
}

void duet_head_logits(const duet_head *head, const float *x, int64_t rows, float *logits) {
    head->kind->logits(head, x, rows, logits);
}
