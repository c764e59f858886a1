/* SPDX-License-Identifier: MIT
 * The curve over the number of labels: its heads against ridge regressions that really leave each
 * row out, its points, and that neither threads nor the other points change a draw. */
#include "unit/data/fixtures.h"

#include <math.h>

#include "base/linalg.h"
#include "base/rng.h"
#include "study/few.h"
#include "study/few_ridge.h"

enum { K = 3, ROWS = 240, TESTS = 90, DIM = 12 };

typedef struct set {
    float x[ROWS * DIM];
    int32_t y[ROWS];
    int64_t index[ROWS];
    duet_feature_table table;
} set;

/* Classes that overlap; the first column is constant, the last one far from zero. */
static void make(set *s, int rows, int dim, uint64_t seed) {
    duet_rng_normal(duet_rng_make(seed, "few", 0), 0, s->x, (int64_t)rows * dim);
    for (int i = 0; i < rows; i++) {
        s->y[i] = (i + i / K) % K;
        s->index[i] = i;
        s->x[i * dim + 1 + s->y[i]] += 1.5f;
        s->x[i * dim] = 3;
        s->x[i * dim + dim - 1] = 40 + 5 * s->x[i * dim + dim - 1];
    }
    s->table = (duet_feature_table){
        .rows = rows, .dim = dim, .x = s->x, .labels = s->y, .index = s->index, .reader = "model"};
}

/* ---- a head against its definition ---- */

typedef struct plain { /* standardised by all rows, in double */
    int n, dim;
    double x[ROWS * DIM], mean[DIM], scale[DIM];
    int y[ROWS];
} plain;

static void standardise(plain *p, const set *s, const int64_t *order, int n) {
    const int D = (int)s->table.dim;
    *p = (plain){.n = n, .dim = D};
    for (int c = 0; c < D; c++) {
        double sum = 0, square = 0;
        for (int i = 0; i < n; i++) sum += (double)s->x[order[i] * D + c];
        for (int i = 0; i < n; i++) square += pow((double)s->x[order[i] * D + c] - sum / n, 2);
        p->mean[c] = sum / n;
        p->scale[c] = square > 1e-9 ? 1 / sqrt(square / n) : 0;
        for (int i = 0; i < n; i++)
            p->x[i * D + c] = ((double)s->x[order[i] * D + c] - p->mean[c]) * p->scale[c];
    }
    for (int i = 0; i < n; i++) p->y[i] = s->y[order[i]];
}

/* Ridge regression with an intercept on all rows but `left` (-1: on all): w[DIM + 1, K], the last
 * row is the intercept. The penalty is n strength |W|^2 beside the sum of squares, n of all rows.
 */
static void fit(const plain *p, int left, double strength, double w[(DIM + 1) * K]) {
    double a[(DIM + 1) * (DIM + 1)] = {0};
    const int side = p->dim + 1;
    memset(w, 0, sizeof(double) * (DIM + 1) * K);
    for (int i = 0; i < p->n; i++) {
        if (i == left) continue;
        for (int c = 0; c < side; c++) {
            const double xc = c < p->dim ? p->x[i * p->dim + c] : 1;
            for (int d = 0; d < side; d++)
                a[c * side + d] += xc * (d < p->dim ? p->x[i * p->dim + d] : 1);
            w[c * K + p->y[i]] += xc;
        }
    }
    for (int c = 0; c < p->dim; c++) a[c * side + c] += p->n * strength;
    OK(duet_solve_spd_f64(side, K, a, w));
}

/* The sum of squares; *found: what the values say of each row's class. */
static double left_out_error(const plain *p, double strength, duet_left_out *found) {
    double sum = 0, w[(DIM + 1) * K];
    *found = (duet_left_out){0};
    for (int i = 0; i < p->n; i++) {
        double at[K];
        int rank = 1;
        fit(p, i, strength, w);
        for (int k = 0; k < K; k++) {
            at[k] = w[p->dim * K + k];
            for (int c = 0; c < p->dim; c++) at[k] += p->x[i * p->dim + c] * w[c * K + k];
            sum += pow(at[k] - (k == p->y[i]), 2);
        }
        for (int k = 0; k < K; k++) rank += at[k] > at[p->y[i]];
        found->top1 += rank == 1 ? 100.0 / p->n : 0;
        found->log_rank += log2(rank) / p->n;
    }
    return sum;
}

/* More rows than features, and fewer. */
static void heads_are_ridge_regressions_of_the_smallest_left_out_error(void **state) {
    (void)state;
    static set s;
    static plain p;
    static const int rows[] = {60, 31, 9};
    for (int t = 0; t < 3; t++) {
        int64_t order[ROWS];
        float folded[K * DIM], offset[K];
        double w[(DIM + 1) * K], best = 0, least = INFINITY;
        duet_left_out unused;
        make(&s, 120, DIM, (uint64_t)t);
        for (int i = 0; i < rows[t]; i++) order[i] = 119 - 2 * (i % 60);
        standardise(&p, &s, order, rows[t]);
        for (int i = 0; i < DUET_FEW_STRENGTHS; i++) {
            const double error = left_out_error(&p, duet_few_strengths[i], &unused);
            if (!(error < least)) continue;
            least = error;
            best = duet_few_strengths[i];
        }
        fit(&p, -1, best, w);
        OK(duet_few_ridge(&s.table, order, rows[t], K, folded, offset));
        for (int k = 0; k < K; k++) {
            double at = w[DIM * K + k];
            for (int c = 0; c < DIM; c++) {
                const double weight = w[c * K + k] * p.scale[c];
                assert_true(fabs((double)folded[k * DIM + c] - weight) < 2e-6);
                at -= weight * p.mean[c];
            }
            assert_true(fabs((double)offset[k] - at) < 1e-5);
        }
    }
}

