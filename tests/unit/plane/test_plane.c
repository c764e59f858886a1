/* SPDX-License-Identifier: MIT
 * Rows as points in the plane, against scikit-learn: principal components and their variance,
 * trustworthiness, the divergence that t-SNE ends with; every member with the same bits for any
 * number of threads. The rows below are x = (sin(0.37 i i + 1.7 i j) + (i % 3 == j % 3)) in
 * float32; of PCA(2), trustworthiness(x, PCA, n_neighbors=k) and TSNE(2, method="exact",
 * init="pca", perplexity=10), scikit-learn 1.7. Alignment and uniformity of the same rows, labels
 * i % 3, by torch.pdist and torch.cdist in float64. */
#include "tiny_model.h"

#include <math.h>

#include <duet/metric.h>

#include "base/principal.h"
#include "plane/plane.h"

enum { ROWS = 90, DIM = 20 };
static float x[ROWS * DIM];
static double distance[ROWS * ROWS];
static const duet_plane_rows rows = {.x = x, .rows = ROWS, .dim = DIM, .distance = distance};

static int setup(void **state) {
    (void)state;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < DIM; j++)
            x[i * DIM + j] = (float)(sin(0.37 * i * i + 1.7 * i * j) + (i % 3 == j % 3));
    return duet_plane_distances(distance, x, ROWS, DIM) == DUET_OK ? 0 : -1;
}

static bool near(double a, double b, double bound) {
    return fabs(a - b) <= bound * fabs(b);
}

static double says(const duet_plane *plane, const char *name) {
    for (int i = 0; i < plane->says_count; i++)
        if (strcmp(plane->says[i].name, name) == 0) return plane->says[i].value;
    fail_msg("it does not say '%s'", name);
    return 0;
}

static duet_plane lay(const char *spec, int threads) {
    duet_plane plane;
    const char *title = NULL;
    duet_context *ctx = make_context(threads, false);
    OK(duet_plane_lay(ctx, &plane, &title, spec, &rows));
    assert_true(*title != '\0');
    duet_context_free(ctx);
    return plane;
}

static void distances(void **state) {
    (void)state;
    for (int i = 0; i < ROWS; i += 7)
        for (int j = 0; j < ROWS; j += 5) {
            double sum = 0;
            for (int k = 0; k < DIM; k++) sum += pow((double)x[i * DIM + k] - x[j * DIM + k], 2);
            assert_true(fabs(sum - distance[i * ROWS + j]) < 1e-11);
        }
}

/* Both ways to the components, by the features and by the rows, give the same. */
static void components(void **state) {
    (void)state;
    enum { FEW = 12 };
    float turned[FEW * ROWS];
    duet_principal all, few, wide;
    OK(duet_principal_of(&all, x, ROWS, DIM, 3));
    assert_true(near(all.variance[0], 3.36966562, 1e-7));
    assert_true(near(all.variance[1], 2.86245625, 1e-7));
    assert_true(near(100 * all.variance[0] / all.total, 22.50532487, 1e-7));
    /* rows of few features, and the same with zeros behind them: the other way */
    for (int i = 0; i < FEW; i++)
        for (int j = 0; j < ROWS; j++) turned[i * ROWS + j] = j < DIM ? x[i * DIM + j] : 0.0F;
    OK(duet_principal_of(&few, x, FEW, DIM, 3));
    OK(duet_principal_of(&wide, turned, FEW, ROWS, 3));
    for (int i = 0; i < FEW * 3; i++) assert_true(fabs(few.scores[i] - wide.scores[i]) < 1e-9);
    duet_principal_free(&all);
    duet_principal_free(&few);
    duet_principal_free(&wide);
    const float flat[6] = {1, 2, 1, 2, 1, 2};
    OK(duet_principal_of(&all, flat, 3, 2, 2)); /* nothing varies */
    assert_true(all.total == 0 && all.scores[0] == 0 && all.variance[1] == 0);
    duet_principal_free(&all);
}

static void pca(void **state) {
    (void)state;
    duet_plane plane = lay("pca", 1);
    assert_true(near(says(&plane, "variance_1"), 22.50532487, 1e-7));
    assert_true(near(says(&plane, "variance_2"), 19.11777461, 1e-7));
    assert_true(near(duet_plane_trust(&rows, plane.point, 1), 0.8292929292929293, 1e-12));
    assert_true(near(duet_plane_trust(&rows, plane.point, 5), 0.8676964769647697, 1e-12));
    assert_true(near(duet_plane_trust(&rows, plane.point, 12), 0.9087671587671587, 1e-12));
    assert_true(isnan(duet_plane_trust(&rows, plane.point, 45)));
    duet_plane_free(&plane);
}

