/* SPDX-License-Identifier: MIT
 * Conformance of the family `head`: every member with its defaults separates what can be separated,
 * gives the same answer twice and for any number of threads, comes back from its file bit for bit,
 * and stops when it is told to. */
#include "tiny_model.h"

#include <math.h>

#include <duet/head.h>

#include "base/rng.h"
#include "head/head.h"

enum { ROWS = 90, DIM = 6, CLASSES = 3 };

static float x[2][ROWS * DIM]; /* training, validation */
static int32_t y[ROWS];
static duet_feature_table train, val;

static int draw(void **unused) {
    (void)unused;
    for (int set = 0; set < 2; set++) {
        duet_rng_normal(duet_rng_make(1, "test", (uint64_t)set), 0, x[set], ROWS * DIM);
        for (int i = 0; i < ROWS; i++) {
            y[i] = i % CLASSES;
            x[set][i * DIM + y[i]] += 9.0f;
            x[set][i * DIM + 4] *= 1e-4f;
            x[set][i * DIM + 5] = 7.0f; /* constant */
        }
    }
    train = (duet_feature_table){.rows = ROWS, .dim = DIM, .x = x[0], .labels = y};
    val = train;
    val.x = x[1];
    return 0;
}

static bool cancelled(void *user) {
    (void)user;
    return true;
}

static int right(const float *logits) {
    int count = 0;
    for (int i = 0; i < ROWS; i++) {
        int best = 0;
        for (int k = 1; k < CLASSES; k++)
            if (logits[i * CLASSES + k] > logits[i * CLASSES + best]) best = k;
        count += best == y[i];
    }
    return count;
}

static duet_head *fit(const char *spec, bool validated, bool quick, int threads,
                      duet_head_result *result) {
    const duet_head_fit problem = {.train = &train,
                                   .val = validated ? &val : NULL,
                                   .class_count = CLASSES,
                                   .strength = 0.01,
                                   .quick = quick};
    duet_context *ctx = make_context(threads, true);
    duet_head *head = NULL;
    OK(duet_head_train(ctx, &head, spec, &problem, result));
    duet_context_free(ctx);
    return head;
}

static void check_member(const char *name) {
    static float logits[5][ROWS * CLASSES];
    duet_head_result result;
    for (int way = 1; way < 3; way++) { /* with validation rows; quick */
        duet_head *head = fit(name, way & 1, way & 2, 1, &result);
        assert_true(duet_head_classes(head) == CLASSES && duet_head_dim(head) == DIM);
        assert_true((way & 1) ? result.val_top1 == 100 : isnan(result.val_top1));
        duet_head_logits(head, x[0], ROWS, logits[0]);
        assert_int_equal(right(logits[0]), ROWS);
        duet_head_logits(head, x[1], ROWS, logits[0]);
        assert_int_equal(right(logits[0]), ROWS);
        duet_head_free(head);
    }
    duet_head *head = fit(name, true, false, 1, &result),
              *again = fit(name, true, false, 3, &result), *loaded = NULL;
    assert_true(result.converged);
    duet_head_card card = {.class_count = 0, .top1 = NAN}, read;
    duet_copy_text(card.head, sizeof card.head, name);
    OK(duet_head_save(head, &card, DUET_TEST_TMP "/conform.head.safetensors"));
    OK(duet_head_load(&loaded, &read, DUET_TEST_TMP "/conform.head.safetensors"));
    assert_string_equal(read.head, name);
    duet_head_logits(head, x[1], ROWS, logits[0]);
    duet_head_logits(again, x[1], ROWS, logits[1]);
    duet_head_logits(loaded, x[1], ROWS, logits[2]);
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
    assert_memory_equal(logits[0], logits[2], sizeof logits[0]);
    if (head->kind->build !=
        NULL) /* of networks a row alone gives the bits that it has in a batch */
        for (int64_t i = 0; i < ROWS; i++) {
            duet_head_logits(head, x[1] + i * DIM, 1, logits[3]);
            assert_memory_equal(logits[0] + i * CLASSES, logits[3], CLASSES * sizeof(float));
        }
    duet_head_free(head);
    duet_head_free(again);
    duet_head_free(loaded);
}

static void every_head(void **unused) {
    (void)unused;
    assert_true(duet_family_head.count >= 1);
    for (int i = 0; i < duet_family_head.count; i++) {
        const duet_entry *entry = duet_family_head.entries[i];
        assert_true(strlen(entry->name) > 0 && strlen(entry->help) > 10);
        assert_true(entry->params.options_size <= sizeof((duet_choice *)NULL)->options);
        check_member(entry->name);
        const duet_context_options options = {.threads = 1, .cancelled = cancelled};
        const duet_head_fit problem = {.train = &train, .val = &val, .class_count = CLASSES};
        duet_context *ctx = NULL;
        duet_head *head = NULL;
        duet_head_result result;
        OK(duet_context_new(&ctx, &options));
        assert_int_equal(duet_head_train(ctx, &head, entry->name, &problem, &result),
                         DUET_CANCELLED);
        assert_null(head);
        duet_context_free(ctx);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_head)};
    return cmocka_run_group_tests(tests, draw, NULL);
}
