/* SPDX-License-Identifier: MIT
 * adm_unet with feedback: its second pass and the gradient of it against PyTorch in float64
 * (tests/oracle/make_feedback_golden.py); new weights, with which it is the first pass to the bit;
 * a denoiser has nothing of it. */
#include "tiny_model.h"

#include <math.h>
#include <stdio.h>

#include <duet/feature.h>
#include <duet/store.h>

#include "base/error.h"
#include "base/mem.h"
#include "model/network.h"

#define ARCH                                                                          \
    "adm_unet:image_size=8,in_channels=1,num_channels=4,num_res_blocks=1,"            \
    "channel_mult=1/2,attention_resolutions=4,num_heads=2,norm_groups=2,num_classes=" \
    "5,resblock_updown=false"
enum { B = 3, IMAGE = 64, BLOCKS = 9, READS = 3, MOST = 256, SIZE = 16384 };
static const int reads[READS] = {3, 5, 7};

typedef struct watched {
    duet_value map[READS];
} watched;

static duet_value watch(duet_graph *graph, const duet_tap_info *tap, duet_value x, void *user) {
    watched *const w = user;
    (void)graph;
    for (int i = 0; i < READS; i++)
        if (tap->block == BLOCKS + reads[i]) w->map[i] = x;
    return x;
}

static void check_close(const char *what, const float *got, const float *want, int64_t count) {
    double most = 1e-4;
    for (int64_t i = 0; i < count; i++)
        if (fabs((double)want[i]) > most) most = fabs((double)want[i]);
    for (int64_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - (double)want[i]) < 2e-5 * most))
            fail_msg("%s, value %lld: %g, not %g", what, (long long)i, (double)got[i],
                     (double)want[i]);
}

static void load_weights(const duet_store *store, const duet_slots *slots) {
    char name[128];
    for (int64_t k = 0; k < slots->count; k++) {
        snprintf(name, sizeof name, "w.%s", slots->list[k].name);
        const duet_store_entry *const entry = duet_store_find(store, name);
        if (entry == NULL) fail_msg("PyTorch has no '%s'", name);
        assert_int_equal(duet_shape_count(&entry->shape), slots->list[k].count);
        OK(duet_store_read(store, name, DUET_F32, slots->list[k].own));
    }
}

/* Sum of the mean squares of the maps. */
static duet_value loss_of(duet_graph *g, const watched *w) {
    duet_value sum = DUET_NONE;
    for (int i = 0; i < READS; i++) {
        const duet_value one =
            duet_reduce(g, duet_elementwise(g, w->map[i], "square"), "mean", 0, NULL);
        sum = sum == DUET_NONE ? one : duet_add(g, sum, one);
    }
    return sum;
}

static void check_values(const duet_store *store, duet_session *session, const duet_graph *graph,
                         const int64_t *param, int64_t count, const duet_slots *slots) {
    static float got[SIZE], want[SIZE];
    char name[128];
    for (int i = 0; i < READS; i++) {
        snprintf(name, sizeof name, "map.%d", reads[i]);
        const int64_t size = duet_shape_count(&duet_store_find(store, name)->shape);
        OK(duet_store_read(store, name, DUET_F32, want));
        OK(duet_session_get(session, i, -1, got));
        check_close(name, got, want, size);
    }
    for (int64_t k = 0; k < count; k++) {
        const char *const own = graph->params[param[k]].name;
        snprintf(name, sizeof name, "g.%s", own);
        OK(duet_store_read(store, name, DUET_F32, want));
        OK(duet_session_get(session, READS + k, -1, got));
        check_close(name, got, want, slots->list[duet_slots_find(slots, "", own)].count);
    }
}

