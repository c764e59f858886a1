/* SPDX-License-Identifier: MIT
 * head/head_knn.c: the k nearest training rows vote. Weights of a vote: of `exp`
 * e^(cos/temperature) (Wu et al. 2018, as DINO has it), of `inverse` 1/distance (scikit-learn's
 * weights='distance'), of `uniform` 1. Logits are the logarithms of the shares of the votes, so
 * that their softmax is the shares; a class without a vote has the share 1e-6. */
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/linalg.h"
#include "base/near.h"
#include "base/str.h"
#include "head/head.h"

typedef struct knn_options {
    char distance[DUET_TEXT_SIZE], vote[DUET_TEXT_SIZE];
    int64_t k, rows;
    double temperature;
    char features[DUET_TEXT_SIZE];
} knn_options;

static const duet_param params[] = {
    DUET_INT(knn_options, k, "0", 0, 1000,
             "neighbours; 0 = the best of 1, 5, 10, 20, 50 and 200 on validation rows, else 20"),
    DUET_TEXT(knn_options, distance, "cosine", "cosine|euclidean", "between rows"),
    DUET_TEXT(knn_options, vote, "exp", "exp|inverse|uniform", "weight of a neighbour"),
    DUET_FLOAT(knn_options, temperature, "0.07", 1e-4, 1e4, "of exp"),
    DUET_HEAD_FEATURES(knn_options, "standardised|whitened|raw"),
    DUET_INT(knn_options, rows, "0", 0, 1000000000,
             "training rows it keeps; filled in by training"),
};

static const int tried[] = {1, 5, 10, 20, 50, 200};
enum { USUAL = 20, MOST = 1000, ROUND = DUET_NEAR_BASE };

typedef struct knn_state {
    float *rows;   /* [M,D], of length one for cosine */
    float *labels; /* [M] */
    float *bias;   /* [M]: -|row|^2/2 of euclidean distances, else 0 */
} knn_state;

static knn_options *options_of(const duet_head *head) {
    return (knn_options *)&head->choice.options;
}

static bool is_cosine(const duet_head *head) {
    return strcmp(options_of(head)->distance, "cosine") == 0;
}

static duet_status make(duet_context *ctx, duet_head *head) {
    const int64_t M = options_of(head)->rows;
    knn_state *s = head->state = duet_arena_alloc(head->arena, 1, sizeof *s);
    (void)ctx;
    DUET_TRY(duet_arena_status(head->arena));
    s->rows = duet_arena_alloc(head->arena, M * head->dim, sizeof(float));
    s->labels = duet_arena_alloc(head->arena, M, sizeof(float));
    s->bias = duet_arena_alloc(head->arena, M, sizeof(float));
    return duet_arena_status(head->arena);
}

static int tensors(const duet_head *head, duet_head_tensor out[DUET_HEAD_TENSORS]) {
    const knn_state *s = head->state;
    const int64_t M = options_of(head)->rows;
    out[0] = (duet_head_tensor){"rows", {.rank = 2, .dim = {M, head->dim}}, s->rows};
    out[1] = (duet_head_tensor){"labels", {.rank = 1, .dim = {M}}, s->labels};
    return 2;
}

/* Rows as they are compared. */
static void prepare(const duet_head *head, const float *x, int64_t rows, float *out) {
    const int64_t D = head->dim;
    duet_head_standardise(head, x, rows, 1, out);
    for (int64_t i = 0; i < rows && is_cosine(head); i++) {
        const double square = duet_near_square(out + i * D, head->dim);
        const float by = square > 0 ? (float)(1.0 / sqrt(square)) : 0.0f;
        for (int64_t c = 0; c < D; c++) out[i * D + c] *= by;
    }
}

static void ready(duet_head *head) {
    const knn_state *s = head->state;
    for (int64_t i = 0; i < options_of(head)->rows && !is_cosine(head); i++)
        s->bias[i] = (float)(-0.5 * duet_near_square(s->rows + i * head->dim, head->dim));
}

/* square: |query|^2, of euclidean distances |q-b|^2 = |q|^2 - 2 (q.b - |b|^2/2). */
static double weight_of(const duet_head *head, double similarity, double square) {
    const knn_options *o = options_of(head);
    const double gap = is_cosine(head) ? 1.0 - similarity : sqrt(fmax(square - 2 * similarity, 0));
    if (o->vote[0] == 'u') return 1.0;
    if (o->vote[0] == 'i') return 1.0 / fmax(gap, 1e-6);
    return is_cosine(head) ? exp(-gap / o->temperature)
                           : exp(-gap * gap / (o->temperature * (double)head->dim));
}

static void vote(const duet_head *head, const duet_near *near, int64_t query, int k, double square,
                 float *logits) {
    const knn_state *s = head->state;
    double share[MOST], sum = 0;
    for (int i = 0; i < k; i++) {
        share[i] = weight_of(head, (double)near->best[query * near->k + i], square);
        sum += share[i];
    }
    for (int c = 0; c < head->classes; c++) logits[c] = 1e-6f;
    for (int i = 0; i < k && sum > 0; i++) {
        const int label = (int)s->labels[near->row[query * near->k + i]];
        if (label >= 0 && label < head->classes) logits[label] += (float)(share[i] / sum);
    }
    for (int c = 0; c < head->classes; c++) logits[c] = logf(logits[c]);
}

typedef void (*heard)(const duet_head *head, const duet_near *near, const float *query,
                      int64_t first, int64_t rows, void *user);

