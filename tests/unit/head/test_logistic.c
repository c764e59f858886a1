/* SPDX-License-Identifier: MIT
 * Logistic regression against scikit-learn (tests/golden/make_head_goldens.py), its gradient
 * against differences, what it says about convergence, and how the head of the family `linear`
 * chooses its strength. */
#include "unit/data/fixtures.h"

#include <math.h>

#include <duet/head.h>
#include <duet/store.h>

#include "base/mem.h"
#include "base/rng.h"
#include "head/narrow.h"
#include "head/newton.h"
#include "head/scaling.h"

enum {
    ROWS = 120,
    QUERIES = 30,
    DIM = 10,
    CLASSES = 4,
    STRENGTHS = 4,
    VARIABLES = CLASSES * DIM + CLASSES
};

typedef struct golden {
    float X[ROWS * DIM], Q[QUERIES * DIM], Z[ROWS * DIM]; /* Z: X standardised */
    int32_t y[ROWS];
    double strength[STRENGTHS], coef[STRENGTHS][CLASSES * DIM], bias[STRENGTHS][CLASSES],
        loss[STRENGTHS];
    double logits[STRENGTHS][QUERIES * CLASSES];
} golden;

static golden g;

static void standardise(float *z, const float *x) {
    for (int c = 0; c < DIM; c++) {
        double mean = 0, square = 0;
        for (int i = 0; i < ROWS; i++) mean += (double)x[i * DIM + c] / ROWS;
        for (int i = 0; i < ROWS; i++)
            square += ((double)x[i * DIM + c] - mean) * ((double)x[i * DIM + c] - mean) / ROWS;
        for (int i = 0; i < ROWS; i++)
            z[i * DIM + c] =
                square > 0 ? (float)(((double)x[i * DIM + c] - mean) / sqrt(square)) : 0.0f;
    }
}

static int load_goldens(void **unused) {
    (void)unused;
    duet_store *store = NULL;
    OK(duet_store_open(&store, DUET_SOURCE_DIR "/tests/golden/head.npz"));
    OK(duet_store_read(store, "X", DUET_F32, g.X));
    OK(duet_store_read(store, "Q", DUET_F32, g.Q));
    OK(duet_store_read(store, "y", DUET_I32, g.y));
    OK(duet_store_read(store, "strength", DUET_F64, g.strength));
    OK(duet_store_read(store, "coef", DUET_F64, g.coef));
    OK(duet_store_read(store, "bias", DUET_F64, g.bias));
    OK(duet_store_read(store, "loss", DUET_F64, g.loss));
    OK(duet_store_read(store, "logits", DUET_F64, g.logits));
    duet_store_close(store);
    standardise(g.Z, g.X);
    return 0;
}

static duet_logistic *make_problem(int threads, duet_context **ctx) {
    const duet_context_options options = {.threads = threads};
    const duet_logistic_data data = {
        .x = g.Z, .labels = g.y, .rows = ROWS, .dim = DIM, .classes = CLASSES};
    duet_logistic *problem = NULL;
    OK(duet_context_new(ctx, &options));
    OK(duet_logistic_new(*ctx, &problem, &data));
    assert_int_equal(duet_logistic_variables(problem), VARIABLES);
    return problem;
}

static void solve(duet_logistic *problem, int64_t widest, double strength,
                  const duet_logistic_limits *limits, double *w, duet_logistic_result *result) {
    duet_newton *newton = NULL;
    OK(duet_newton_new(&newton, problem, widest));
    OK(duet_newton_fit(newton, &strength, 1, limits, &w, result));
    duet_newton_free(newton);
}

static double objective(duet_logistic *problem, double strength, const double *w,
                        double *gradient) {
    duet_logistic_lane lane = {.strength = strength, .at = w, .out = gradient};
    duet_logistic_pass(problem, &lane, 1);
    return lane.loss;
}

/* Largest difference over the RMS of `want`. */
static double off(const double *have, const double *want, int count) {
    double most = 0, square = 0;
    for (int i = 0; i < count; i++) {
        most = fmax(most, fabs(have[i] - want[i]));
        square += want[i] * want[i];
    }
    return most / sqrt(square / count);
}

