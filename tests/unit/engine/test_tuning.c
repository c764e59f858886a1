/* SPDX-License-Identifier: MIT
 * The table of measured kernels: its file, which tables are ignored, which kernels a plan takes by
 * it, and the tuner. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/context.h"
#include "base/file.h"
#include "base/rng.h"
#include "engine/backend/backend.h"
#include "engine/graph/tuner.h"
#include "engine/op/ops.h"

enum { BATCH = 2, SIDE = 32, IN = 24, OUT = 32, COUNT = BATCH * SIDE * SIDE * OUT };

typedef struct heard {
    int warnings;
    char last[512];
    bool stop;
} heard;

static void listen(duet_log_level level, const char *message, void *user) {
    heard *h = user;
    h->warnings += level == DUET_LOG_WARNING;
    snprintf(h->last, sizeof h->last, "%s", message);
}

static bool stopped(void *user) {
    return ((heard *)user)->stop;
}

static duet_context *context(heard *h) {
    duet_context *ctx = NULL;
    assert_int_equal(
        duet_context_new(
            &ctx,
            &(duet_context_options){.threads = 2, .log = listen, .cancelled = stopped, .user = h}),
        DUET_OK);
    return ctx;
}

static const char *path_of(char out[256], const char *name) {
    snprintf(out, 256, "%s/tuning-%ld-%s", DUET_TEST_TMP, (long)getpid(), name);
    return out;
}

static duet_tuning *table_of(const char *key, const char *kernel) {
    duet_tuning *table = NULL;
    assert_int_equal(duet_tuning_new(&table), DUET_OK);
    if (key != NULL)
        assert_int_equal(duet_tuning_put(table, &(duet_tuning_row){.key = key,
                                                                   .kernel = kernel,
                                                                   .usual = "usual",
                                                                   .seconds = 0.25,
                                                                   .usual_seconds = 0.5}),
                         DUET_OK);
    return table;
}

/* A 3x3 convolution whose weights are a parameter: y = conv(x). */
typedef struct network {
    duet_graph *graph;
    duet_slots *slots;
    duet_value y;
} network;

static network network_new(void) {
    network n = {0};
    assert_int_equal(duet_graph_new(&n.graph), DUET_OK);
    const duet_init init = {.kind = DUET_INIT_UNIFORM, .scale = 0.1};
    const duet_value x = duet_input(n.graph, "x", DUET_F32, 4, (int64_t[]){BATCH, SIDE, SIDE, IN});
    const duet_value w =
        duet_parameter(n.graph, "w", DUET_WEIGHT, init, 4, (int64_t[]){OUT, IN, 3, 3});
    n.y = duet_conv2d(n.graph, x, w, DUET_NONE, 1, 1);
    assert_int_equal(duet_slots_new(&n.slots, n.graph), DUET_OK);
    duet_slots_init(n.slots, 1, false);
    return n;
}

static void network_free(network *n) {
    duet_slots_free(n->slots);
    duet_graph_free(n->graph);
}

static duet_plan *plan_with(const network *n, const duet_tuning *table, bool exact,
                            duet_plan_row *row) {
    duet_plan *plan = NULL;
    const duet_plan_options options = {.threads = 2, .exact = exact, .tuning = table};
    assert_int_equal(duet_plan_new(&plan, n->graph, n->slots, &n->y, 1, NULL, 0, &options),
                     DUET_OK);
    assert_int_equal(duet_plan_rows(plan), 1);
    duet_plan_row_at(plan, 0, row);
    assert_int_equal(duet_plan_tuned(plan), row->tuned);
    return plan;
}

static void values_of(const network *n, const duet_plan *plan, float *y) {
    static float x[BATCH * SIDE * SIDE * IN];
    duet_session *session = NULL;
    duet_rng_normal(duet_rng_make(1, "x", 0), 0, x, DUET_COUNT(x));
    assert_int_equal(duet_session_new(&session, plan, n->slots), DUET_OK);
    assert_int_equal(duet_session_set(session, "x", x), DUET_OK);
    assert_int_equal(duet_session_run(session), DUET_OK);
    assert_int_equal(duet_session_get(session, 0, -1, y), DUET_OK);
    duet_session_free(session);
}