/* scikit-learn ends with 0.487, from random points with 0.501; its neighbours are as good. */
static void tsne(void **state) {
    (void)state;
    duet_plane plane = lay("tsne:perplexity=10", 1);
    const double kl = says(&plane, "kl");
    if (!(kl > 0.45 && kl < 0.54)) fail_msg("KL is %g", kl);
    assert_true(duet_plane_trust(&rows, plane.point, 5) > 0.88);
    double mean[2] = {0}, spread[2] = {0};
    for (int i = 0; i < 2 * ROWS; i++) mean[i % 2] += plane.point[i] / ROWS;
    for (int i = 0; i < 2 * ROWS; i++) spread[i % 2] += pow(plane.point[i] - mean[i % 2], 2);
    assert_true(fabs(mean[0]) < 1e-9 && spread[0] >= spread[1]); /* wider than high */
    duet_plane_free(&plane);
    const char *title = NULL;
    FAILS(DUET_ARG, "perplexity 30 takes more than 90 rows",
          duet_plane_lay(NULL, &plane, &title, "tsne:perplexity=30", &rows));
    FAILS(DUET_ARG, "tnse", duet_plane_lay(NULL, &plane, &title, "tnse", &rows));
}

/* Few rows, of which many are neighbours, are not pulled into one point. */
static void few_rows(void **state) {
    (void)state;
    enum { FEW = 60 };
    static double own[FEW * FEW];
    const duet_plane_rows few = {.x = x, .rows = FEW, .dim = DIM, .distance = own};
    static const char *const specs[] = {"tsne", "tsne:rate=1", "tsne:exaggeration=50"};
    OK(duet_plane_distances(own, x, FEW, DIM));
    for (int i = 0; i < DUET_COUNT(specs); i++) {
        duet_plane plane;
        const char *title = NULL;
        OK(duet_plane_lay(NULL, &plane, &title, specs[i], &few));
        assert_true(duet_plane_trust(&few, plane.point, 10) > 0.8);
        assert_true(says(&plane, "kl") < 0.6);
        duet_plane_free(&plane);
    }
}

/* Rows that are all the same part, and nothing becomes infinite. */
static void equal_rows(void **state) {
    (void)state;
    float same[40 * 2] = {0};
    double none[40 * 40] = {0};
    const duet_plane_rows all = {.x = same, .rows = 40, .dim = 2, .distance = none};
    const char *title = NULL;
    for (int i = 0; i < duet_family_plane.count; i++) {
        duet_plane plane;
        char spec[64];
        snprintf(spec, sizeof spec, "%s%s", duet_family_plane.entries[i]->name,
                 strcmp(duet_family_plane.entries[i]->name, "tsne") == 0 ? ":perplexity=5,steps=50"
                                                                         : "");
        OK(duet_plane_lay(NULL, &plane, &title, spec, &all));
        for (int k = 0; k < 80; k++) assert_true(isfinite(plane.point[k]));
        duet_plane_free(&plane);
    }
}

static void any_threads(void **state) {
    (void)state;
    static const char *const specs[] = {"pca", "tsne:perplexity=10,steps=60"};
    assert_int_equal(duet_family_plane.count, DUET_COUNT(specs)); /* a member has a line here */
    for (int i = 0; i < DUET_COUNT(specs); i++) {
        duet_plane one = lay(specs[i], 1), three = lay(specs[i], 3);
        assert_memory_equal(one.point, three.point, 2 * ROWS * sizeof *one.point);
        duet_plane_free(&one);
        duet_plane_free(&three);
    }
}

static void on_the_sphere(void **state) {
    (void)state;
    int32_t labels[ROWS];
    duet_metrics *m = NULL;
    duet_metric_result result;
    const duet_metric_setup set = {
        .given = DUET_METRIC_FEATURES | DUET_METRIC_LABELS, .classes = 3, .dim = DIM};
    const duet_metric_batch batch = {.rows = ROWS, .labels = labels, .features = x};
    for (int i = 0; i < ROWS; i++) labels[i] = i % 3;
    for (int k = 0; k < 2; k++) {
        OK(duet_metrics_open(&m, k == 0 ? "alignment,uniformity" : "uniformity:t=0.5", &set));
        OK(duet_metrics_add(m, &batch));
        OK(duet_metrics_finish(m, &result));
        const double spread = duet_metric_find(&result, "uniformity", 0);
        assert_true(near(spread, k == 0 ? -2.9325321221450724 : -0.8463608778027387, 1e-9));
        if (k == 0)
            assert_true(near(duet_metric_find(&result, "alignment", 0), 1.1722241367567623, 1e-9));
        duet_metrics_close(m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances),   cmocka_unit_test(components),
        cmocka_unit_test(pca),         cmocka_unit_test(tsne),
        cmocka_unit_test(few_rows),    cmocka_unit_test(equal_rows),
        cmocka_unit_test(any_threads), cmocka_unit_test(on_the_sphere),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