static void golden_variables(double *w, int s) {
    memcpy(w, g.coef[s], sizeof g.coef[s]);
    memcpy(w + CLASSES * DIM, g.bias[s], sizeof g.bias[s]);
}

/* Both products against plain sums, over widths that leave every kind of rest. */
static void narrow_products_are_sums(void **unused) {
    (void)unused;
    enum { MOST_ROWS = 23, MOST_DIM = 43, MOST_COLUMNS = 61 };
    static float x[MOST_ROWS * MOST_DIM], w[MOST_COLUMNS * MOST_DIM], packed[64 * MOST_DIM],
        z[MOST_ROWS * 64], gradient[MOST_COLUMNS * MOST_DIM];
    duet_rng_normal(duet_rng_make(7, "test", 0), 0, x, MOST_ROWS * MOST_DIM);
    duet_rng_normal(duet_rng_make(7, "test", 1), 0, w, MOST_COLUMNS * MOST_DIM);
    for (int n = 1; n <= MOST_COLUMNS; n++) {
        const int rows = 1 + n % MOST_ROWS, d = 1 + 5 * n % MOST_DIM;
        const int64_t columns = duet_narrow_columns(n);
        duet_narrow_pack(w, n, d, packed);
        duet_narrow_forward(x, rows, d, packed, n, z);
        for (int i = 0; i < n * d; i++) gradient[i] = 1.0f;
        duet_narrow_backward(x, rows, d, z, n, gradient);
        for (int k = 0; k < n; k++) {
            for (int i = 0; i < rows; i++) {
                double sum = 0;
                for (int c = 0; c < d; c++) sum += (double)x[i * d + c] * (double)w[k * d + c];
                assert_true(fabs(sum - (double)z[i * columns + k]) < 1e-4);
            }
            for (int c = 0; c < d; c++) {
                double sum = 1;
                for (int i = 0; i < rows; i++)
                    sum += (double)z[i * columns + k] * (double)x[i * d + c];
                assert_true(fabs(sum - (double)gradient[k * d + c]) < 1e-3);
            }
        }
    }
}

/* Whole weights and as many rows as their sum: each row is drawn as often as it weighs. */
static void weighted_axes_are_those_of_the_sum(void **unused) {
    (void)unused;
    float weight[ROWS];
    int total = 0;
    for (int i = 0; i < ROWS; i++) {
        weight[i] = (float)(i % 4);
        total += i % 4;
    }
    duet_scaling s = {0};
    OK(duet_scaling_weighted(&s, g.Z, weight, ROWS, DIM, total, 2));
    for (int a = 0; a < DIM; a++)
        for (int b = 0; b < DIM; b++) {
            double want = 0, have = 0;
            for (int i = 0; i < ROWS; i++)
                want +=
                    (double)weight[i] * (double)g.Z[i * DIM + a] * (double)g.Z[i * DIM + b] / total;
            for (int k = 0; k < DIM; k++)
                have +=
                    (double)s.axes[a * DIM + k] * (double)s.values[k] * (double)s.axes[b * DIM + k];
            assert_true(fabs(have - want) < 1e-4);
        }
    duet_scaling_free(&s);
    for (int i = 0; i < ROWS; i++) weight[i] = 0;
    assert_int_equal(duet_scaling_weighted(&s, g.Z, weight, ROWS, DIM, total, 1), DUET_NUMERIC);
}

static void objective_is_that_of_sklearn(void **unused) {
    (void)unused;
    duet_context *ctx = NULL;
    duet_logistic *problem = make_problem(1, &ctx);
    for (int s = 0; s < STRENGTHS; s++) {
        double w[VARIABLES], gradient[VARIABLES];
        golden_variables(w, s);
        const double loss = objective(problem, g.strength[s], w, gradient);
        assert_true(fabs(loss - g.loss[s]) < 1e-6 * g.loss[s]);
        /* its minimum is ours */
        for (int i = 0; i < VARIABLES; i++) assert_true(fabs(gradient[i]) < 1e-6);
    }
    duet_logistic_free(problem);
    duet_context_free(ctx);
}

