/* SPDX-License-Identifier: MIT
 * Metrics of features: closed forms, small cases by hand, values of other programs
 * (tests/oracle/make_metric_goldens.py), statistics files, and the same bits for any threads. */
#include "unit/data/fixtures.h"

#include <math.h>
#include <unistd.h>

#include <duet/store.h>

#include "base/mem.h"
#include "base/rng.h"
#include "metric/metric.h"

#define GOLDEN DUET_SOURCE_DIR "/tests/golden/metric_features.npz"
enum { N = 130, M = 90, D = 24, E = 10, K = 7, FEW = 12, BOTH = 90 };

static double want(const char *name, int at) {
    duet_store *store = NULL;
    double values[N];
    OK(duet_store_open(&store, GOLDEN));
    OK(duet_store_read(store, name, DUET_F64, values));
    duet_store_close(store);
    return values[at];
}

static float *golden(const char *name) {
    duet_store *store = NULL;
    float *out = NULL;
    OK(duet_store_open(&store, GOLDEN));
    OK(duet_alloc(&out, duet_shape_count(&duet_store_find(store, name)->shape), sizeof *out));
    OK(duet_store_read(store, name, DUET_F32, out));
    duet_store_close(store);
    return out;
}

static void close_to(double got, double wanted, double relative) {
    if (!(fabs(got - wanted) <= relative * (1e-6 + fabs(wanted))))
        fail_msg("%.15g, not %.15g", got, wanted);
}

/* Metrics of rows x [n,d] beside real rows y [m,d]; logits and spatial rows may be NULL. */
typedef struct rows_case {
    const float *x, *y, *s, *r, *p;
    int n, m, d, threads;
} rows_case;

static void add_rows(duet_metrics *m, const rows_case *c) {
    int64_t number[2500];
    for (int i = 0; i < DUET_COUNT(number); i++) number[i] = i;
    const duet_metric_batch
        real = {.rows = c->m, .features = c->y, .spatial = c->r, .index = number, .logits = c->p},
        end = {.rows = 0},
        drawn = {.rows = c->n, .features = c->x, .spatial = c->s, .index = number, .logits = c->p};
    if (c->y != NULL) {
        OK(duet_metrics_real_add(m, &real));
        OK(duet_metrics_real_add(m, &end));
    }
    OK(duet_metrics_add(m, &drawn));
}

static duet_metrics *open_rows(const char *list, const rows_case *c) {
    duet_metrics *m = NULL;
    const duet_metric_setup setup = {.given = (c->x != NULL ? DUET_METRIC_FEATURES : 0u) |
                                              (c->y != NULL ? DUET_METRIC_REAL : 0u) |
                                              (c->s != NULL ? DUET_METRIC_SPATIAL : 0u) |
                                              (c->p != NULL ? DUET_METRIC_LOGITS : 0u),
                                     .dim = c->d,
                                     .spatial_dim = E,
                                     .classes = K,
                                     .threads = c->threads};
    OK(duet_metrics_open(&m, list, &setup));
    add_rows(m, c);
    return m;
}

static double value_of(const char *list, const char *name, const rows_case *c) {
    duet_metric_result result;
    duet_metrics *m = open_rows(list, c);
    OK(duet_metrics_finish(m, &result));
    const double value = duet_metric_find(&result, name, -1);
    duet_metrics_close(m);
    return value;
}

/* ---- the distance itself ---- */

static duet_moments gaussian(int dim, const double *mean, const double *covariance) {
    duet_moments m = {.dim = 0};
    OK(duet_moments_new(&m, dim));
    memcpy(m.mean, mean, (size_t)dim * sizeof *mean);
    memcpy(m.covariance, covariance, (size_t)(dim * dim) * sizeof *covariance);
    return m;
}

static double distance(int dim, const double *m1, const double *s1, const double *m2,
                       const double *s2) {
    duet_moments a = gaussian(dim, m1, s1), b = gaussian(dim, m2, s2);
    double out = -1, back = -1;
    OK(duet_frechet(&out, &a, &b));
    OK(duet_frechet(&back, &b, &a));
    close_to(out, back, 1e-12);
    duet_moments_free(&a);
    duet_moments_free(&b);
    return out;
}

