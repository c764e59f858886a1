/* SPDX-License-Identifier: MIT
 * How heads read features: raw and whitened rows, and the linear layer that is trained on
 * mini-batches. Expected values are computed here, in double precision. */
#include "unit/data/fixtures.h"

#include <math.h>

#include <duet/head.h>

#include "base/linalg.h"
#include "base/rng.h"
#include "head/head.h"

#define PATH DUET_TEST_TMP "/features.head.safetensors"
enum { ROWS = 120, DIM = 6, CLASSES = 3 };
#define LEAST 0.01 /* added to the variances, as head.c has it */

static float x[ROWS * DIM], z[ROWS * DIM]; /* z: x whitened */
static int32_t y[ROWS];

/* Columns that depend on each other, of different sizes, one of them constant. */
static void draw(void) {
    duet_rng_normal(duet_rng_make(3, "test", 0), 0, x, ROWS * DIM);
    for (int i = 0; i < ROWS; i++) {
        float *const row = x + (ptrdiff_t)i * DIM;
        y[i] = i % CLASSES;
        row[y[i]] += 1.5f;
        row[3] = 20.0f + 5.0f * row[0] + 0.5f * row[3];
        row[4] *= 1e-2f;
        row[5] = 7.0f;
    }
}

/* z = s Q diag(1 / sqrt(v + LEAST)) of standardised rows s with covariance Q diag(v) Q'. */
static void whiten(void) {
    double s[ROWS * DIM], axes[DIM * DIM] = {0}, v[DIM];
    for (int c = 0; c < DIM; c++) {
        double mean = 0, square = 0;
        for (int i = 0; i < ROWS; i++) mean += (double)x[i * DIM + c] / ROWS;
        for (int i = 0; i < ROWS; i++) square += pow((double)x[i * DIM + c] - mean, 2) / ROWS;
        for (int i = 0; i < ROWS; i++)
            s[i * DIM + c] = square > 1e-9 ? ((double)x[i * DIM + c] - mean) / sqrt(square) : 0.0;
    }
    for (int i = 0; i < ROWS; i++)
        for (int a = 0; a < DIM; a++)
            for (int b = 0; b < DIM; b++)
                axes[a * DIM + b] += s[i * DIM + a] * s[i * DIM + b] / ROWS;
    OK(duet_eigen_sym_f64(DIM, axes, v));
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < DIM; k++) {
            double sum = 0;
            for (int c = 0; c < DIM; c++) sum += s[i * DIM + c] * axes[c * DIM + k];
            z[i * DIM + k] = (float)(sum / sqrt(fmax(v[k], 0) + LEAST));
        }
}

static int begin(void **unused) {
    (void)unused;
    draw();
    whiten();
    return 0;
}

static duet_head *fit(const char *spec, const float *rows, double strength) {
    const duet_feature_table train = {.rows = ROWS, .dim = DIM, .x = (float *)rows, .labels = y};
    const duet_head_fit problem = {.train = &train, .class_count = CLASSES, .strength = strength};
    duet_head_result result;
    duet_head *head = NULL;
    OK(duet_head_train(NULL, &head, spec, &problem, &result));
    return head;
}

/* A head on whitened features is a head on raw features of rows that were whitened before. */
static void check_whitened(const char *white, const char *raw) {
    static float got[ROWS * CLASSES], want[ROWS * CLASSES], again[ROWS * CLASSES];
    duet_head *a = fit(white, x, 0.02), *b = fit(raw, z, 0.02), *loaded = NULL;
    duet_head_card card = {.class_count = 0, .top1 = NAN}, read;
    duet_head_logits(a, x, ROWS, got);
    duet_head_logits(b, z, ROWS, want);
    for (int i = 0; i < ROWS * CLASSES; i++)
        if (!(fabsf(got[i] - want[i]) < 2e-3f * (1 + fabsf(want[i]))))
            fail_msg("%s, value %d: %g, not %g", white, i, (double)got[i], (double)want[i]);
    OK(duet_head_save(a, &card, PATH));
    OK(duet_head_load(&loaded, &read, PATH));
    duet_head_logits(loaded, x, ROWS, again);
    assert_memory_equal(got, again, sizeof got);
    duet_head_logits(a, x + DIM, 1, again); /* a row alone has the bits that it has among others */
    if (strncmp(white, "knn", 3) == 0)
        assert_memory_equal(got + CLASSES, again, CLASSES * sizeof(float));
    duet_head_free(a);
    duet_head_free(b);
    duet_head_free(loaded);
}

static void whitened(void **unused) {
    (void)unused;
    check_whitened("ridge:features=whitened", "ridge:features=raw");
    check_whitened("linear:features=whitened", "linear:features=raw");
    check_whitened("knn:k=5,features=whitened", "knn:k=5,features=raw");
}

