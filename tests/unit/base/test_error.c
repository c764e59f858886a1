/* SPDX-License-Identifier: MIT
 * Messages: format, frames, truncation at a character, one buffer a thread; contexts and their
 * callbacks. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/system.h"

#include <errno.h>

static void test_message_and_frames(void **state) {
    (void)state;
    duet_error_clear();
    assert_string_equal(duet_error_message(), "");
    assert_int_equal(duet_fail(DUET_SHAPE, "want %d, got %d", 3, 4), DUET_SHAPE);
    assert_string_equal(duet_error_message(), "want 3, got 4");
    duet_error_frame("cannot load '%s'", "x.pt");
    assert_string_equal(duet_error_message(), "cannot load 'x.pt': want 3, got 4");
    /* The message itself may be an argument. */
    assert_int_equal(duet_fail(DUET_IO, "again: %s", duet_error_message()), DUET_IO);
    assert_string_equal(duet_error_message(), "again: cannot load 'x.pt': want 3, got 4");
    duet_error_clear();
    duet_error_frame("alone");
    assert_string_equal(duet_error_message(), "alone");
}

static void test_long_message_ends_at_a_character(void **state) {
    (void)state;
    char text[3001];
    for (int i = 0; i < 3000; i += 3) memcpy(text + i, "\xe2\x80\xa6", 3);
    text[3000] = '\0';
    for (int lead = 0; lead < 3; lead++) {
        duet_fail(DUET_IO, "%.*s%s", lead, "ab", text);
        const size_t size = strlen(duet_error_message());
        assert_true(size > 1000 && size < 1024);
        assert_int_equal((size - (size_t)lead) % 3, 0);
    }
}

static void *other_thread(void *user) {
    const char **seen = user;
    *seen = duet_error_message()[0] == '\0' ? "empty" : "shared";
    duet_fail(DUET_IO, "theirs");
    return NULL;
}