static void as_pytorch(void **unused) {
    (void)unused;
    const duet_plan_options options = {.threads = 2};
    duet_store *store = NULL;
    duet_model *model = NULL;
    duet_graph *graph = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    watched w = {.map = {DUET_NONE, DUET_NONE, DUET_NONE}};
    duet_value raw, all[MOST], d[MOST], keep[READS + MOST];
    int64_t param[MOST], used[MOST], count = 0, found = 0;
    float x[B * IMAGE], t[B];
    duet_model_inputs in = {0};
    OK(duet_store_open(&store, DUET_SOURCE_DIR "/tests/golden/feedback.npz"));
    OK(duet_model_new(NULL, &model, ARCH ",feedback=true", 1));
    assert_int_equal(duet_model_tap_count(model), 2 * BLOCKS);
    OK(duet_graph_new(&graph));
    duet_graph_set_tap_hook(graph, watch, &w);
    OK(duet_model_build(model, graph, B, false, &in, &raw));
    for (int64_t i = 0; i < graph->param_count; i++) {
        param[count] = i;
        all[count++] = graph->params[i].value;
    }
    assert_true(count < MOST);
    OK(duet_grad(graph, loss_of(graph, &w), all, count, d));
    for (int i = 0; i < READS; i++) keep[i] = w.map[i];
    for (int64_t k = 0; k < count; k++)
        if (d[k] != DUET_NONE) {
            used[found] = param[k];
            keep[READS + found++] = d[k];
        }
    assert_true(found > 40 && found < count); /* the output layer does not matter */
    OK(duet_slots_new(&slots, graph));
    load_weights(store, slots);
    duet_slots_touch(slots, -1);
    OK(duet_plan_new(&plan, graph, slots, keep, READS + found, NULL, 0, &options));
    OK(duet_session_new(&session, plan, slots));
    OK(duet_store_read(store, "x", DUET_F32, x));
    OK(duet_store_read(store, "t", DUET_F32, t));
    OK(duet_session_set(session, "x", x));
    OK(duet_session_set(session, "net_t", t));
    OK(duet_session_run(session));
    check_values(store, session, graph, used, found, slots);
    duet_session_free(session);
    duet_plan_free(plan);
    duet_slots_free(slots);
    duet_graph_free(graph);
    duet_model_close(model);
    duet_store_close(store);
}

/* Layers that bring nothing back yet. */
static void at_first_the_same(void **unused) {
    (void)unused;
    enum { ROWS = 2 };
    duet_context *ctx = make_context(1, true);
    duet_model *model = NULL;
    duet_reader *reader = NULL;
    uint8_t pixels[ROWS * IMAGE];
    const int64_t index[ROWS] = {4, 5};
    OK(duet_model_new(ctx, &model, ARCH ",feedback=true", 1));
    duet_copy_text(duet_model_card(model)->noise, DUET_TEXT_SIZE, "linear");
    duet_model_card(model)->preprocess = (duet_preprocess){.size = 8, .channels = 1, .fit = "auto"};
    for (int i = 0; i < ROWS * IMAGE; i++) pixels[i] = (uint8_t)(i * 37 % 256);
    const duet_reader_options options = {.times = {.count = 1, .v = {20}},
                                         .pools = {.count = 1, .v = {2}}};
    OK(duet_reader_open(ctx, &reader, "model", model, NULL, &options));
    assert_int_equal(duet_reader_columns(reader), 2 * BLOCKS);
    float *const x = calloc((size_t)(ROWS * duet_reader_dim(reader)), sizeof *x);
    assert_non_null(x);
    OK(duet_reader_join(reader, pixels, index, ROWS, x));
    const int64_t half = duet_reader_dim(reader) / 2;
    for (int r = 0; r < ROWS; r++)
        assert_memory_equal(x + 2 * r * half, x + (2 * r + 1) * half, (size_t)half * sizeof(float));
    free(x);
    duet_reader_close(reader);
    duet_model_close(model);
    duet_context_free(ctx);
}

static int64_t nodes_of(const char *arch) {
    const duet_plan_options options = {.threads = 1};
    duet_model *model = NULL;
    duet_plan *plan = NULL;
    OK(duet_model_new(NULL, &model, arch, 1));
    OK(duet_network_compile(NULL, &plan, model, 2, &options));
    const int64_t nodes = duet_plan_rows(plan);
    duet_plan_free(plan);
    duet_model_close(model);
    return nodes;
}

static void drawing_costs_nothing(void **unused) {
    (void)unused;
    duet_model *model = NULL;
    assert_int_equal(nodes_of(ARCH ",feedback=true"), nodes_of(ARCH));
    assert_int_equal(duet_model_new(NULL, &model, ARCH ",feedback=true,classifier_pool=spatial", 1),
                     DUET_ARG);
    assert_non_null(strstr(duet_error_message(), "feedback is for U-Nets"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_pytorch),
                                       cmocka_unit_test(at_first_the_same),
                                       cmocka_unit_test(drawing_costs_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
