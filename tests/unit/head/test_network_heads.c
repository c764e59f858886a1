/* SPDX-License-Identifier: MIT
 * Heads that are networks against PyTorch (tests/oracle/make_network_head_goldens.py): logits, and
 * the gradient of the loss by every tensor; that dropout differs between the levels of `fusion`;
 * what does not fit is refused by name; a head's file keeps its maps. */
#include "unit/data/fixtures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <duet/store.h>

#include "engine/graph/plan.h"
#include "head/head.h"

enum { ROWS = 6, DIM = 72 + 48 + 72, CLASSES = 5, MOST = 64, SIZE = 4096 };

static const duet_feature_maps maps = {.count = 3,
                                       .v = {{5, 7, 3, 8}, {5, 10, 2, 12}, {15, 7, 3, 8}}};
static duet_store *goldens;
static float x[ROWS * DIM];
static int32_t y[ROWS];

static int open_goldens(void **unused) {
    (void)unused;
    OK(duet_store_open(&goldens, DUET_SOURCE_DIR "/tests/golden/network_heads.npz"));
    OK(duet_store_read(goldens, "x", DUET_F32, x));
    OK(duet_store_read(goldens, "y", DUET_I32, y));
    return 0;
}

static int close_goldens(void **unused) {
    (void)unused;
    duet_store_close(goldens);
    return 0;
}

static duet_head *make(const char *spec) {
    duet_choice choice;
    duet_head *head = NULL;
    OK(duet_head_parse(&choice, spec));
    OK(duet_head_new(NULL, &head, &choice, CLASSES, &maps, DIM));
    for (int d = 0; d < DIM; d++) head->scale[d] = 1.0f;
    return head;
}

static void read_into(const char *name, const char *kind, const char *tensor, float *out) {
    char full[128];
    snprintf(full, sizeof full, "%s.%s.%s", name, kind, tensor);
    OK(duet_store_read(goldens, full, DUET_F32, out));
}

static void check_close(const char *name, const char *tensor, const float *got, const float *want,
                        int64_t count, double tolerance) {
    double most = 1e-3;
    for (int64_t i = 0; i < count; i++)
        if (fabs((double)want[i]) > most) most = fabs((double)want[i]);
    for (int64_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - (double)want[i]) < tolerance * most))
            fail_msg("%s, %s, value %lld: %g, not %g", name, tensor, (long long)i, (double)got[i],
                     (double)want[i]);
}

static void check_gradient(const char *name, const duet_head *head) {
    const duet_plan_options options = {.device = "cpu", .threads = 2};
    duet_head_tensor list[DUET_HEAD_TENSORS];
    duet_graph *graph = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    duet_value wrt[MOST], d[MOST + 1], loss = DUET_NONE, rows = DUET_NONE;
    static float got[SIZE], want[SIZE];
    int64_t count = 0;
    const int64_t B = ROWS;
    OK(duet_graph_new(&graph));
    const duet_value in = duet_input(graph, "x", DUET_F32, 2, (int64_t[]){ROWS, DIM}),
                     labels = duet_input(graph, "y", DUET_I32, 1, &B),
                     id = duet_input(graph, "sample_id", DUET_I32, 1, &B);
    duet_cross_entropy(graph, head->kind->build(graph, head, in, id), labels, 0.1, &loss, &rows);
    OK(duet_graph_status(graph));
    OK(duet_slots_new(&slots, graph));
    const int tensors = head->kind->tensors(head, list);
    for (int i = 0; i < tensors; i++) {
        const int64_t at = duet_slots_find(slots, "", list[i].name);
        memcpy(slots->list[at].own, list[i].data, (size_t)slots->list[at].count * sizeof(float));
    }
    duet_slots_touch(slots, -1);
    for (int64_t i = 0; i < graph->param_count; i++)
        if (graph->params[i].role == DUET_WEIGHT) wrt[count++] = graph->params[i].value;
    OK(duet_grad(graph, loss, wrt, count, d));
    d[count] = loss;
    OK(duet_plan_new(&plan, graph, slots, d, count + 1, NULL, 0, &options));
    OK(duet_session_new(&session, plan, slots));
    OK(duet_session_set(session, "x", x));
    OK(duet_session_set(session, "y", y));
    OK(duet_session_run(session));
    for (int64_t i = 0, k = 0; i < graph->param_count; i++) {
        if (graph->params[i].role != DUET_WEIGHT) continue;
        const int64_t at = duet_slots_find(slots, "", graph->params[i].name);
        OK(duet_session_get(session, k++, -1, got));
        read_into(name, "g", graph->params[i].name, want);
        check_close(name, graph->params[i].name, got, want, slots->list[at].count, 2e-5);
    }
    duet_session_free(session);
    duet_plan_free(plan);
    duet_slots_free(slots);
    duet_graph_free(graph);
}