static void closed_forms(void **state) {
    (void)state;
    const double zero[3] = {0}, far[3] = {1, -2, 2}, two = 2, five = 5, nine = 9, four = 4;
    /* one dimension: (m1 - m2)^2 + (s1 - s2)^2 */
    close_to(distance(1, &two, &nine, &five, &four), 9 + 1, 1e-14);
    /* the same covariance: the distance of the means */
    const double s[9] = {4, 1, 0, 1, 3, 0.5, 0, 0.5, 2};
    close_to(distance(3, zero, s, far, s), 9, 1e-13);
    assert_true(distance(3, zero, s, zero, s) < 1e-13);
    /* diagonal: the sum of (s1 - s2)^2; singular ones, where scipy's root has imaginary parts */
    const double d1[9] = {4, 0, 0, 0, 9, 0, 0, 0, 0}, d2[9] = {1, 0, 0, 0, 0, 0, 0, 0, 16};
    close_to(distance(3, zero, d1, zero, d2), 1 + 9 + 16, 1e-13);
    const double none[9] = {0};
    close_to(distance(3, zero, none, far, s), 9 + 4 + 3 + 2, 1e-13);
    /* no common axes: tr sqrt(S1 S2) of [[2,0],[0,1]] and [[1,1],[1,2]] is the root of
     * tr + 2 sqrt(det) of their product [[2,2],[1,2]] = 4 + 2 sqrt(2) */
    const double a[4] = {2, 0, 0, 1}, b[4] = {1, 1, 1, 2};
    close_to(distance(2, zero, a, zero, b), 3 + 3 - 2 * sqrt(4 + 2 * sqrt(2.0)), 1e-13);
    duet_moments one = gaussian(1, &two, &nine), three = gaussian(3, zero, s),
                 broken = gaussian(1, &two, &(double){NAN});
    double out = 0;
    FAILS(DUET_SHAPE, "of 1 features cannot be compared with those of 3",
          duet_frechet(&out, &one, &three));
    FAILS(DUET_NUMERIC, "not a number", duet_frechet(&out, &one, &broken));
    duet_moments_free(&one);
    duet_moments_free(&three);
    duet_moments_free(&broken);
}

/* ---- other programs ---- */

static void as_other_programs(void **state) {
    (void)state;
    float *x = golden("x"), *y = golden("y"), *s = golden("s"), *r = golden("r"), *p = golden("p");
    const rows_case all = {.x = x, .y = y, .s = s, .r = r, .n = N, .m = M, .d = D, .threads = 2};
    rows_case few = all, both = all;
    few.n = FEW;
    both.n = BOTH;
    close_to(value_of("fid", "fid", &all), want("fid", 0), 1e-8);
    close_to(value_of("sfid", "sfid", &all), want("sfid", 0), 1e-8);
    close_to(value_of("fid", "fid", &few), want("few", 0), 1e-6);
    close_to(value_of("kid", "kid_all", &both), want("kid", 0), 1e-9);
    close_to(value_of("kid:subsets=2", "kid", &both), want("kid", 0), 1e-9); /* of all 90 rows */
    static const char *const shares[] = {"precision", "recall", "density", "coverage"};
    for (int i = 0; i < DUET_COUNT(shares); i++)
        close_to(value_of("prdc", shares[i], &all), want(shares[i], 0), 1e-7); /* theirs: f32 */
    close_to(value_of("authpct", "authpct", &all), want("authpct", 0), 1e-12);
    const rows_case scores = {.p = p, .n = N};
    close_to(value_of("is:shuffle=false", "is", &scores), want("inception", 0), 1e-7);
    close_to(value_of("is:shuffle=false", "is_std", &scores), want("inception", 1), 1e-6);
    assert_true(value_of("is", "is", &scores) != value_of("is:shuffle=false", "is", &scores));
    close_to(value_of("is:shuffle=false,size=13", "is", &scores), want("inception", 0), 1e-7);
    duet_release(x);
    duet_release(y);
    duet_release(s);
    duet_release(r);
    duet_release(p);
}