static void test_threads_have_their_own(void **state) {
    (void)state;
    const char *seen = NULL;
    pthread_t thread;
    duet_fail(DUET_IO, "ours");
    assert_int_equal(pthread_create(&thread, NULL, other_thread, &seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(seen, "empty");
    assert_string_equal(duet_error_message(), "ours");
}

static void test_causes(void **state) {
    (void)state;
    duet_error_clear();
    assert_int_equal(duet_error_cause(), DUET_CAUSE_NONE);
    assert_false(duet_error_advises());
    assert_int_equal(duet_because(DUET_CAUSE_BAD_IMAGE, DUET_OK), DUET_OK);
    assert_int_equal(duet_error_cause(), DUET_CAUSE_NONE);
    /* Who is nearest to the failure knows best, and frames change nothing. */
    assert_int_equal(duet_because(DUET_CAUSE_NO_STORE, duet_fail(DUET_FORMAT, "cut off")),
                     DUET_FORMAT);
    duet_error_frame("cannot open '%s'", "a");
    assert_int_equal(duet_because(DUET_CAUSE_NO_MODEL, DUET_FORMAT), DUET_FORMAT);
    duet_error_frame("cannot load '%s'", "a");
    assert_int_equal(duet_error_cause(), DUET_CAUSE_NO_STORE);
    assert_string_equal(duet_error_message(), "cannot load 'a': cannot open 'a': cut off");
    assert_string_equal(duet_error_reason(), "cut off");
    /* The next failure begins anew. */
    assert_int_equal(duet_advised(duet_fail(DUET_ARG, "no; do this")), DUET_ARG);
    assert_int_equal(duet_error_cause(), DUET_CAUSE_NONE);
    assert_true(duet_error_advises());
    duet_fail(DUET_ARG, "next");
    assert_false(duet_error_advises());
    assert_string_equal(duet_error_reason(), "next");
}

static void test_reason_of_a_cut_message(void **state) {
    (void)state;
    char frame[1201];
    memset(frame, 'f', sizeof frame - 1);
    frame[sizeof frame - 1] = '\0';
    duet_fail(DUET_IO, "inner");
    duet_error_frame("%s", frame); /* no room is left for what it is about */
    assert_int_equal(strlen(duet_error_reason()), strlen(duet_error_message()));
}

static void test_failures_travel(void **state) {
    (void)state;
    duet_failure kept;
    (void)duet_because(DUET_CAUSE_BAD_IMAGE, duet_fail(DUET_FORMAT, "ours"));
    duet_error_frame("frame");
    duet_failure_take(&kept);
    duet_fail(DUET_IO, "another");
    duet_failure_put(&kept);
    assert_string_equal(duet_error_message(), "frame: ours");
    assert_string_equal(duet_error_reason(), "ours");
    assert_int_equal(duet_error_cause(), DUET_CAUSE_BAD_IMAGE);
    duet_error_clear();
    assert_string_equal(duet_error_message(), "");
    assert_int_equal(duet_error_cause(), DUET_CAUSE_NONE);
}

static duet_status owning(duet_status inner, int *released) {
    duet_status status = DUET_OK;
    DUET_CONTEXT(inner == DUET_OK ? DUET_OK : duet_fail(inner, "inner"), "frame %d", 7);
    DUET_FAIL(DUET_ARG, "outer");
done:
    (*released)++;
    return status;
}

static void test_macros(void **state) {
    (void)state;
    int released = 0;
    assert_int_equal(owning(DUET_NUMERIC, &released), DUET_NUMERIC);
    assert_string_equal(duet_error_message(), "frame 7: inner");
    assert_int_equal(owning(DUET_OK, &released), DUET_ARG);
    assert_string_equal(duet_error_message(), "outer");
    assert_int_equal(released, 2);
}

static void test_names_and_system(void **state) {
    (void)state;
    for (int a = DUET_OK; a <= DUET_CANCELLED; a++) {
        for (int b = DUET_OK; b < a; b++) {
            assert_string_not_equal(duet_status_name((duet_status)a),
                                    duet_status_name((duet_status)b));
        }
    }
    assert_string_equal(duet_status_name((duet_status)99), "unknown status");
    assert_int_equal(duet_fail_system(ENOENT, "read", "a b"), DUET_NOT_FOUND);
    assert_string_equal(duet_error_message(), "cannot read 'a b': no such file or folder");
    assert_int_equal(duet_fail_system(ENOMEM, "read", "x"), DUET_NO_MEMORY);
    assert_int_equal(duet_fail_system(98765, "read", "x"), DUET_IO);
    assert_string_equal(duet_error_message(), "cannot read 'x': system error 98765");
}

typedef struct seen {
    char log[64];
    double done;
    int calls;
    bool stop;
} seen;

static void on_log(duet_log_level level, const char *message, void *user) {
    seen *s = user;
    snprintf(s->log, sizeof s->log, "%d %s", (int)level, message);
}

static void on_progress(const duet_progress *progress, void *user) {
    seen *s = user;
    s->done = progress->done;
    s->calls++;
}

static bool on_cancelled(void *user) {
    const seen *s = user;
    return s->stop;
}

static void test_context(void **state) {
    (void)state;
    seen s = {0};
    duet_context *ctx = NULL;
    const duet_context_options options = {.threads = 3,
                                          .exact = true,
                                          .log = on_log,
                                          .progress = on_progress,
                                          .cancelled = on_cancelled,
                                          .user = &s};
    assert_int_equal(duet_context_new(&ctx, &options), DUET_OK);
    assert_int_equal(duet_context_threads(ctx), 3);
    assert_true(duet_context_exact(ctx));
    duet_log(ctx, DUET_LOG_WARNING, "loss %d", 5);
    assert_string_equal(s.log, "2 loss 5");
    duet_progress_report(ctx, "train", "step", 2.0, 10.0, NULL);
    assert_int_equal(s.calls, 1);
    assert_true(s.done == 2.0);
    assert_int_equal(duet_check_cancelled(ctx), DUET_OK);
    s.stop = true;
    assert_int_equal(duet_check_cancelled(ctx), DUET_CANCELLED);
    duet_context_free(ctx);

    ctx = NULL;
    assert_int_equal(duet_context_new(&ctx, &(duet_context_options){.threads = -1}), DUET_ARG);
    assert_null(ctx);
    assert_int_equal(duet_context_new(&ctx, NULL), DUET_OK);
    assert_true(duet_context_threads(ctx) >= 1);
    duet_log(ctx, DUET_LOG_INFO, "nobody listens");
    duet_context_free(ctx);

    duet_log(NULL, DUET_LOG_INFO, "nobody");
    duet_progress_report(NULL, "a", "b", 0, 0, NULL);
    assert_int_equal(duet_context_threads(NULL), 1);
    assert_int_equal(duet_check_cancelled(NULL), DUET_OK);
    duet_context_free(NULL);
}

static void test_clock_and_memory(void **state) {
    (void)state;
    const double first = duet_clock();
    assert_true(duet_clock() >= first);
    assert_true(duet_peak_memory() > 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_and_frames),
        cmocka_unit_test(test_long_message_ends_at_a_character),
        cmocka_unit_test(test_threads_have_their_own),
        cmocka_unit_test(test_causes),
        cmocka_unit_test(test_reason_of_a_cut_message),
        cmocka_unit_test(test_failures_travel),
        cmocka_unit_test(test_macros),
        cmocka_unit_test(test_names_and_system),
        cmocka_unit_test(test_context),
        cmocka_unit_test(test_clock_and_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