static void gradient_is_the_slope(void **unused) {
    (void)unused;
    duet_context *ctx = NULL;
    duet_logistic *problem = make_problem(1, &ctx);
    float draw[VARIABLES];
    double w[VARIABLES], gradient[VARIABLES], ignored[VARIABLES], slope[VARIABLES];
    duet_rng_normal(duet_rng_make(3, "test", 0), 0, draw, VARIABLES);
    for (int i = 0; i < VARIABLES; i++) w[i] = 0.3 * (double)draw[i];
    (void)objective(problem, 0.05, w, gradient);
    for (int i = 0; i < VARIABLES; i++) {
        const double at = w[i], step = 1e-2;
        double f[4];
        for (int k = 0; k < 4; k++) {
            w[i] = at + step * (double[]){-2, -1, 1, 2}[k];
            f[k] = objective(problem, 0.05, w, ignored);
        }
        w[i] = at;
        slope[i] = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step);
    }
    assert_true(off(gradient, slope, VARIABLES) < 1e-3);
    duet_logistic_free(problem);
    duet_context_free(ctx);
}

/* H v against differences of the gradient along v. */
static void curve_is_the_slope_of_the_gradient(void **unused) {
    (void)unused;
    duet_context *ctx = NULL;
    duet_logistic *problem = make_problem(1, &ctx);
    const double step = 1e-2;
    float draw[2 * VARIABLES];
    double w[VARIABLES], v[VARIABLES], at[VARIABLES], gradient[2][VARIABLES], product[VARIABLES],
        slope[VARIABLES];
    duet_rng_normal(duet_rng_make(4, "test", 0), 0, draw, 2 * VARIABLES);
    for (int i = 0; i < VARIABLES; i++) {
        w[i] = 0.3 * (double)draw[i];
        v[i] = (double)draw[VARIABLES + i];
    }
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < VARIABLES; i++) at[i] = w[i] + (side ? step : -step) * v[i];
        (void)objective(problem, 0.05, at, gradient[side]);
    }
    for (int i = 0; i < VARIABLES; i++) slope[i] = (gradient[1][i] - gradient[0][i]) / (2 * step);
    (void)objective(problem, 0.05, w, gradient[0]);
    duet_logistic_lane lane = {.strength = 0.05, .at = v, .curve = true, .out = product};
    duet_logistic_pass(problem, &lane, 1);
    assert_true(off(product, slope, VARIABLES) < 2e-3);
    duet_logistic_free(problem);
    duet_context_free(ctx);
}

static void finds_the_minimum(void **unused) {
    (void)unused;
    const duet_logistic_limits tight = {.passes = 2000, .gap = 1e-9};
    for (int scaled = 0; scaled < 2; scaled++) {
        duet_context *ctx = NULL;
        duet_logistic *problem = make_problem(1, &ctx);
        for (int s = 0; s < STRENGTHS; s++) {
            double w[VARIABLES] = {0}, want[VARIABLES];
            duet_logistic_result result = {0};
            golden_variables(want, s);
            solve(problem, scaled ? 4096 : 0, g.strength[s], &tight, w, &result);
            assert_true(result.converged && result.passes > 1);
            assert_true(fabs(result.loss - g.loss[s]) < 1e-6 * g.loss[s]);
            /* The weakest penalty leaves flat directions, in which f32 products cannot tell where
             * the minimum is (measured: 2.7e-3 without scaling, 2.2e-3 with). */
            const double difference = off(w, want, VARIABLES);
            if (difference > 5e-3)
                fail_msg("scaled %d, strength %g: off by %g", scaled, g.strength[s], difference);
        }
        duet_logistic_free(problem);
        duet_context_free(ctx);
    }
}

/* Side by side, each from where the one before it came near, they end where each ends alone: at
 * scikit-learn's minimum. */