/* The list of the likest rows, by their ratios. */
static void copies_are_listed(void **state) {
    (void)state;
    float *x = golden("x"), *y = golden("y");
    const rows_case c = {.x = x, .y = y, .n = N, .m = M, .d = D};
    const duet_metric_setup setup = {.given = DUET_METRIC_FEATURES | DUET_METRIC_REAL, .dim = D};
    int64_t number[N];
    duet_metrics *m = NULL;
    duet_metric_result result;
    for (int i = 0; i < N; i++) number[i] = i;
    OK(duet_metrics_open(&m, "authpct:rows=1000", &setup));
    OK(duet_metrics_real_add(m, &(duet_metric_batch){.rows = M, .features = y, .index = number}));
    OK(duet_metrics_real_add(m, &(duet_metric_batch){.rows = 0}));
    OK(duet_metrics_add(m, &(duet_metric_batch){.rows = N, .features = x, .index = number}));
    OK(duet_metrics_finish(m, &result));
    const duet_metric_table *t = &result.tables[0];
    assert_int_equal(t->rows, N);
    assert_true(t->cells[0] == 5 && t->cells[1] == 17 && t->cells[2] == 0 && t->cells[3] == 0);
    assert_true(t->cells[4] == 6 && t->cells[5] == 18 && t->cells[7] < 0.01);
    for (int64_t i = 0; i < t->rows; i++) {
        const double *cell = t->cells + 4 * i;
        assert_true(cell[1] == want("nearest", (int)cell[0]));
        close_to(cell[3], want("ratio", (int)cell[0]), 1e-9);
        assert_true(i == 0 || cell[3] >= cell[-1]);
    }
    duet_metrics_close(m);
    assert_true(value_of("authpct", "copy_ratio_least", &c) == 0);
    duet_release(x);
    duet_release(y);
}

/* ---- by hand ---- */

/* Real points 0, 1, 5 with balls of k = 1 of radius 1, 1, 4; points 0.5, 4.5 (each 4 from the
 * other) and 9.5 (5 from the next). */
static void balls_by_hand(void **state) {
    (void)state;
    const float real[] = {0, 1, 5}, drawn[] = {0.5F, 4.5F, 9.5F};
    const rows_case c = {.x = drawn, .y = real, .n = 3, .m = 3, .d = 1};
    const char *list = "prdc:k=1,near=1";
    close_to(value_of(list, "precision", &c), 2.0 / 3, 1e-15); /* 0.5 in two, 4.5 in that of 5 */
    close_to(value_of(list, "recall", &c), 1, 1e-15);
    close_to(value_of(list, "density", &c), 3.0 / 3, 1e-15);
    close_to(value_of(list, "coverage", &c), 1, 1e-15);
    close_to(value_of(list, "precision_se", &c), sqrt(2.0 / 9 / 3), 1e-12);
    assert_true(isnan(value_of("prdc:k=3", "precision", &c))); /* no third neighbour */
    /* nearest: 0 at 0.5 beside 1; 5 at 0.5 beside 4; 5 at 4.5 beside 4 */
    close_to(value_of("authpct", "authpct", &c), 100.0 / 3, 1e-12);
    close_to(value_of("authpct", "copy_ratio", &c), 0.5, 1e-12);
    close_to(value_of("authpct", "copy_ratio_least", &c), 0.125, 1e-12);
    /* a border belongs to the ball of precision, not to that of coverage */
    const float edge[] = {-1, 50, 60};
    const rows_case b = {.x = edge, .y = real, .n = 3, .m = 3, .d = 1};
    close_to(value_of(list, "precision", &b), 1.0 / 3, 1e-15);
    assert_true(value_of(list, "coverage", &b) == 0 && value_of(list, "density", &b) == 0);
}

/* Two points each: the sums by hand, k(x, y) = (x y + 1)^3. */
static void kernels_by_hand(void **state) {
    (void)state;
    const float real[] = {0, 1}, drawn[] = {1, 2};
    const rows_case c = {.x = drawn, .y = real, .n = 2, .m = 2, .d = 1};
    const double same_x = 27, same_y = 1, cross = (1 + 8 + 1 + 27) / 4.0;
    close_to(value_of("kid", "kid", &c), same_x + same_y - 2 * cross, 1e-13);
    close_to(value_of("kid", "kid_all", &c), same_x + same_y - 2 * cross, 1e-13);
    assert_true(value_of("kid", "kid_std", &c) == 0);
    const rows_case one = {.x = drawn, .y = real, .n = 1, .m = 2, .d = 1};
    assert_true(isnan(value_of("kid", "kid", &one)) && isnan(value_of("fid", "fid", &one)));
    const float sure[2 * K] = {50, 0, 0, 0, 0, 0, 0, 0, 50}, equal[2 * K] = {0};
    const rows_case two = {.p = sure, .n = 2}, none = {.p = equal, .n = 2};
    close_to(value_of("is:splits=1", "is", &two), 2, 1e-9); /* two classes, sure of each */
    close_to(value_of("is", "is", &two), 1, 1e-9);          /* a part has one row */
    close_to(value_of("is:splits=1", "is", &none), 1, 1e-12);
}

