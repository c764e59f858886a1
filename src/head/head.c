/* SPDX-License-Identifier: MIT
 * head/head.c: the family `head`: making, scaling, applying. Members: head.def. */
#include "head/head.h"

#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "head/head.def"
#include "head/scaling.h"

DUET_FAMILY(head, DUET_HEADS, "classifiers on feature rows");

duet_status duet_head_parse(duet_choice *out, const char *spec) {
    return duet_choice_parse(out, &duet_family_head, spec != NULL && *spec ? spec : "linear");
}

/* Standardised features are whitened by A = Q diag(1 / sqrt(v + WHITE_LEAST)), where Q diag(v) Q'
 * is their covariance: directions in which they hardly differ are not blown up. */
#define WHITE_LEAST 0.01
enum { WHITE_MOST = 4096 /* features: A has their square */ };

/* The member's option `features`; "" where it has none. */
static const char *features_option(const duet_choice *choice) {
    const duet_param_table *const table = &choice->entry->params;
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].name, "features") == 0)
            return (const char *)choice->options.bytes + table->rows[i].offset;
    return "";
}

static duet_status begin(duet_context *ctx, duet_head *head) {
    const bool white = strcmp(features_option(&head->choice), "whitened") == 0;
    if (white && head->dim > WHITE_MOST)
        return duet_fail(DUET_ARG,
                         "whitening takes a matrix of %lld x %lld features, at most %d are done; "
                         "take a smaller pool",
                         (long long)head->dim, (long long)head->dim, WHITE_MOST);
    DUET_TRY(duet_arena_new(&head->arena));
    head->mean = duet_arena_alloc(head->arena, head->dim, sizeof(float));
    head->scale = duet_arena_alloc(head->arena, head->dim, sizeof(float));
    if (white) head->white = duet_arena_alloc(head->arena, head->dim * head->dim, sizeof(float));
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

/* A row whose sums run over the features in their order: its bits depend on nothing else. */
static void whiten_row(const duet_head *head, const float *x, float *out) {
    const int64_t D = head->dim;
    for (int64_t c = 0; c < D; c++) out[c] = 0.0f;
    for (int64_t j = 0; j < D; j++) {
        const float value = (x[j] - head->mean[j]) * head->scale[j], *row = head->white + j * D;
        for (int64_t c = 0; c < D; c++) out[c] += value * row[c];
    }
}

static void read_row(const duet_head *head, const float *x, float *out) {
    if (head->white != NULL) {
        whiten_row(head, x, out);
        return;
    }
    for (int64_t c = 0; c < head->dim; c++) out[c] = (x[c] - head->mean[c]) * head->scale[c];
}

void duet_head_standardise(const duet_head *head, const float *x, int64_t rows, int threads,
                           float *out) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t i = 0; i < rows; i++) read_row(head, x + i * head->dim, out + i * head->dim);
}

static duet_status measure_white(duet_context *ctx, duet_head *head,
                                 const duet_feature_table *table) {
    const int64_t D = head->dim;
    float *const white = head->white, *x = NULL;
    duet_scaling scaling = {0};
    duet_status status = DUET_OK;
    DUET_DO(duet_alloc(&x, table->rows * D, sizeof *x));
    head->white = NULL;
    duet_head_standardise(head, table->x, table->rows, duet_context_threads(ctx), x);
    head->white = white;
    DUET_DO(duet_scaling_new(&scaling, x, table->rows, D, table->rows, duet_context_threads(ctx)));
    for (int64_t c = 0; c < D; c++)
        for (int64_t k = 0; k < D; k++)
            white[c * D + k] = (float)((double)scaling.axes[c * D + k] /
                                       sqrt((double)scaling.values[k] + WHITE_LEAST));
done:
    duet_scaling_free(&scaling);
    duet_release(x);
    return status;
}

/* What the option `features` makes of mean and deviation. */
static duet_status choose_features(duet_context *ctx, duet_head *head,
                                   const duet_feature_table *table) {
    DUET_TRY(measure_columns(head, table));
    if (head->white != NULL) return measure_white(ctx, head, table);
    if (strcmp(features_option(&head->choice), "raw") != 0) return DUET_OK;
    for (int64_t c = 0; c < head->dim; c++) {
        head->mean[c] = 0.0f;
        head->scale[c] = 1.0f;
    }
    return DUET_OK;
}

int duet_head_own_tensors(const duet_head *head, duet_head_tensor out[DUET_HEAD_OWN_TENSORS]) {
    const duet_shape D = {.rank = 1, .dim = {head->dim}},
                     square = {.rank = 2, .dim = {head->dim, head->dim}};
    out[0] = (duet_head_tensor){"mean", D, head->mean};
    out[1] = (duet_head_tensor){"scale", D, head->scale};
    if (head->white != NULL) out[2] = (duet_head_tensor){"white", square, head->white};
    return head->white != NULL ? 3 : 2;
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
    DUET_DO(choose_features(ctx, head, fit->train));
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