typedef struct seen {
    char key[512], kernel[32], usual[32];
    int rows, candidates;
    int64_t count;
    double seconds, usual_seconds;
    bool onednn; /* has it more than its reference for the call? */
} seen;

static void see(const duet_call *call, const duet_tuning_row *row, int64_t count, int candidates,
                void *user) {
    seen *s = user;
    assert_string_equal(call->op->info.name, "conv2d");
    snprintf(s->key, sizeof s->key, "%s", row->key);
    snprintf(s->kernel, sizeof s->kernel, "%s", row->kernel);
    snprintf(s->usual, sizeof s->usual, "%s", row->usual);
    const duet_kernel *kernel = NULL;
    const duet_kernel_options options = {.threads = 2};
    s->onednn = duet_cpu_backend()->candidates(&kernel, 1, call, &options, "onednn") > 0;
    s->rows++;
    s->candidates = candidates;
    s->count = count;
    s->seconds = row->seconds;
    s->usual_seconds = row->usual_seconds;
}

/* What the tuner finds for the convolution. */
static void tune(heard *h, const network *n, duet_tuning *table, seen *out) {
    duet_plan_row row;
    duet_context *ctx = context(h);
    duet_plan *plan = plan_with(n, NULL, false, &row);
    const duet_tuner tuner = {.ctx = ctx, .task = "tune", .seconds = 0, .row = see, .user = out};
    assert_int_equal(duet_tune_plan(&tuner, plan, table), h->stop ? DUET_CANCELLED : DUET_OK);
    duet_plan_free(plan);
    duet_context_free(ctx);
}

static void test_tuner(void **state) {
    (void)state;
    heard h = {0};
    seen s = {0};
    duet_plan_row rule;
    network n = network_new();
    duet_tuning *table = table_of(NULL, NULL);
    tune(&h, &n, table, &s);
    duet_plan_free(plan_with(&n, NULL, false, &rule));
    assert_int_equal(s.rows, 1);
    assert_int_equal(s.count, 1);
    assert_true(s.candidates >= 2);
    assert_string_equal(s.usual, rule.kernel);
    assert_true(s.usual_seconds > 0 && s.seconds > 0);
    assert_true(strcmp(s.kernel, s.usual) == 0 ? s.seconds == s.usual_seconds
                                               : s.seconds < 0.97 * s.usual_seconds);
    assert_int_equal(duet_tuning_count(table), 1);
    /* what is known is not measured again: these seconds no measurement gives */
    assert_int_equal(duet_tuning_put(table, &(duet_tuning_row){.key = s.key,
                                                               .kernel = "conv",
                                                               .usual = s.usual,
                                                               .seconds = 123,
                                                               .usual_seconds = 124}),
                     DUET_OK);
    tune(&h, &n, table, &s);
    assert_true(s.seconds == 123 && s.usual_seconds == 124);
    assert_int_equal(duet_tuning_count(table), 1);
    duet_tuning_free(table);
    /* cancelled */
    h.stop = true;
    table = table_of(NULL, NULL);
    tune(&h, &n, table, &s);
    assert_int_equal(duet_tuning_count(table), 0);
    duet_tuning_free(table);
    network_free(&n);
}

/* Every kernel that the table can name is taken and gives the values of the rule's up to rounding.
 */
static void test_choice(void **state) {
    static const char *const kernels[] = {"conv", "winograd", "onednn"};
    static float want[COUNT], have[COUNT];
    (void)state;
    heard h = {0};
    seen s = {0};
    duet_plan_row row, rule;
    network n = network_new();
    duet_tuning *table = table_of(NULL, NULL);
    tune(&h, &n, table, &s);
    duet_tuning_free(table);
    duet_plan *plan = plan_with(&n, NULL, false, &rule);
    assert_false(rule.tuned);
    values_of(&n, plan, want);
    duet_plan_free(plan);
    for (int i = 0; i < DUET_COUNT(kernels); i++) {
        if (strcmp(kernels[i], "onednn") == 0 && !s.onednn) continue; /* on ARM */
        table = table_of(s.key, kernels[i]);
        plan = plan_with(&n, table, false, &row);
        assert_string_equal(row.kernel, kernels[i]);
        assert_true(row.tuned);
        values_of(&n, plan, have);
        for (int k = 0; k < COUNT; k++) assert_true(fabs((double)have[k] - (double)want[k]) < 1e-4);
        duet_plan_free(plan);
        duet_tuning_free(table);
    }
    network_free(&n);
}