/* Columns of very different size: the moments of long double, but for the rounding of the rows to
 * 2^-32 of the largest. */
static void moments_are_exact(void **state) {
    (void)state;
    enum { ROWS = 2500, DIM = 3 };
    float *x = NULL;
    duet_moments m = {.dim = 0};
    OK(duet_alloc(&x, ROWS * DIM, sizeof *x));
    duet_rng_normal(duet_rng_make(5, "moments", 0), 0, x, ROWS * DIM);
    for (int i = 0; i < ROWS; i++) {
        x[i * DIM] = 100 + x[i * DIM];
        x[i * DIM + 2] = 1e-3F * x[i * DIM + 2] + x[i * DIM + 1];
    }
    const rows_case c = {.x = x, .y = x, .n = ROWS, .m = ROWS, .d = DIM};
    duet_metrics *metrics = open_rows("fid:bootstrap=0", &c);
    OK(duet_metrics_moments(metrics, DUET_METRIC_FEATURES, false, &m));
    FAILS(DUET_ARG, "add 'sfid'", duet_metrics_moments(metrics, DUET_METRIC_SPATIAL, false, &m));
    assert_int_equal(m.rows, ROWS);
    for (int i = 0; i < DIM; i++) {
        long double mean[DIM] = {0}, sum = 0;
        for (int r = 0; r < ROWS; r++)
            for (int j = 0; j < DIM; j++) mean[j] += (long double)x[r * DIM + j] / ROWS;
        assert_true(fabs(m.mean[i] - (double)mean[i]) < 1e-9);
        for (int j = 0; j < DIM; j++, sum = 0) {
            for (int r = 0; r < ROWS; r++)
                sum += ((long double)x[r * DIM + i] - mean[i]) *
                       ((long double)x[r * DIM + j] - mean[j]);
            assert_true(fabs(m.covariance[i * DIM + j] - (double)(sum / (ROWS - 1))) < 1e-9);
        }
    }
    duet_moments_free(&m);
    duet_metrics_close(metrics);
    const float huge[DIM] = {1e9F, 0, 0};
    duet_metrics *other = open_rows("fid", &c);
    FAILS(DUET_NUMERIC, "feature 0 of a row is 1e+09",
          duet_metrics_add(other, &(duet_metric_batch){.rows = 1, .features = huge}));
    duet_metrics_close(other);
    duet_release(x);
}

/* Threads, and the order of the rows where they have numbers, change no bit. */
static void same_bits(void **state) {
    (void)state;
    static const char list[] = "fid,sfid,kid:subsets=3,size=40,prdc,authpct,is";
    float *x = golden("x"), *y = golden("y"), *s = golden("s"), *r = golden("r"), *p = golden("p");
    rows_case c = {.x = x, .y = y, .s = s, .r = r, .p = p, .n = N, .m = M, .d = D, .threads = 1};
    duet_metric_result one, three;
    duet_metrics *a = open_rows(list, &c);
    c.threads = 3;
    duet_metrics *b = open_rows(list, &c);
    OK(duet_metrics_finish(a, &one));
    OK(duet_metrics_finish(b, &three));
    for (int i = 0; i < one.value_count; i++) {
        assert_true(isfinite(one.values[i].value));
        if (one.values[i].value != three.values[i].value)
            fail_msg("%s: %.17g and %.17g", one.values[i].name, one.values[i].value,
                     three.values[i].value);
    }
    assert_true(duet_metric_find(&one, "fid_se", -1) > 0);
    duet_metrics_close(a);
    duet_metrics_close(b);
    duet_release(x);
    duet_release(y);
    duet_release(s);
    duet_release(r);
    duet_release(p);
}

