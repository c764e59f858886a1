/* SPDX-License-Identifier: MIT
 * study/few.c: see few.h. Draw d takes the first rows of each class in an order of its own, so that
 * the rows of fewer labels are among those of more. */
#include "study/few.h"

#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "study/few_ridge.h"
#include "study/study.h"

#define MOST_COST  4e10 /* of all heads of a reader, in floating-point operations */
#define MOST_TESTS 2e9  /* rows x features x classes of a test */
#define MOST_BYTES 1e9  /* of the heads that are fitted at once */
enum { LEAST_TESTS = 2000, MOST_DRAWS = 10, FEW = 10 };

/* ---- the points ---- */

/* Of points of few labels; more where `most` is no limit, fewer (at least 3) where it is tight. */
static int draws_wanted(int64_t shots, double part) {
    const double wanted = part * (shots <= FEW ? 10 : shots <= 50 ? 5 : 3);
    return wanted < 3 ? 3 : (int)wanted;
}

static void count_classes(const duet_feature_table *train, int classes, int64_t *size) {
    for (int64_t i = 0; i < train->rows; i++)
        if (train->labels[i] >= 0 && train->labels[i] < classes) size[train->labels[i]]++;
}

/* Rows of up to `shots` of each class; *seen: classes that have any. */
static int64_t labels_of(const int64_t *size, int classes, int64_t shots, int64_t *seen) {
    int64_t labels = 0;
    *seen = 0;
    for (int c = 0; c < classes; c++) {
        labels += size[c] < shots ? size[c] : shots;
        *seen += size[c] > 0;
    }
    return labels;
}

/* 1, 2, 5, 10, 20, 50, … */
static int64_t usual_shots(int point) {
    static const int64_t first[] = {1, 2, 5};
    int64_t shots = first[point % 3];
    for (int i = 0; i < point / 3; i++) shots *= 10;
    return shots;
}

static double cost_of(const duet_few_plan *plan, int64_t labels, int64_t dim) {
    return duet_few_ridge_cost(labels, dim) + 2.0 * (double)(plan->test_rows * dim * plan->classes);
}

/* How much of 10 draws of 1, 2, 5 and 10 labels a class is possible. */
static double part_of(const duet_few_plan *plan, int64_t dim, double most) {
    double cost = 0;
    for (int i = 0; usual_shots(i) <= FEW; i++)
        cost += 10 * cost_of(plan, usual_shots(i) * plan->classes, dim);
    return cost > most ? most / cost : 1.0;
}

/* Points of at most 10 labels a class may cost 4 times as much as all. */
static void choose(duet_few_plan *out, const duet_feature_table *train, const int64_t *size,
                   int64_t dim, const duet_int_list *asked, double most) {
    duet_int_list list = *asked, *const wanted = &list;
    const bool usual = wanted->count == 0;
    const double part = part_of(out, dim, most);
    double cost = 0;
    duet_study_sort(wanted);
    for (int i = 0; i < (usual ? 30 : wanted->count) && out->count < DUET_FEW_POINTS; i++) {
        const int64_t shots = usual ? usual_shots(i) : wanted->v[i];
        int64_t seen = 0, draws = draws_wanted(shots, part);
        const int64_t labels = labels_of(size, out->classes, shots, &seen);
        if (labels < 2 || seen < 2) return;
        if (out->count > 0 && labels <= out->labels[out->count - 1]) continue;
        if (usual && 10 * labels < 9 * shots * seen) return; /* too many classes have fewer */
        if (draws > train->rows / labels) draws = train->rows / labels;
        cost += (double)draws * cost_of(out, labels, dim);
        if (usual && cost > (shots <= FEW ? 4 * most : most)) return;
        out->shots[out->count] = shots;
        out->labels[out->count] = labels;
        out->draws[out->count++] = (int)draws;
    }
}