static void rows_are_foretold_as_by_heads_that_have_not_seen_them(void **state) {
    (void)state;
    static set s;
    static plain p;
    static const int rows[] = {90, 11};
    int64_t order[ROWS];
    for (int i = 0; i < ROWS; i++) order[i] = i;
    for (int t = 0; t < 2; t++) {
        duet_left_out wanted = {0}, found;
        double least = INFINITY;
        make(&s, rows[t], DIM, 7 + (uint64_t)t);
        standardise(&p, &s, order, rows[t]);
        for (int i = 0; i < DUET_FEW_STRENGTHS; i++) {
            duet_left_out one;
            const double error = left_out_error(&p, duet_few_strengths[i], &one);
            if (!(error < least)) continue;
            least = error;
            wanted = one;
        }
        OK(duet_few_ridge_left_out(&found, &s.table, K));
        assert_true(wanted.top1 > 40 && wanted.top1 < 99 && wanted.log_rank > 0.01);
        assert_true(fabs(found.top1 - wanted.top1) < 1e-9);
        assert_true(fabs(found.log_rank - wanted.log_rank) < 1e-9);
    }
}

static void features_that_are_no_numbers_are_refused(void **state) {
    (void)state;
    static set s;
    const int64_t order[] = {0, 1, 2, 3, 4, 5};
    float folded[K * DIM], offset[K];
    make(&s, 30, DIM, 1);
    s.x[2 * DIM + 4] = NAN;
    FAILS(DUET_NUMERIC, "NaN", duet_few_ridge(&s.table, order, 6, K, folded, offset));
}

/* ---- the points ---- */

static void points_follow_the_rows(void **state) {
    (void)state;
    static set s;
    duet_few_plan plan;
    const duet_int_list usual = {.count = 0}, given = {.count = 4, .v = {40, 3, 1000, 2000}};
    make(&s, ROWS, DIM, 0);
    duet_few_choose(&plan, &s.table, TESTS, K, DIM, &usual, 0, 0);
    static const int64_t shots[] = {1, 2, 5, 10, 20, 50};
    static const int draws[] = {10, 10, 10, 8, 4, 1};
    assert_int_equal(plan.count, 6); /* 80 rows a class; 100 of each are too many */
    for (int i = 0; i < 6; i++)
        assert_true(plan.shots[i] == shots[i] && plan.labels[i] == K * shots[i] &&
                    plan.draws[i] == draws[i]);
    assert_int_equal(plan.test_rows, TESTS);
    duet_few_choose(&plan, &s.table, TESTS, K, DIM, &given, 0, 0);
    assert_int_equal(plan.count, 3); /* sorted; 1000 of each are all there are, and so are 2000 */
    assert_true(plan.shots[0] == 3 && plan.shots[1] == 40 && plan.labels[2] == ROWS &&
                plan.draws[2] == 1);
    duet_few_choose(&plan, &s.table, 100000, 1000, 16384, &usual, 0, 0);
    assert_int_equal(plan.test_rows, 2000);
    duet_few_choose(&plan, &s.table, 5000, K, DIM, &usual, 1e6, 0); /* little time */
    assert_true(plan.count < 6 && plan.draws[0] == 3 && plan.test_rows == 2000);
    for (int i = 0; i < ROWS; i++) s.y[i] = 1; /* one class */
    duet_few_choose(&plan, &s.table, TESTS, K, DIM, &usual, 0, 0);
    assert_int_equal(plan.count, 0);
}

static void more_labels_are_better_and_threads_change_nothing(void **state) {
    (void)state;
    static set s, t;
    duet_few_plan plan;
    duet_few_row one[DUET_FEW_POINTS], three[DUET_FEW_POINTS], alone;
    const duet_int_list usual = {.count = 0};
    make(&s, ROWS, DIM, 2);
    make(&t, TESTS, DIM, 3);
    duet_few_choose(&plan, &s.table, TESTS, K, DIM, &usual, 0, 5);
    for (int threads = 1; threads <= 3; threads += 2) {
        duet_context *ctx = NULL;
        OK(duet_context_new(&ctx, &(duet_context_options){.threads = threads}));
        OK(duet_few_measure(ctx, threads == 1 ? one : three, &plan, &s.table, &t.table));
        duet_context_free(ctx);
    }
    for (int i = 0; i < plan.count; i++) {
        assert_true(one[i].top1 == three[i].top1 && one[i].shots == plan.shots[i]);
        assert_true(one[i].draws > 1 ? one[i].top1_std == three[i].top1_std
                                     : isnan(one[i].top1_std));
        assert_string_equal(one[i].reader, "model");
    }
    assert_true(one[0].top1 > 100.0 / K && one[4].top1 > one[0].top1 + 5 && one[0].top1_std > 0);
    plan.shots[0] = plan.shots[3]; /* a point does not depend on the others */
    plan.labels[0] = plan.labels[3];
    plan.draws[0] = plan.draws[3];
    plan.count = 1;
    OK(duet_few_measure(NULL, &alone, &plan, &s.table, &t.table));
    assert_true(alone.top1 == one[3].top1 && alone.top1_std == one[3].top1_std);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_ridge_regressions_of_the_smallest_left_out_error),
        cmocka_unit_test(rows_are_foretold_as_by_heads_that_have_not_seen_them),
        cmocka_unit_test(features_that_are_no_numbers_are_refused),
        cmocka_unit_test(points_follow_the_rows),
        cmocka_unit_test(more_labels_are_better_and_threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