static void strengths_side_by_side(void **unused) {
    (void)unused;
    const duet_logistic_limits tight = {.passes = 2000, .gap = 1e-9};
    const duet_context_options options = {.threads = 1};
    const duet_logistic_data data = {
        .x = g.Z, .labels = g.y, .rows = ROWS, .dim = DIM, .classes = CLASSES, .lanes = STRENGTHS};
    static double w[2][STRENGTHS][VARIABLES];
    duet_logistic_result results[STRENGTHS];
    for (int run = 0; run < 2; run++) {
        duet_context *ctx = NULL;
        duet_logistic *problem = NULL;
        duet_newton *newton = NULL;
        double *at[STRENGTHS];
        for (int s = 0; s < STRENGTHS; s++) at[s] = w[run][s];
        OK(duet_context_new(&ctx, run == 0 ? &options : &(duet_context_options){.threads = 3}));
        OK(duet_logistic_new(ctx, &problem, &data));
        OK(duet_newton_new(&newton, problem, 4096));
        FAILS(DUET_ARG, "there is room for 4",
              duet_newton_fit(newton, g.strength, STRENGTHS + 1, &tight, at, results));
        OK(duet_newton_fit(newton, g.strength, STRENGTHS, &tight, at, results));
        for (int s = 0; s < STRENGTHS; s++) {
            double want[VARIABLES];
            golden_variables(want, s);
            assert_true(results[s].converged);
            assert_true(fabs(results[s].loss - g.loss[s]) < 1e-6 * g.loss[s]);
            assert_true(off(w[run][s], want, VARIABLES) < 5e-3); /* as alone */
        }
        duet_newton_free(newton);
        duet_logistic_free(problem);
        duet_context_free(ctx);
    }
    assert_memory_equal(w[0], w[1], sizeof w[0]);
}

/* Lanes of one pass do not see each other: F of one and H v of another are what each is alone. */
static void lanes_of_a_pass_are_apart(void **unused) {
    (void)unused;
    const duet_logistic_data data = {
        .x = g.Z, .labels = g.y, .rows = ROWS, .dim = DIM, .classes = CLASSES, .lanes = 2};
    duet_logistic *problem = NULL;
    float draw[2 * VARIABLES];
    double w[2][VARIABLES], alone[2][VARIABLES], both[2][VARIABLES];
    duet_rng_normal(duet_rng_make(5, "test", 0), 0, draw, 2 * VARIABLES);
    for (int i = 0; i < 2 * VARIABLES; i++) w[i / VARIABLES][i % VARIABLES] = 0.3 * (double)draw[i];
    OK(duet_logistic_new(NULL, &problem, &data));
    duet_logistic_lane lanes[] = {{.place = 1, .strength = 0.1, .at = w[0], .out = alone[0]},
                                  {.place = 0, .strength = 0.2, .at = w[1], .out = alone[1]}};
    duet_logistic_pass(problem, &lanes[0], 1);
    duet_logistic_pass(problem, &lanes[1], 1);
    const double loss = lanes[1].loss;
    lanes[0].curve = true; /* at the w of its place */
    duet_logistic_pass(problem, &lanes[0], 1);
    lanes[0].out = both[0];
    lanes[1].out = both[1];
    duet_logistic_pass(problem, lanes, 2);
    assert_true(fabs(lanes[1].loss - loss) < 1e-6 * loss);
    for (int l = 0; l < 2; l++) assert_true(off(both[l], alone[l], VARIABLES) < 1e-5);
    duet_logistic_free(problem);
}

static void says_when_it_did_not_converge(void **unused) {
    (void)unused;
    const duet_logistic_limits short_limits = {.passes = 12, .gap = 1e-9};
    duet_context *ctx = NULL;
    duet_logistic *problem = make_problem(1, &ctx);
    double w[VARIABLES] = {0};
    duet_logistic_result result = {0};
    solve(problem, 0, 0.001, &short_limits, w, &result);
    assert_false(result.converged);
    assert_in_range(result.passes, 12, 24);
    /* better than nothing all the same */
    assert_true(result.loss > g.loss[3] && result.loss < log(CLASSES));
    duet_logistic_free(problem);
    duet_context_free(ctx);
}

static void threads_do_not_matter(void **unused) {
    (void)unused;
    const duet_logistic_limits limits = {.passes = 40, .gap = 1e-6};
    double w[2][VARIABLES] = {{0}};
    for (int run = 0; run < 2; run++) {
        duet_context *ctx = NULL;
        duet_logistic *problem = make_problem(run == 0 ? 1 : 3, &ctx);
        duet_logistic_result result;
        solve(problem, 4096, 0.01, &limits, w[run], &result);
        duet_logistic_free(problem);
        duet_context_free(ctx);
    }
    assert_memory_equal(w[0], w[1], sizeof w[0]);
}

/* ---- the head ---- */

static duet_feature_table table_of(float *x, int32_t *labels, int64_t rows) {
    return (duet_feature_table){.rows = rows, .dim = DIM, .x = x, .labels = labels};
}

