/* SPDX-License-Identifier: MIT
 * Rows of more features than there are rows: their axes give them back, and logistic regression
 * along the axes has the minimum that it has on all features. */
#include "unit/data/fixtures.h"

#include <math.h>

#include <duet/head.h>

#include "base/mem.h"
#include "base/rng.h"
#include "head/newton.h"
#include "head/span.h"

enum { ROWS = 40, DIM = 700, CLASSES = 3, RANK = ROWS - 2, VARIABLES = CLASSES * (DIM + 1) };

static float x[ROWS * DIM];
static int32_t labels[ROWS];

/* Of falling size along the rows; row 7 stands twice, and the mean of all is 0: rank ROWS - 2. */
static int make_rows(void **state) {
    (void)state;
    duet_rng_normal(duet_rng_make(1, "test", 0), 0, x, ROWS * DIM);
    for (int i = 0; i < ROWS; i++) {
        labels[i] = i % CLASSES;
        for (int j = 0; j < DIM; j++) {
            x[i * DIM + j] *= powf(0.9F, (float)i);
            x[i * DIM + j] += j % CLASSES == labels[i] ? 0.3F : 0.0F;
        }
    }
    memcpy(x + 8 * DIM, x + 7 * DIM, sizeof(float[DIM]));
    for (int j = 0; j < DIM; j++) {
        double mean = 0;
        for (int i = 0; i < ROWS; i++) mean += (double)x[i * DIM + j] / ROWS;
        for (int i = 0; i < ROWS; i++) x[i * DIM + j] -= (float)mean;
    }
    return 0;
}

static void axes_are_orthonormal(void **state) {
    (void)state;
    duet_span s = {0}, other = {0};
    OK(duet_span_new(&s, x, ROWS, DIM, 1));
    assert_int_equal(s.rank, RANK);
    double apart = 0, lost = 0;
    for (int64_t a = 0; a < s.rank; a++)
        for (int64_t b = 0; b <= a; b++) {
            double product = 0;
            for (int j = 0; j < DIM; j++) product += s.axes[a * DIM + j] * s.axes[b * DIM + j];
            apart = fmax(apart, fabs(product - (a == b)));
        }
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < DIM; j++) {
            double back = 0;
            for (int64_t k = 0; k < s.rank; k++)
                back += (double)s.x[i * s.rank + k] * s.axes[k * DIM + j];
            lost = fmax(lost, fabs(back - (double)x[i * DIM + j]));
        }
    assert_true(apart < 1e-8 && lost < 1e-5);
    OK(duet_span_new(&other, x, ROWS, DIM, 3));
    assert_memory_equal(s.x, other.x, (size_t)(ROWS * s.rank) * sizeof *s.x);
    assert_memory_equal(s.axes, other.axes, (size_t)(s.rank * DIM) * sizeof *s.axes);
    duet_span_free(&s);
    duet_span_free(&other);
}

/* W on all features, by Newton's method on them. */
static void solve(duet_context *ctx, double strength, double *w) {
    const duet_logistic_data data = {
        .x = x, .labels = labels, .rows = ROWS, .dim = DIM, .classes = CLASSES};
    const duet_logistic_limits limits = {.passes = 4000, .gap = 1e-10};
    duet_logistic *problem = NULL;
    duet_newton *newton = NULL;
    duet_logistic_result result;
    OK(duet_logistic_new(ctx, &problem, &data));
    OK(duet_newton_new(&newton, problem, 2048));
    OK(duet_newton_fit(newton, &strength, 1, &limits, &w, &result));
    assert_true(result.converged);
    duet_newton_free(newton);
    duet_logistic_free(problem);
}

static void heads_are_the_same(void **state) {
    (void)state;
    static double w[VARIABLES], back[VARIABLES], narrow[CLASSES * (ROWS + 1)];
    static float logits[ROWS * CLASSES];
    const duet_context_options options = {.threads = 2};
    duet_context *ctx = NULL;
    duet_head *head = NULL;
    duet_span s = {0};
    duet_head_result result;
    duet_feature_table table = {.x = x, .labels = labels, .rows = ROWS, .dim = DIM};
    const duet_head_fit fit = {.train = &table, .class_count = CLASSES, .strength = 0.01};
    OK(duet_context_new(&ctx, &options));
    solve(ctx, fit.strength, w);
    OK(duet_span_new(&s, x, ROWS, DIM, 1)); /* the solution lies in the span */
    duet_span_narrow(&s, CLASSES, w, narrow);
    duet_span_widen(&s, CLASSES, narrow, back);
    for (int i = 0; i < VARIABLES; i++) assert_true(fabs(back[i] - w[i]) < 1e-5);
    duet_span_free(&s);

    assert_true(duet_span_pays(ROWS, DIM) && !duet_span_pays(DIM, DIM));
    OK(duet_head_train(ctx, &head, "linear:features=raw", &fit, &result));
    duet_head_logits(head, x, ROWS, logits);
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < CLASSES; k++) {
            double z = w[CLASSES * DIM + k];
            for (int j = 0; j < DIM; j++) z += w[k * DIM + j] * (double)x[i * DIM + j];
            assert_true(fabs(z - (double)logits[i * CLASSES + k]) < 0.02);
        }
    duet_head_free(head);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(axes_are_orthonormal),
                                       cmocka_unit_test(heads_are_the_same)};
    return cmocka_run_group_tests(tests, make_rows, NULL);
}