void duet_few_choose(duet_few_plan *out, const duet_feature_table *train, int64_t tests,
                     int classes, int64_t dim, const duet_int_list *wanted, double most,
                     uint64_t seed) {
    int64_t *size = NULL;
    const double fit = most > 0 ? LEAST_TESTS : MOST_TESTS / ((double)dim * classes);
    *out = (duet_few_plan){.classes = classes, .seed = seed, .test_rows = tests};
    if (fit < (double)tests)
        out->test_rows = fit > LEAST_TESTS     ? (int64_t)fit
                         : tests < LEAST_TESTS ? tests
                                               : LEAST_TESTS;
    if (duet_alloc(&size, classes, sizeof *size) != DUET_OK) return; /* then there is no curve */
    count_classes(train, classes, size);
    choose(out, train, size, dim, wanted, most > 0 ? most : MOST_COST);
    duet_release(size);
}

/* ---- a draw ---- */

typedef struct draw {
    const duet_feature_table *train;
    const float *test; /* [test_rows,dim] */
    const int32_t *labels;
    const duet_few_plan *plan;
    int64_t *order; /* [rows]: the rows by class in the order of the draw */
    double top1;
    duet_status status;
    duet_failure failure;
} draw;

/* The first `shots` rows of each class of a permutation, to the front of `order`. */
static duet_status draw_rows(const draw *d, uint64_t number, int64_t shots, int64_t *count) {
    const duet_few_plan *plan = d->plan;
    int64_t *taken = NULL;
    DUET_TRY(duet_alloc(&taken, plan->classes, sizeof *taken));
    duet_rng_permutation(duet_rng_make(plan->seed, "few labels", number), d->order, d->train->rows);
    *count = 0;
    for (int64_t i = 0; i < d->train->rows; i++) {
        const int32_t c = d->train->labels[d->order[i]];
        if (c >= 0 && c < plan->classes && taken[c]++ < shots) d->order[(*count)++] = d->order[i];
    }
    duet_release(taken);
    return DUET_OK;
}

static duet_status test_draw(draw *d, const float *folded, const float *offset) {
    const int64_t M = d->plan->test_rows, D = d->train->dim;
    const int K = d->plan->classes;
    float *logits = NULL;
    duet_accuracy accuracy = {0};
    duet_status status = DUET_OK;
    DUET_DO(duet_alloc(&logits, M * K, sizeof *logits));
    DUET_DO(duet_accuracy_new(&accuracy, K));
    for (int64_t i = 0; i < M; i++) memcpy(logits + i * K, offset, (size_t)K * sizeof *logits);
    duet_gemm_f32(false, true, M, K, D, 1.0f, d->test, D, folded, D, 1.0f, logits, K);
    duet_accuracy_add(&accuracy, logits, d->labels, M);
    d->top1 = duet_accuracy_top1(&accuracy);
done:
    duet_accuracy_free(&accuracy);
    duet_release(logits);
    return status;
}

static duet_status run_draw(draw *d, uint64_t number, int64_t shots) {
    duet_status status = DUET_OK;
    float *folded = NULL, *offset = NULL;
    const int K = d->plan->classes;
    int64_t count = 0;
    DUET_DO(duet_alloc(&d->order, d->train->rows, sizeof *d->order));
    DUET_DO(duet_alloc(&folded, K * d->train->dim, sizeof *folded));
    DUET_DO(duet_alloc(&offset, K, sizeof *offset));
    DUET_DO(draw_rows(d, number, shots, &count));
    DUET_DO(duet_few_ridge(d->train, d->order, count, K, folded, offset));
    DUET_DO(test_draw(d, folded, offset));
done:
    duet_release(d->order);
    duet_release(folded);
    duet_release(offset);
    d->order = NULL;
    return status;
}

/* ---- a reader ---- */

static void take_mean(duet_few_row *row, const draw *draws, int count) {
    double sum = 0, square = 0;
    for (int i = 0; i < count; i++) sum += draws[i].top1;
    row->top1 = sum / count;
    for (int i = 0; i < count; i++)
        square += (draws[i].top1 - row->top1) * (draws[i].top1 - row->top1);
    row->top1_std = count > 1 ? sqrt(square / (count - 1)) : (double)NAN;
}