static void too_wide(void **unused) {
    (void)unused;
    const duet_feature_maps maps = {.count = 0};
    duet_choice choice;
    duet_head *head = NULL;
    OK(duet_head_parse(&choice, "ridge:features=whitened"));
    assert_int_equal(duet_head_new(NULL, &head, &choice, CLASSES, &maps, 5000), DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "take a smaller pool"));
    assert_null(head);
}

/* W and b of a head, whose logits of a row are W x + b. */
static void read_weights(const duet_head *head, double w[CLASSES * DIM], double b[CLASSES]) {
    float rows[(DIM + 1) * DIM] = {0}, logits[(DIM + 1) * CLASSES];
    for (int c = 0; c < DIM; c++) rows[(c + 1) * DIM + c] = 1.0f;
    duet_head_logits(head, rows, DIM + 1, logits);
    for (int k = 0; k < CLASSES; k++) {
        b[k] = (double)logits[k];
        for (int c = 0; c < DIM; c++) w[k * DIM + c] = (double)logits[(c + 1) * CLASSES + k] - b[k];
    }
}

/* Few rows make smaller batches than were named, of 16 rows or more; ROWS is 120. */
static void few_rows_make_smaller_batches(void **unused) {
    (void)unused;
    static const char *const same[][2] = {
        {"mlp:hidden=8,epochs=3,batch=256,steps=6", "mlp:hidden=8,epochs=3,batch=20,steps=0"},
        {"mlp:hidden=8,epochs=3", "mlp:hidden=8,epochs=3,batch=16,steps=0"},
        {"mlp:hidden=8,epochs=3,batch=12", "mlp:hidden=8,epochs=3,batch=12,steps=0"},
        {"mlp:hidden=8,epochs=3,steps=0", "mlp:hidden=8,epochs=3,batch=120,steps=0"}};
    static float got[DUET_COUNT(same)][ROWS * CLASSES], want[ROWS * CLASSES];
    for (int t = 0; t < DUET_COUNT(same); t++) {
        duet_head *const a = fit(same[t][0], x, 0), *const b = fit(same[t][1], x, 0);
        duet_head_logits(a, x, ROWS, got[t]);
        duet_head_logits(b, x, ROWS, want);
        assert_memory_equal(got[t], want, sizeof want);
        if (t > 0) assert_memory_not_equal(got[t], got[t - 1], sizeof want);
        duet_head_free(a);
        duet_head_free(b);
    }
}

/* Two steps over all rows: W <- W - rate dF/dW, F the mean cross-entropy. */
static void descends(void **unused) {
    (void)unused;
    double w[CLASSES * DIM], b[CLASSES], got[CLASSES * DIM], got_b[CLASSES];
    const char *const still = "linear_sgd:features=raw,batch=120,epochs=1,optim=(sgd:rate=1e-12)",
                      *const moved = "linear_sgd:features=raw,batch=120,epochs=2,optim=(sgd:rate="
                                     "0.05,momentum=0),lr=(step:at=50)";
    duet_head *first = fit(still, z, 0), *last = fit(moved, z, 0);
    read_weights(first, w, b);
    for (int step = 0; step < 2; step++) {
        double dw[CLASSES * DIM] = {0}, db[CLASSES] = {0}, norm = 0;
        for (int i = 0; i < ROWS; i++) {
            double p[CLASSES], sum = 0;
            for (int k = 0; k < CLASSES; k++) {
                double logit = b[k];
                for (int c = 0; c < DIM; c++) logit += w[k * DIM + c] * (double)z[i * DIM + c];
                sum += p[k] = exp(logit);
            }
            for (int k = 0; k < CLASSES; k++) {
                const double d = (p[k] / sum - (k == y[i] ? 1.0 : 0.0)) / ROWS;
                db[k] += d;
                for (int c = 0; c < DIM; c++) dw[k * DIM + c] += d * (double)z[i * DIM + c];
            }
        }
        for (int k = 0; k < CLASSES * DIM; k++) norm += dw[k] * dw[k];
        for (int k = 0; k < CLASSES; k++) norm += db[k] * db[k];
        const double rate = (step == 0 ? 0.05 : 0.005) / fmax(1.0, sqrt(norm)); /* clipped at 1 */
        for (int k = 0; k < CLASSES * DIM; k++) w[k] -= rate * dw[k];
        for (int k = 0; k < CLASSES; k++) b[k] -= rate * db[k];
    }
    read_weights(last, got, got_b);
    for (int k = 0; k < CLASSES * DIM; k++) assert_true(fabs(got[k] - w[k]) < 2e-6);
    for (int k = 0; k < CLASSES; k++) assert_true(fabs(got_b[k] - b[k]) < 2e-6);
    duet_head_free(first);
    duet_head_free(last);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(whitened), cmocka_unit_test(too_wide),
                                       cmocka_unit_test(few_rows_make_smaller_batches),
                                       cmocka_unit_test(descends)};
    return cmocka_run_group_tests(tests, begin, NULL);
}