/* ---- statistics ---- */

static void statistics_files(void **state) {
    (void)state;
    static const char out[] = "generated_stats.npz";
    float *x = golden("x"), *y = golden("y");
    duet_moments real = {.dim = 0}, spatial = {.dim = 0}, back = {.dim = 0};
    duet_metrics *m = NULL;
    duet_metric_result result;
    duet_metric_setup setup = {.given = DUET_METRIC_FEATURES | DUET_METRIC_MOMENTS, .dim = D};
    (void)unlink(out);
    assert_true(duet_moments_is(GOLDEN) && !duet_moments_is("nowhere.npz"));
    OK(duet_moments_load(&real, &spatial, GOLDEN));
    assert_true(real.dim == D && spatial.dim == 0 && real.rows == 0);
    FAILS(DUET_ARG, "metric 'kid' needs real images", duet_metrics_open(&m, "kid", &setup));
    OK(duet_metrics_open(&m, "fid", &setup));
    FAILS(DUET_ARG, "before the real images",
          duet_metrics_add(m, &(duet_metric_batch){.rows = N, .features = x}));
    OK(duet_metrics_real_moments(m, &real, NULL));
    OK(duet_metrics_add(m, &(duet_metric_batch){.rows = N, .features = x}));
    OK(duet_metrics_finish(m, &result));
    close_to(duet_metric_find(&result, "fid", -1), want("fid", 0), 1e-8);
    real.rows = M;
    real.reader = 0xFEDCBA9876543210U;
    OK(duet_moments_save(&real, &real, out));
    FAILS(DUET_ARG, "exists already", duet_moments_save(&real, NULL, out));
    FAILS(DUET_ARG, "does not end in .npz", duet_moments_save(&real, NULL, "stats.txt"));
    OK(duet_moments_load(&back, &spatial, out));
    assert_true(back.rows == M && back.reader == real.reader && spatial.dim == D);
    assert_memory_equal(back.mean, real.mean, D * sizeof(double));
    assert_memory_equal(back.covariance, real.covariance, D * D * sizeof(double));
    duet_metrics_close(m);
    setup.dim = D + 1;
    OK(duet_metrics_open(&m, "fid", &setup));
    FAILS(DUET_SHAPE, "are of 24 features, the reader's rows have 25",
          duet_metrics_real_moments(m, &real, NULL));
    duet_metrics_close(m);
    duet_moments_free(&real);
    duet_moments_free(&spatial);
    duet_moments_free(&back);
    (void)unlink(out);
    duet_release(x);
    duet_release(y);
}

static void bad_statistics(void **state) {
    (void)state;
    static const char out[] = "generated_bad.npz";
    const double values[9] = {1, 2, 3, 4, 5, 6, 7, 8, NAN};
    const duet_shape three = {.rank = 1, .dim = {3}}, square = {.rank = 2, .dim = {3, 3}},
                     small = {.rank = 2, .dim = {2, 2}};
    duet_store_item items[2] = {{"mu", DUET_F64, DUET_F64, three, values},
                                {"sigma", DUET_F64, DUET_F64, small, values}};
    duet_moments m = {.dim = 0};
    OK(duet_store_write(out, "npz", items, 1, NULL, 0));
    FAILS(DUET_FORMAT, "has no array 'sigma'", duet_moments_load(&m, NULL, out));
    OK(duet_store_write(out, "npz", items, 2, NULL, 0));
    FAILS(DUET_FORMAT, "'mu' has 3 numbers and 'sigma' 4", duet_moments_load(&m, NULL, out));
    items[1].shape = square;
    OK(duet_store_write(out, "npz", items, 2, NULL, 0));
    FAILS(DUET_NUMERIC, "not numbers", duet_moments_load(&m, NULL, out));
    (void)unlink(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_forms),      cmocka_unit_test(as_other_programs),
        cmocka_unit_test(copies_are_listed), cmocka_unit_test(balls_by_hand),
        cmocka_unit_test(kernels_by_hand),   cmocka_unit_test(moments_are_exact),
        cmocka_unit_test(same_bits),         cmocka_unit_test(statistics_files),
        cmocka_unit_test(bad_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
