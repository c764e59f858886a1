/* SPDX-License-Identifier: MIT
 * The head `ridge` against scikit-learn (tests/golden/make_head_goldens.py), with more rows than
 * features and with fewer; rows in blocks; the choice of its strength; saving. */
#include "unit/data/fixtures.h"

#include <math.h>
#include <stdio.h>

#include <duet/head.h>
#include <duet/store.h>

#include "base/rng.h"

enum { ROWS = 120, QUERIES = 30, DIM = 10, CLASSES = 4, STRENGTHS = 4, FEW = 8 };

static struct {
    float X[ROWS * DIM], Q[QUERIES * DIM];
    int32_t y[ROWS], few[1];
    double strength[STRENGTHS], values[STRENGTHS][QUERIES * CLASSES],
        few_values[STRENGTHS][QUERIES * CLASSES];
} g;

static int load_goldens(void **unused) {
    (void)unused;
    duet_store *store = NULL;
    OK(duet_store_open(&store, DUET_SOURCE_DIR "/tests/golden/ridge.npz"));
    OK(duet_store_read(store, "X", DUET_F32, g.X));
    OK(duet_store_read(store, "Q", DUET_F32, g.Q));
    OK(duet_store_read(store, "y", DUET_I32, g.y));
    OK(duet_store_read(store, "few", DUET_I32, g.few));
    OK(duet_store_read(store, "strength", DUET_F64, g.strength));
    OK(duet_store_read(store, "values", DUET_F64, g.values));
    OK(duet_store_read(store, "few_values", DUET_F64, g.few_values));
    duet_store_close(store);
    assert_int_equal(g.few[0], FEW);
    return 0;
}

static duet_feature_table table_of(float *x, int32_t *y, int64_t rows, int64_t dim) {
    return (duet_feature_table){.rows = rows, .dim = dim, .x = x, .labels = y};
}

static void check_values(int64_t rows, const double want[STRENGTHS][QUERIES * CLASSES]) {
    const duet_feature_table train = table_of(g.X, g.y, rows, DIM);
    for (int s = 0; s < STRENGTHS; s++) {
        duet_head *head = NULL;
        duet_head_result result;
        float logits[QUERIES * CLASSES];
        const duet_head_fit fit = {
            .train = &train, .class_count = CLASSES, .strength = g.strength[s]};
        OK(duet_head_train(NULL, &head, "ridge:sharp=1", &fit, &result));
        assert_true(result.converged && isnan(result.val_top1));
        duet_head_logits(head, g.Q, QUERIES, logits);
        for (int i = 0; i < QUERIES * CLASSES; i++)
            if (!(fabs((double)logits[i] - want[s][i]) < 2e-5 * (1.0 + fabs(want[s][i]))))
                fail_msg("strength %g, %lld rows, value %d: %g, not %g", g.strength[s],
                         (long long)rows, i, (double)logits[i], want[s][i]);
        duet_head_free(head);
    }
}

static void gives_sklearn_values(void **unused) {
    (void)unused;
    check_values(ROWS, g.values);
    check_values(FEW, g.few_values);
}

/* More rows than a block. */
static void rows_in_blocks(void **unused) {
    (void)unused;
    enum { MANY = 2500, WIDE = 6 };
    static float x[MANY * WIDE], logits[MANY * 2], other[MANY * 2];
    static int32_t y[MANY], half_y[MANY];
    duet_rng_normal(duet_rng_make(5, "test", 0), 0, x, MANY * WIDE);
    for (int i = 0; i < MANY; i++) y[i] = half_y[i] = x[i * WIDE] + x[i * WIDE + 1] > 0.3f;
    duet_head *head = NULL, *twice = NULL;
    duet_head_result result;
    const duet_feature_table all = table_of(x, y, MANY, WIDE);
    const duet_head_fit fit = {.train = &all, .class_count = 2, .strength = 0.1};
    OK(duet_head_train(NULL, &head, "ridge", &fit, &result));
    /* the order of the rows, and so what stands in which block, does not matter */
    static float back[MANY * WIDE];
    for (int i = 0; i < MANY; i++) {
        memcpy(back + i * WIDE, x + (MANY - 1 - i) * WIDE, WIDE * sizeof *x);
        half_y[i] = y[MANY - 1 - i];
    }
    const duet_feature_table reversed = table_of(back, half_y, MANY, WIDE);
    const duet_head_fit again = {.train = &reversed, .class_count = 2, .strength = 0.1};
    OK(duet_head_train(NULL, &twice, "ridge", &again, &result));
    duet_head_logits(head, x, MANY, logits);
    duet_head_logits(twice, x, MANY, other);
    int right = 0;
    for (int i = 0; i < MANY; i++) {
        assert_true(fabsf(logits[2 * i] - other[2 * i]) < 1e-4f);
        right += (logits[2 * i + 1] > logits[2 * i]) == y[i];
    }
    assert_true(right > 0.97 * MANY);
    duet_head_free(head);
    duet_head_free(twice);
}

static void chooses_and_saves(void **unused) {
    (void)unused;
    int32_t labels[QUERIES];
    char path[4096];
    float before[QUERIES * CLASSES], after[QUERIES * CLASSES];
    for (int i = 0; i < QUERIES; i++) labels[i] = i % CLASSES;
    const duet_feature_table train = table_of(g.X, g.y, ROWS, DIM),
                             val = table_of(g.Q, labels, QUERIES, DIM);
    const duet_head_fit fit = {.train = &train, .val = &val, .class_count = CLASSES};
    duet_head *head = NULL, *loaded = NULL;
    duet_head_result result;
    duet_head_card card = {.top1 = NAN};
    OK(duet_head_train(NULL, &head, "ridge:strengths=1000/0.01", &fit, &result));
    assert_true(result.strength == 0.01 && result.val_top1 > 60.0);
    duet_head_logits(head, g.Q, QUERIES, before);
    snprintf(path, sizeof path, "%s/ridge.safetensors", DUET_TEST_TMP);
    OK(duet_head_save(head, &card, path));
    OK(duet_head_load(&loaded, &card, path));
    duet_head_logits(loaded, g.Q, QUERIES, after);
    assert_memory_equal(before, after, sizeof before);
    duet_head_free(head);
    duet_head_free(loaded);
    FAILS(DUET_ARG, "strengths is 'strong'",
          duet_head_train(NULL, &head, "ridge:strengths=strong", &fit, &result));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_sklearn_values),
        cmocka_unit_test(rows_in_blocks),
        cmocka_unit_test(chooses_and_saves),
    };
    return cmocka_run_group_tests(tests, load_goldens, NULL);
}