/* Names that the call cannot take, unknown cases and exact plans: the rule. */
static void test_rule(void **state) {
    static const char *const kernels[] = {"product", "no kernel", "conv"};
    (void)state;
    heard h = {0};
    seen s = {0};
    duet_plan_row row, rule, exact;
    network n = network_new();
    duet_tuning *table = table_of(NULL, NULL);
    tune(&h, &n, table, &s);
    duet_tuning_free(table);
    duet_plan_free(plan_with(&n, NULL, false, &rule));
    duet_plan_free(plan_with(&n, NULL, true, &exact));
    assert_string_not_equal(rule.kernel, exact.kernel);
    for (int i = 0; i < DUET_COUNT(kernels); i++) {
        if (i == 2) strcat(s.key, " trains"); /* the case of another plan */
        table = table_of(s.key, kernels[i]);
        duet_plan_free(plan_with(&n, table, false, &row));
        assert_string_equal(row.kernel, rule.kernel);
        assert_false(row.tuned);
        duet_tuning_free(table);
    }
    s.key[strlen(s.key) - strlen(" trains")] = '\0';
    table = table_of(s.key, "winograd"); /* not exact */
    duet_plan_free(plan_with(&n, table, true, &row));
    assert_string_equal(row.kernel, exact.kernel);
    assert_false(row.tuned);
    duet_tuning_free(table);
    network_free(&n);
}

static void test_exact_candidates(void **state) {
    (void)state;
    network n = network_new();
    duet_call call;
    const duet_kernel *kernels[DUET_MAX_CANDIDATES];
    const duet_backend *cpu = duet_cpu_backend();
    duet_graph_call(n.graph, &n.graph->nodes[n.graph->node_count - 1], 1, &call);
    const duet_kernel_options fast = {.threads = 2, .param_inputs = 2},
                              exact = {.threads = 2, .exact = true, .param_inputs = 2};
    assert_true(cpu->candidates(kernels, DUET_MAX_CANDIDATES, &call, &fast, NULL) > 1);
    assert_int_equal(cpu->candidates(kernels, DUET_MAX_CANDIDATES, &call, &fast, "winograd"), 1);
    assert_string_equal(kernels[0]->name, "winograd");
    assert_int_equal(cpu->candidates(kernels, 1, &call, &fast, NULL), 1);
    assert_int_equal(cpu->candidates(kernels, DUET_MAX_CANDIDATES, &call, &exact, NULL), 1);
    assert_ptr_equal(kernels[0], cpu->find(&call, &exact));
    assert_int_equal(cpu->candidates(kernels, DUET_MAX_CANDIDATES, &call, &exact, "winograd"), 0);
    network_free(&n);
}