static void head_gives_sklearn_logits(void **unused) {
    (void)unused;
    const duet_feature_table train = table_of(g.X, g.y, ROWS);
    for (int s = 0; s < STRENGTHS; s++) {
        const duet_head_fit fit = {
            .train = &train, .class_count = CLASSES, .strength = g.strength[s]};
        duet_head *head = NULL;
        duet_head_result result;
        float logits[QUERIES * CLASSES];
        double have[QUERIES * CLASSES];
        OK(duet_head_train(NULL, &head, "linear", &fit, &result));
        assert_true(result.converged && isnan(result.val_top1));
        assert_true(result.strength == g.strength[s]);
        assert_int_equal(duet_head_classes(head), CLASSES);
        assert_int_equal(duet_head_dim(head), DIM);
        duet_head_logits(head, g.Q, QUERIES, logits);
        for (int i = 0; i < QUERIES * CLASSES; i++) have[i] = (double)logits[i];
        const double difference = off(have, g.logits[s], QUERIES * CLASSES);
        if (difference > 2e-2)
            fail_msg("strength %g: logits off by %g", g.strength[s],
                     difference); /* the default limits */
        duet_head_free(head);
    }
}

/* From the answer itself nothing is left to do; a head of another shape is refused. */
static void starts_where_it_is_told(void **unused) {
    (void)unused;
    duet_feature_table train = table_of(g.X, g.y, ROWS);
    duet_head_fit fit = {.train = &train, .class_count = CLASSES, .strength = g.strength[2]};
    duet_head *cold = NULL, *warm = NULL;
    duet_head_result first, second;
    OK(duet_head_train(NULL, &cold, "linear", &fit, &first));
    fit.start = cold;
    OK(duet_head_train(NULL, &warm, "linear", &fit, &second));
    assert_true(second.converged && second.iterations < first.iterations / 2);
    fit.class_count = CLASSES + 1;
    duet_head *other = NULL;
    FAILS(DUET_SHAPE, "4 classes of 10 features, the rows are 5 classes",
          duet_head_train(NULL, &other, "linear", &fit, &second));
    duet_head_free(cold);
    duet_head_free(warm);
}

static double top1(const duet_head *head, const float *x, const int32_t *labels, int rows) {
    float logits[ROWS * CLASSES];
    int right = 0;
    duet_head_logits(head, x, rows, logits);
    for (int i = 0; i < rows; i++) {
        int best = 0;
        for (int k = 1; k < CLASSES; k++)
            if (logits[i * CLASSES + k] > logits[i * CLASSES + best]) best = k;
        right += best == labels[i];
    }
    return 100.0 * right / rows;
}

/* The rule on its own: each strength from scratch, the best on the validation rows, the stronger on
 * ties. */
static void chooses_the_best_strength(void **unused) {
    (void)unused;
    static const double strengths[] = {30, 3, 0.3, 0.03};
    int32_t labels[QUERIES];
    for (int i = 0; i < QUERIES; i++) labels[i] = i % CLASSES;
    const duet_feature_table train = table_of(g.X, g.y, ROWS), val = table_of(g.Q, labels, QUERIES);
    double best = -1, strength = 0;
    for (int s = 0; s < DUET_COUNT(strengths); s++) {
        const duet_head_fit fit = {
            .train = &train, .class_count = CLASSES, .strength = strengths[s]};
        duet_head *head = NULL;
        duet_head_result result;
        OK(duet_head_train(NULL, &head, "linear", &fit, &result));
        const double accuracy = top1(head, g.Q, labels, QUERIES);
        if (accuracy > best) {
            best = accuracy;
            strength = strengths[s];
        }
        duet_head_free(head);
    }
    duet_head *head = NULL;
    duet_head_result result;
    const duet_head_fit fit = {.train = &train, .val = &val, .class_count = CLASSES, .strength = 7};
    OK(duet_head_train(NULL, &head, "linear:strengths=30/3/0.3/0.03", &fit, &result));
    assert_true(result.strength == strength);
    /* and it is that head which is given back */
    assert_true(result.val_top1 == best && top1(head, g.Q, labels, QUERIES) == best);
    duet_head_free(head);
}

/* 40 rows of noise in 10 columns, one of which tells the class; validation rows of the same kind.
 */