/* Calls `hear` with the neighbours of up to 128 rows at a time. */
static duet_status search(duet_context *ctx, const duet_head *head, const float *x, int64_t rows,
                          int k, heard hear, void *user) {
    const knn_state *s = head->state;
    const int64_t D = head->dim, M = options_of(head)->rows, Q = DUET_NEAR_QUERIES;
    duet_near near = {0};
    float *query = NULL;
    duet_status status = DUET_OK;
    DUET_DO(duet_near_new(&near, k, D));
    DUET_DO(duet_alloc(&query, Q * D, sizeof *query));
    for (int64_t at = 0; at < rows; at += Q) {
        const int64_t count = rows - at < Q ? rows - at : Q;
        DUET_DO(duet_check_cancelled(ctx));
        prepare(head, x + at * D, count, query);
        duet_near_begin(&near, count);
        for (int64_t b = 0; b < M; b += ROUND)
            duet_near_add(&near, query, count, s->rows + b * D, s->bias + b, b,
                          M - b < ROUND ? M - b : ROUND);
        hear(head, &near, query, at, count, user);
    }
done:
    duet_near_free(&near);
    duet_release(query);
    return status;
}

static void hear_logits(const duet_head *head, const duet_near *near, const float *query,
                        int64_t first, int64_t rows, void *user) {
    float *logits = user;
    for (int64_t i = 0; i < rows; i++)
        vote(head, near, i, near->k, duet_near_square(query + i * head->dim, head->dim),
             logits + (first + i) * head->classes);
}

static int neighbours_of(const duet_head *head) {
    const knn_options *o = options_of(head);
    const int64_t k = o->k > 0 ? o->k : USUAL;
    return (int)(k < o->rows ? k : o->rows);
}

static void apply(const duet_head *head, const float *x, int64_t rows, float *logits) {
    if (search(NULL, head, x, rows, neighbours_of(head), hear_logits, logits) != DUET_OK)
        memset(logits, 0, (size_t)(rows * head->classes) * sizeof *logits);
}

/* ---- the choice of k ---- */

typedef struct trial {
    const int32_t *labels;
    int64_t right[DUET_COUNT(tried)];
    float *logits; /* [K] */
} trial;

static void hear_trial(const duet_head *head, const duet_near *near, const float *query,
                       int64_t first, int64_t rows, void *user) {
    trial *t = user;
    for (int64_t i = 0; i < rows; i++) {
        const double square = duet_near_square(query + i * head->dim, head->dim);
        for (int k = 0; k < DUET_COUNT(tried) && tried[k] <= near->k; k++) {
            int best = 0;
            vote(head, near, i, tried[k], square, t->logits);
            for (int c = 1; c < head->classes; c++)
                if (t->logits[c] > t->logits[best]) best = c;
            t->right[k] += best == t->labels[first + i];
        }
    }
}

static duet_status choose(duet_context *ctx, duet_head *head, const duet_feature_table *val,
                          duet_head_result *result) {
    knn_options *o = options_of(head);
    trial t = {.labels = val->labels};
    int most = tried[0], best = 0;
    for (int k = 0; k < DUET_COUNT(tried); k++)
        if (tried[k] <= o->rows) most = tried[k];
    DUET_TRY(duet_alloc(&t.logits, head->classes, sizeof *t.logits));
    const duet_status status = search(ctx, head, val->x, val->rows, most, hear_trial, &t);
    duet_release(t.logits);
    if (status != DUET_OK) return status;
    for (int k = 1; k < DUET_COUNT(tried); k++)
        if (t.right[k] > t.right[best]) best = k;
    o->k = tried[best];
    result->val_top1 = 100.0 * (double)t.right[best] / (double)val->rows;
    duet_choice chosen = head->choice;
    ((knn_options *)&chosen.options)->k = o->k;
    ((knn_options *)&chosen.options)->rows = 0;
    return duet_choice_spell(&chosen, result->chosen, sizeof result->chosen);
}

static duet_status fit_knn(duet_context *ctx, duet_head *head, const duet_head_fit *fit,
                           duet_head_result *result) {
    knn_options *o = options_of(head);
    const int held = duet_linalg_set_threads(duet_context_threads(ctx));
    duet_status status = DUET_OK;
    *result = (duet_head_result){.val_top1 = NAN, .converged = true, .iterations = 1};
    DUET_DO(duet_check_cancelled(ctx));
    o->rows = fit->train->rows;
    DUET_DO(make(ctx, head));
    const knn_state *s = head->state;
    prepare(head, fit->train->x, o->rows, s->rows);
    for (int64_t i = 0; i < o->rows; i++) s->labels[i] = (float)fit->train->labels[i];
    ready(head);
    if (fit->val == NULL) goto done;
    if (o->k == 0) {
        DUET_DO(choose(ctx, head, fit->val, result));
    } else {
        float *logits = NULL;
        DUET_DO(duet_alloc(&logits, fit->val->rows * head->classes, sizeof *logits));
        result->val_top1 = duet_head_top1(head, fit->val, logits);
        duet_release(logits);
    }
done:
    duet_linalg_set_threads(held);
    return status;
}

const duet_head_kind duet_head_knn = {
    .info = {.name = "knn",
             .help = "the nearest training rows vote",
             .params = DUET_TABLE(params, knn_options)},
    .make = make,
    .fit = fit_knn,
    .tensors = tensors,
    .ready = ready,
    .logits = apply,
};