static void test_file(void **state) {
    (void)state;
    char path[256];
    heard h = {0};
    duet_context *ctx = context(&h);
    duet_tuning *table = table_of("b", "winograd"), *loaded = NULL;
    assert_int_equal(duet_tuning_put(table, &(duet_tuning_row){.key = "a",
                                                               .kernel = "conv",
                                                               .usual = "conv",
                                                               .seconds = 1,
                                                               .usual_seconds = 1}),
                     DUET_OK);
    assert_int_equal(duet_tuning_load(ctx, &loaded, path_of(path, "none")), DUET_NOT_FOUND);
    assert_null(loaded);
    assert_int_equal(duet_tuning_save(table, path_of(path, "file")), DUET_OK);
    assert_int_equal(duet_tuning_load(ctx, &loaded, path), DUET_OK);
    assert_int_equal(duet_tuning_count(loaded), 2);
    assert_true(duet_tuning_hash(loaded) == duet_tuning_hash(table));
    const duet_tuning_row *row = duet_tuning_row_of(loaded, "b");
    assert_non_null(row);
    assert_string_equal(row->kernel, "winograd");
    assert_string_equal(row->usual, "usual");
    assert_true(row->seconds == 0.25 && row->usual_seconds == 0.5);
    assert_null(duet_tuning_row_of(loaded, "c"));
    assert_int_equal(h.warnings, 0);
    /* another choice is another hash, other seconds are not; no rows are none */
    assert_int_equal(duet_tuning_put(loaded, &(duet_tuning_row){.key = "a",
                                                                .kernel = "conv",
                                                                .usual = "conv",
                                                                .seconds = 2,
                                                                .usual_seconds = 2}),
                     DUET_OK);
    assert_true(duet_tuning_hash(loaded) == duet_tuning_hash(table));
    assert_int_equal(duet_tuning_put(loaded, &(duet_tuning_row){.key = "a",
                                                                .kernel = "onednn",
                                                                .usual = "conv",
                                                                .seconds = 1,
                                                                .usual_seconds = 2}),
                     DUET_OK);
    assert_int_equal(duet_tuning_count(loaded), 2);
    assert_true(duet_tuning_hash(loaded) != duet_tuning_hash(table));
    assert_true(duet_tuning_hash(NULL) == 0);
    duet_tuning_free(loaded);
    duet_tuning_free(table);
    duet_context_free(ctx);
    remove(path);
}

/* Writes the text with the first `from` changed to `to`; "" = cuts it in half. Gives the warning.
 */
static void load_changed(const duet_bytes *good, const char *from, const char *to,
                         const char *warning) {
    char path[256], *text = calloc(1, (size_t)good->size + 64);
    heard h = {0};
    duet_context *ctx = context(&h);
    duet_tuning *table = NULL;
    assert_non_null(text);
    memcpy(text, good->data, (size_t)good->size);
    if (!from[0])
        text[good->size / 2] = '\0';
    else {
        char *at = strstr(text, from);
        assert_non_null(at);
        memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
        memcpy(at, to, strlen(to));
    }
    assert_int_equal(duet_file_write(path_of(path, "changed"), text, (int64_t)strlen(text)),
                     DUET_OK);
    assert_int_equal(duet_tuning_load(ctx, &table, path), DUET_OK);
    assert_int_equal(duet_tuning_count(table), 0);
    assert_int_equal(h.warnings, 1);
    if (strstr(h.last, warning) == NULL) fail_msg("'%s' does not say '%s'", h.last, warning);
    duet_tuning_free(table);
    duet_context_free(ctx);
    free(text);
    remove(path);
}

static void test_ignored(void **state) {
    (void)state;
    char path[256];
    duet_bytes good = {0};
    duet_tuning *table = table_of("b", "winograd");
    assert_int_equal(duet_tuning_save(table, path_of(path, "good")), DUET_OK);
    assert_int_equal(duet_file_read(&good, path), DUET_OK);
    load_changed(&good, "", "", "damaged");
    load_changed(&good, "duet tuning", "duet turning", "no table");
    load_changed(&good, "\"version\": \"", "\"version\": \"0", "made by version");
    load_changed(&good, "\"cpu\": \"", "\"cpu\": \"Other ", "made on 'Other ");
    load_changed(&good, "\"isa\": \"", "\"isa\": \"x", "made on");
    load_changed(&good, "\"rows\"", "\"row\"", "no rows");
    load_changed(&good, "\"kernel\"", "\"kern\"", "no kernel");
    load_changed(&good, "{", "[1, ", "damaged");
    duet_bytes_free(&good);
    duet_tuning_free(table);
    remove(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tuner), cmocka_unit_test(test_choice),
        cmocka_unit_test(test_rule),  cmocka_unit_test(test_exact_candidates),
        cmocka_unit_test(test_file),  cmocka_unit_test(test_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