static void check_case(const char *name, const char *spec) {
    static float logits[ROWS * CLASSES], want[ROWS * CLASSES];
    duet_head_tensor list[DUET_HEAD_TENSORS];
    char full[128];
    duet_head *head = make(spec);
    const int tensors = head->kind->tensors(head, list);
    assert_true(tensors >= 4 && tensors <= MOST);
    for (int i = 0; i < tensors; i++) {
        assert_true(duet_shape_count(&list[i].shape) <= SIZE);
        read_into(name, "w", list[i].name, list[i].data);
    }
    head->kind->ready(head);
    duet_head_logits(head, x, ROWS, logits);
    snprintf(full, sizeof full, "%s.logits", name);
    OK(duet_store_read(goldens, full, DUET_F32, want));
    check_close(name, "logits", logits, want, ROWS * CLASSES, 2e-6);
    check_gradient(name, head);
    duet_head_free(head);
}

static void as_pytorch(void **unused) {
    (void)unused;
    check_case("mlp", "mlp:hidden=7,dropout=0");
    check_case("cnn", "cnn:width=8,dropout=0");
    check_case("attention", "attention:width=8,heads=2,dropout=0");
    check_case("batch", "attention:width=8,heads=2,dropout=0,tokens=batch");
    check_case("fusion", "fusion:width=8,heads=2,dropout=0,tokens=layer,positions=false");
}

/* The two levels of `fusion` are passes of one transformer: the same weights, other dropout. */
static void levels_drop_apart(void **unused) {
    (void)unused;
    duet_head *head = make("fusion:width=8,heads=2,dropout=0.5");
    duet_graph *graph = NULL;
    int64_t streams[MOST], count = 0;
    const int64_t B = ROWS;
    OK(duet_graph_new(&graph));
    const duet_value in = duet_input(graph, "x", DUET_F32, 2, (int64_t[]){ROWS, DIM}),
                     id = duet_input(graph, "sample_id", DUET_I32, 1, &B);
    (void)head->kind->build(graph, head, in, id);
    OK(duet_graph_status(graph));
    for (int64_t n = 0; n < graph->node_count; n++)
        if (strcmp(graph->nodes[n].op->info.name, "dropout") == 0)
            streams[count++] = ((const duet_dropout_attr *)graph->nodes[n].attr)->stream;
    assert_int_equal(count, 2 * 5); /* levels x (tokens, two in each of two blocks) */
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < i; k++) assert_true(streams[i] != streams[k]);
    duet_graph_free(graph);
    duet_head_free(head);
}

static void what_does_not_fit(void **unused) {
    (void)unused;
    const struct {
        const char *spec, *says;
    } wrong[] = {{"attention:width=10,heads=4", "width 10 is not a multiple of heads, 4"},
                 {"attention:width=9,heads=3,tokens=plain", "plain tokens need a width of 8"}};
    for (int i = 0; i < 2; i++) {
        duet_choice choice;
        duet_head *head = NULL;
        OK(duet_head_parse(&choice, wrong[i].spec));
        assert_int_equal(duet_head_new(NULL, &head, &choice, CLASSES, &maps, DIM), DUET_ARG);
        assert_non_null(strstr(duet_error_message(), wrong[i].says));
    }
}

/* Another order of maps of the same size in all gives other logits, so the file has to tell it. */
static void files_keep_maps(void **unused) {
    (void)unused;
    const char *const path = DUET_TEST_TMP "/maps.head.safetensors";
    duet_head *head = make("cnn:width=8"), *loaded = NULL;
    duet_head_card card = {.class_count = 0, .top1 = NAN}, read;
    OK(duet_head_save(head, &card, path));
    OK(duet_head_load(&loaded, &read, path));
    assert_true(duet_maps_equal(&loaded->maps, &maps));
    duet_head_free(loaded);
    duet_head_free(head);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_pytorch), cmocka_unit_test(levels_drop_apart),
        cmocka_unit_test(what_does_not_fit), cmocka_unit_test(files_keep_maps)};
    return cmocka_run_group_tests(tests, open_goldens, close_goldens);
}
