/* SPDX-License-Identifier: MIT
 * The head `knn` against plain sums over all pairs: neighbours, weights and shares, cosine and
 * euclidean, with more rows than a chunk; the choice of k; saving. */
#include "unit/data/fixtures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <duet/head.h>

#include "base/rng.h"

enum { ROWS = 1300, QUERIES = 150, DIM = 7, CLASSES = 3 };

static float x[ROWS * DIM], q[QUERIES * DIM];
static int32_t y[ROWS], z[QUERIES];

/* Three clouds that overlap; columns of other scales. */
static int make_rows(void **unused) {
    (void)unused;
    duet_rng_normal(duet_rng_make(3, "test", 0), 0, x, ROWS * DIM);
    duet_rng_normal(duet_rng_make(3, "test", 1), 0, q, QUERIES * DIM);
    for (int i = 0; i < ROWS + QUERIES; i++) {
        float *row = i < ROWS ? x + i * DIM : q + (i - ROWS) * DIM;
        const int label = i % CLASSES;
        for (int c = 0; c < DIM; c++)
            row[c] = (row[c] + (c == label ? 1.5f : 0.0f)) * (float)(1 + c);
        *(i < ROWS ? y + i : z + (i - ROWS)) = label;
    }
    return 0;
}

typedef struct pair {
    double near;
    int row;
} pair;

static int nearer(const void *a, const void *b) {
    const pair *p = a, *o = b;
    return p->near > o->near ? -1 : p->near < o->near ? 1 : p->row - o->row;
}

static void standardised(double *out, const float *row, bool unit) {
    static double mean[DIM], scale[DIM];
    static bool known = false;
    for (int c = 0; c < DIM && !known; c++) {
        for (int i = 0; i < ROWS; i++) mean[c] += (double)x[i * DIM + c] / ROWS;
        for (int i = 0; i < ROWS; i++)
            scale[c] +=
                ((double)x[i * DIM + c] - mean[c]) * ((double)x[i * DIM + c] - mean[c]) / ROWS;
        scale[c] = 1 / sqrt(scale[c]);
    }
    known = true;
    double square = 0;
    for (int c = 0; c < DIM; c++) {
        out[c] = ((double)row[c] - mean[c]) * scale[c];
        square += out[c] * out[c];
    }
    for (int c = 0; c < DIM && unit; c++) out[c] /= sqrt(square);
}

/* Shares of the classes by definition. */
static void shares_of(const float *query, bool cosine, const char *vote, int k, double *out) {
    static pair all[ROWS];
    double a[DIM], b[DIM], sum = 0;
    standardised(a, query, cosine);
    for (int i = 0; i < ROWS; i++) {
        double product = 0, gap = 0;
        standardised(b, x + i * DIM, cosine);
        for (int c = 0; c < DIM; c++) {
            product += a[c] * b[c];
            gap += (a[c] - b[c]) * (a[c] - b[c]);
        }
        all[i] = (pair){cosine ? product : -gap, i};
    }
    qsort(all, ROWS, sizeof *all, nearer);
    for (int c = 0; c < CLASSES; c++) out[c] = 0;
    for (int i = 0; i < k; i++) {
        const double gap = cosine ? 1 - all[i].near : sqrt(-all[i].near);
        const double w = vote[0] == 'u' ? 1 : vote[0] == 'i' ? 1 / gap : exp(-gap / 0.07);
        out[y[all[i].row]] += w;
        sum += w;
    }
    for (int c = 0; c < CLASSES; c++) out[c] /= sum;
}

static duet_head *train(const char *spec, bool with_val, duet_head_result *result) {
    const duet_feature_table rows = {.rows = ROWS, .dim = DIM, .x = x, .labels = y},
                             val = {.rows = QUERIES, .dim = DIM, .x = q, .labels = z};
    const duet_head_fit fit = {
        .train = &rows, .val = with_val ? &val : NULL, .class_count = CLASSES};
    duet_head *head = NULL;
    OK(duet_head_train(NULL, &head, spec, &fit, result));
    return head;
}

static void votes_by_definition(void **unused) {
    (void)unused;
    static const struct {
        const char *spec, *vote;
        bool cosine;
        int k;
    } cases[] = {
        {"knn", "exp", true, 20},
        {"knn:k=1,vote=uniform", "uniform", true, 1},
        {"knn:k=15,vote=inverse,distance=euclidean", "inverse", false, 15},
        {"knn:k=600,vote=uniform,distance=euclidean", "uniform", false, 600},
    };
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        static float logits[QUERIES * CLASSES];
        duet_head_result result;
        duet_head *head = train(cases[n].spec, false, &result);
        duet_head_logits(head, q, QUERIES, logits);
        for (int i = 0; i < QUERIES; i++) {
            double want[CLASSES];
            shares_of(q + i * DIM, cases[n].cosine, cases[n].vote, cases[n].k, want);
            for (int c = 0; c < CLASSES; c++) {
                const double have = exp((double)logits[i * CLASSES + c]);
                if (!(fabs(have - want[c] - 1e-6) < 2e-4))
                    fail_msg("%s, row %d, class %d: %g, not %g", cases[n].spec, i, c, have,
                             want[c]);
            }
        }
        duet_head_free(head);
    }
}

static double accuracy(const duet_head *head) {
    static float logits[QUERIES * CLASSES];
    int right = 0;
    duet_head_logits(head, q, QUERIES, logits);
    for (int i = 0; i < QUERIES; i++) {
        int best = 0;
        for (int c = 1; c < CLASSES; c++)
            if (logits[i * CLASSES + c] > logits[i * CLASSES + best]) best = c;
        right += best == z[i];
    }
    return 100.0 * right / QUERIES;
}

static void chooses_and_saves(void **unused) {
    (void)unused;
    static const int tried[] = {1, 5, 10, 20, 50, 200};
    char spec[64], path[4096];
    double best = -1;
    int k = 0;
    duet_head_result result;
    for (size_t n = 0; n < sizeof tried / sizeof *tried; n++) {
        snprintf(spec, sizeof spec, "knn:k=%d", tried[n]);
        duet_head *head = train(spec, false, &result);
        assert_true(isnan(result.val_top1));
        if (accuracy(head) > best) {
            best = accuracy(head);
            k = tried[n];
        }
        duet_head_free(head);
    }
    duet_head *head = train("knn", true, &result), *loaded = NULL;
    assert_true(result.val_top1 == best && accuracy(head) == best && best > 60);
    snprintf(spec, sizeof spec, "k=%d", k);
    assert_non_null(strstr(result.chosen, spec));
    duet_head_card card = {.top1 = NAN};
    snprintf(path, sizeof path, "%s/knn.safetensors", DUET_TEST_TMP);
    OK(duet_head_save(head, &card, path));
    OK(duet_head_load(&loaded, &card, path));
    static float before[QUERIES * CLASSES], after[QUERIES * CLASSES];
    duet_head_logits(head, q, QUERIES, before);
    duet_head_logits(loaded, q, QUERIES, after);
    assert_memory_equal(before, after, sizeof before);
    duet_head_free(head);
    duet_head_free(loaded);
    head = train("knn:k=1000,vote=uniform", true,
                 &result); /* most rows vote: near the shares of all */
    assert_true(result.val_top1 == accuracy(head));
    duet_head_free(head);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(votes_by_definition),
        cmocka_unit_test(chooses_and_saves),
    };
    return cmocka_run_group_tests(tests, make_rows, NULL);
}