static duet_status run_point(duet_context *ctx, duet_few_row *row, const draw *shared, int point) {
    const duet_few_plan *plan = shared->plan;
    const int count = plan->draws[point];
    const int64_t shots = plan->shots[point];
    draw draws[MOST_DRAWS];
    int threads = duet_context_threads(ctx);
    const double room = MOST_BYTES / duet_few_ridge_bytes(plan->labels[point], shared->train->dim);
    if (room < (double)threads) threads = room > 1 ? (int)room : 1;
    for (int i = 0; i < count; i++) draws[i] = *shared;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) if (threads > 1)
    for (int i = 0; i < count; i++) {
        draws[i].status = run_draw(&draws[i], (uint64_t)i, shots);
        if (draws[i].status != DUET_OK) duet_failure_take(&draws[i].failure);
    }
    for (int i = 0; i < count; i++) {
        if (draws[i].status == DUET_OK) continue;
        duet_failure_put(&draws[i].failure);
        return draws[i].status;
    }
    *row = (duet_few_row){.shots = shots, .labels = plan->labels[point], .draws = count};
    (void)duet_copy_text(row->reader, sizeof row->reader, shared->train->reader);
    take_mean(row, draws, count);
    return DUET_OK;
}

/* Evenly spread rows of the test, where not all are taken. */
static duet_status thin(const duet_feature_table *test, int64_t rows, float **x, int32_t **labels) {
    const int64_t D = test->dim;
    DUET_TRY(duet_alloc(x, rows * D, sizeof **x));
    DUET_TRY(duet_alloc(labels, rows, sizeof **labels));
    for (int64_t i = 0; i < rows; i++) {
        const int64_t from = i * test->rows / rows;
        memcpy(*x + i * D, test->x + from * D, (size_t)D * sizeof **x);
        (*labels)[i] = test->labels[from];
    }
    return DUET_OK;
}

duet_status duet_few_measure(duet_context *ctx, duet_few_row *rows, const duet_few_plan *plan,
                             const duet_feature_table *train, const duet_feature_table *test) {
    const int held = duet_linalg_set_threads(1);
    duet_status status = DUET_OK;
    float *x = NULL;
    int32_t *labels = NULL;
    if (plan->test_rows < test->rows) DUET_DO(thin(test, plan->test_rows, &x, &labels));
    const draw shared = {.train = train,
                         .test = x != NULL ? x : test->x,
                         .labels = x != NULL ? labels : test->labels,
                         .plan = plan};
    for (int i = 0; i < plan->count; i++) {
        DUET_DO(duet_check_cancelled(ctx));
        DUET_DO(run_point(ctx, &rows[i], &shared, i));
        duet_progress_report(ctx, "few labels", "points", i + 1, plan->count, NULL);
    }
done:
    duet_linalg_set_threads(held);
    duet_release(x);
    duet_release(labels);
    return status;
}

duet_status duet_few_rate(double *out, const duet_feature_table *table, int classes) {
    duet_status status = DUET_OK;
    int64_t *order = NULL;
    float *folded = NULL, *offset = NULL;
    int64_t rows = 0;
    const int held = duet_linalg_set_threads(1);
    DUET_DO(duet_alloc(&order, table->rows, sizeof *order));
    DUET_DO(duet_alloc(&folded, classes * table->dim, sizeof *folded));
    DUET_DO(duet_alloc(&offset, classes, sizeof *offset));
    for (int64_t i = 0; i < table->rows; i++)
        if (table->labels[i] >= 0 && table->labels[i] < classes) order[rows++] = i;
    const double began = duet_clock();
    DUET_DO(duet_few_ridge(table, order, rows, classes, folded, offset));
    const double seconds = duet_clock() - began;
    *out = duet_few_ridge_cost(rows, table->dim) / (seconds > 1e-6 ? seconds : 1e-6);
done:
    duet_linalg_set_threads(held);
    duet_release(order);
    duet_release(folded);
    duet_release(offset);
    return status;
}