static void noise_wants_strength(void **unused) {
    (void)unused;
    float x[80 * DIM];
    int32_t y[80];
    duet_rng_normal(duet_rng_make(1, "test", 0), 0, x, 80 * DIM);
    for (int i = 0; i < 80; i++) {
        y[i] = i & 1;
        x[i * DIM] = (float)y[i] + 0.2f * x[i * DIM];
    }
    const duet_feature_table train = {.rows = 16, .dim = DIM, .x = x, .labels = y},
                             val = {.rows = 64, .dim = DIM, .x = x + 16 * DIM, .labels = y + 16};
    const duet_head_fit fit = {.train = &train, .val = &val, .class_count = 2};
    duet_head_result strong_first, weak_first;
    OK(duet_head_train(NULL, NULL, "linear:strengths=0.3/0.0000001", &fit, &strong_first));
    OK(duet_head_train(NULL, NULL, "linear:strengths=0.0000001/0.3", &fit, &weak_first));
    assert_true(strong_first.strength == weak_first.strength);
    assert_true(strong_first.val_top1 > 80 && strong_first.val_top1 == weak_first.val_top1);
}

static void refuses_bad_problems(void **unused) {
    (void)unused;
    float x[4 * 2] = {0, 1, 2, 3, 4, 5, 6, 7};
    int32_t y[4] = {0, 1, 0, 1}, far[4] = {0, 1, 2, 1}, none[4] = {0, -1, 0, 1};
    duet_feature_table train = {.rows = 4, .dim = 2, .x = x, .labels = y},
                       other = {.rows = 8, .dim = 1, .x = x, .labels = y};
    duet_head_fit fit = {.train = &train, .class_count = 2, .strength = 0.1};
    duet_head_result result;
    duet_head *head = NULL;
    FAILS(DUET_ARG, "linear", duet_head_train(NULL, &head, "linar", &fit, &result));
    fit.class_count = 1;
    FAILS(DUET_ARG, "at least 2 classes", duet_head_train(NULL, &head, "linear", &fit, &result));
    fit.class_count = 2;
    train.labels = far;
    FAILS(DUET_ARG, "row 2 has label 2", duet_head_train(NULL, &head, "linear", &fit, &result));
    train.labels = none;
    FAILS(DUET_ARG, "row 1 has label -1", duet_head_train(NULL, &head, "linear", &fit, &result));
    train.labels = y;
    fit.val = &other;
    FAILS(DUET_SHAPE, "2 features, validation rows 1",
          duet_head_train(NULL, &head, "linear", &fit, &result));
    fit.val = &train;
    FAILS(DUET_ARG, "strengths",
          duet_head_train(NULL, &head, "linear:strengths=weak", &fit, &result));
    FAILS(DUET_ARG, "strengths",
          duet_head_train(NULL, &head, "linear:strengths=-1", &fit, &result));
    fit.val = NULL;
    x[5] = NAN;
    FAILS(DUET_NUMERIC, "NaN or Inf", duet_head_train(NULL, &head, "linear", &fit, &result));
    x[5] = INFINITY;
    FAILS(DUET_NUMERIC, "NaN or Inf", duet_head_train(NULL, &head, "linear", &fit, &result));
    train.rows = 0;
    FAILS(DUET_ARG, "no rows", duet_head_train(NULL, &head, "linear", &fit, &result));
    assert_null(head);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(narrow_products_are_sums),
        cmocka_unit_test(weighted_axes_are_those_of_the_sum),
        cmocka_unit_test(objective_is_that_of_sklearn),
        cmocka_unit_test(gradient_is_the_slope),
        cmocka_unit_test(curve_is_the_slope_of_the_gradient),
        cmocka_unit_test(finds_the_minimum),
        cmocka_unit_test(strengths_side_by_side),
        cmocka_unit_test(lanes_of_a_pass_are_apart),
        cmocka_unit_test(says_when_it_did_not_converge),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(head_gives_sklearn_logits),
        cmocka_unit_test(starts_where_it_is_told),
        cmocka_unit_test(chooses_the_best_strength),
        cmocka_unit_test(noise_wants_strength),
        cmocka_unit_test(refuses_bad_problems),
    };
    return cmocka_run_group_tests(tests, load_goldens, NULL);
}
