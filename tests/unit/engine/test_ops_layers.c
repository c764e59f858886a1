/* SPDX-License-Identifier: MIT
 * Softmax, losses, norms, products, attention, rows of a table, batch norm in training and spectral
 * norm against PyTorch in float64, on the backends "ref" and "cpu": results, gradients, and states
 * after each of three runs. The golden file: tests/oracle/make_op_goldens_layers.py. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <duet/store.h>

#include "base/mem.h"
#include "engine/graph/plan.h"
#include "engine/op/ops_grad.h"
#include "model/nn.h"

#define MOST  4096 /* elements of a tensor */
#define NAMES 24

static duet_store *golden;

static void ok(duet_status status) {
    if (status != DUET_OK) fail_msg("%s: %s", duet_status_name(status), duet_error_message());
}

static const duet_store_entry *find(const char *name) {
    const duet_store_entry *entry = duet_store_find(golden, name);
    if (entry == NULL) fail_msg("no tensor '%s'", name);
    assert_true(duet_shape_count(&entry->shape) <= MOST);
    return entry;
}

/* One graph: what it reads and what its outputs are to be. */
typedef struct bench {
    const char *name; /* of the case */
    duet_graph *graph;
    char inputs[NAMES][64], outputs[NAMES][64]; /* golden names; inputs are called so, too */
    duet_value in[NAMES], out[NAMES];
    int input_count, output_count;
} bench;

static void full_name(const bench *b, const char *kind, const char *name, char out[64]) {
    snprintf(out, 64, "%s/%s%s", b->name, kind, name);
}

/* An input of the golden's shape. */
static duet_value in(bench *b, const char *name) {
    char *const text = b->inputs[b->input_count];
    full_name(b, "", name, text);
    const duet_store_entry *entry = find(text);
    const duet_dtype dtype = entry->dtype == DUET_I32 ? DUET_I32 : DUET_F32;
    const duet_value value = duet_input(b->graph, text, dtype, entry->shape.rank, entry->shape.dim);
    b->in[b->input_count++] = value;
    return value;
}

static void out(bench *b, const char *kind, const char *name, duet_value value) {
    if (value == DUET_NONE) fail_msg("%s: no %s%s", b->name, kind, name);
    full_name(b, kind, name, b->outputs[b->output_count]);
    b->out[b->output_count++] = value;
}

/* sum(y * cotangent) */
static duet_value weighed(bench *b, duet_value y, const char *cotangent) {
    const int64_t count = duet_shape_count(&duet_value_arg(b->graph, y)->shape);
    const duet_value w = in(b, cotangent);
    return duet_linear(b->graph, duet_reshape(b->graph, y, 2, (int64_t[]){1, count}),
                       duet_reshape(b->graph, w, 2, (int64_t[]){1, count}), DUET_NONE);
}

static void compare(const char *what, const char *backend, const char *name, const float *have) {
    const duet_store_entry *entry = find(name);
    const int64_t count = duet_shape_count(&entry->shape);
    static float want[MOST];
    double square = 0.0;
    ok(duet_store_read(golden, name, DUET_F32, want));
    for (int64_t i = 0; i < count; i++) square += (double)want[i] * (double)want[i];
    const double scale = fmax(sqrt(square / (double)count), 1e-3);
    for (int64_t i = 0; i < count; i++) {
        const double error = fabs((double)have[i] - (double)want[i]) / scale;
        if (!(error <= 2e-5))
            fail_msg("%s on %s: element %d of '%s' is %.8g, PyTorch has %.8g", what, backend,
                     (int)i, name, (double)have[i], (double)want[i]);
    }
}

static void feed(const bench *b, duet_session *session) {
    static int32_t buffer[MOST];
    for (int i = 0; i < b->input_count; i++) {
        const duet_store_entry *entry = find(b->inputs[i]);
        if (!duet_session_has_input(session, b->inputs[i])) continue;
        ok(duet_store_read(golden, b->inputs[i], entry->dtype == DUET_I32 ? DUET_I32 : DUET_F32,
                           buffer));
        ok(duet_session_set(session, b->inputs[i], buffer));
    }
}

static void run_on(const bench *b, const char *backend, duet_slots *slots) {
    static float have[MOST];
    const duet_plan_options options = {.device = backend, .threads = 2};
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    ok(duet_plan_new(&plan, b->graph, slots, b->out, b->output_count, NULL, 0, &options));
    ok(duet_session_new(&session, plan, slots));
    feed(b, session);
    ok(duet_session_run(session));
    for (int i = 0; i < b->output_count; i++) {
        ok(duet_session_get(session, i, -1, have));
        compare(b->name, backend, b->outputs[i], have);
    }
    duet_session_free(session);
    duet_plan_free(plan);
}

/* ---- ops without states ---- */

typedef duet_value (*builder)(bench *b); /* the result; of losses the loss, whose name is "out" */

static duet_value softmax(bench *b) {
    return duet_softmax(b->graph, in(b, "x"));
}
static duet_value log_softmax(bench *b) {
    return duet_log_softmax(b->graph, in(b, "x"));
}

static duet_value loss_of(bench *b, bool soft, double smoothing) {
    duet_value loss = DUET_NONE, each = DUET_NONE;
    const duet_value logits = in(b, "logits"), targets = in(b, "targets");
    if (soft)
        duet_soft_cross_entropy(b->graph, logits, targets, smoothing, &loss, &each);
    else
        duet_cross_entropy(b->graph, logits, targets, smoothing, &loss, &each);
    out(b, "", "per_sample", each);
    return loss;
}
static duet_value cross_entropy(bench *b) {
    return loss_of(b, false, 0.0);
}
static duet_value cross_entropy_smooth(bench *b) {
    return loss_of(b, false, 0.1);
}
static duet_value soft_cross_entropy(bench *b) {
    return loss_of(b, true, 0.0);
}
static duet_value soft_cross_entropy_smooth(bench *b) {
    return loss_of(b, true, 0.2);
}

static duet_value layer_norm(bench *b) {
    const duet_value x = in(b, "x"), gamma = in(b, "gamma"), beta = in(b, "beta");
    return duet_layer_norm(b->graph, x, gamma, beta, 1, 1e-5);
}
static duet_value layer_norm_all(bench *b) {
    const duet_value x = in(b, "x"), gamma = in(b, "gamma"), beta = in(b, "beta");
    return duet_layer_norm(b->graph, x, gamma, beta, 3, 1e-5);
}
static duet_value layer_norm_plain(bench *b) {
    return duet_layer_norm(b->graph, in(b, "x"), DUET_NONE, DUET_NONE, 1, 1e-6);
}

static duet_value matmul(bench *b) {
    const duet_value a = in(b, "a"), c = in(b, "b");
    const char *const flags = b->name + strlen("matmul"); /* "01": transpose_a, transpose_b */
    return duet_matmul(b->graph, a, c, flags[0] == '1', flags[0] != '_' && flags[1] == '1');
}

static duet_value attention(bench *b) {
    const duet_value q = in(b, "q"), k = in(b, "k"), v = in(b, "v");
    return duet_cross_attention(b->graph, q, k, v, b->name[strlen("attention")] - '0');
}

static duet_value gather_rows(bench *b) {
    const duet_value table = in(b, "table"), index = in(b, "index");
    return duet_gather_rows(b->graph, table, index);
}

static const struct {
    const char *name;
    builder build;
} cases[] = {
    {"softmax", softmax},
    {"log_softmax", log_softmax},
    {"cross_entropy", cross_entropy},
    {"cross_entropy_smooth", cross_entropy_smooth},
    {"soft_cross_entropy", soft_cross_entropy},
    {"soft_cross_entropy_smooth", soft_cross_entropy_smooth},
    {"layer_norm", layer_norm},
    {"layer_norm_all", layer_norm_all},
    {"layer_norm_plain", layer_norm_plain},
    {"matmul00", matmul},
    {"matmul01", matmul},
    {"matmul10", matmul},
    {"matmul11", matmul},
    {"matmul_plain", matmul},
    {"attention1", attention},
    {"attention2", attention},
    {"gather_rows", gather_rows},
};

/* Gradients of all inputs for which PyTorch has one. */
static void add_gradients(bench *b, duet_value loss, int inputs) {
    duet_value wrt[NAMES], d[NAMES];
    char name[64];
    int count = 0, source[NAMES];
    for (int i = 0; i < inputs; i++) {
        full_name(b, "d/", strchr(b->inputs[i], '/') + 1, name);
        if (duet_store_find(golden, name) == NULL) continue;
        source[count] = i;
        wrt[count++] = b->in[i];
    }
    assert_true(count > 0);
    ok(duet_grad(b->graph, loss, wrt, count, d));
    for (int i = 0; i < count; i++) out(b, "d/", strchr(b->inputs[source[i]], '/') + 1, d[i]);
}

static void run_case(const char *name, builder build) {
    bench b = {.name = name};
    char text[64];
    duet_slots *slots = NULL;
    ok(duet_graph_new(&b.graph));
    const duet_value y = build(&b);
    const int inputs = b.input_count;
    ok(duet_graph_status(b.graph));
    out(&b, "", "out", y);
    full_name(&b, "", "cotangent", text);
    add_gradients(&b, duet_store_find(golden, text) != NULL ? weighed(&b, y, "cotangent") : y,
                  inputs);
    ok(duet_slots_new(&slots, b.graph));
    run_on(&b, "ref", slots);
    run_on(&b, "cpu", slots);
    duet_slots_free(slots);
    duet_graph_free(b.graph);
}

static void ops_are_those_of_pytorch(void **state) {
    (void)state;
    for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++)
        run_case(cases[i].name, cases[i].build);
}

/* ---- layers with states ---- */

static const duet_slot *slot_of(const duet_slots *slots, const char *name) {
    const int64_t slot = duet_slots_find(slots, "", name);
    if (slot < 0) fail_msg("no parameter '%s'", name);
    return &slots->list[slot];
}

/* Parameter `slot` from the golden `name`. */
static void load(duet_slots *slots, const char *slot, const char *name) {
    ok(duet_store_read(golden, name, DUET_F32, slot_of(slots, slot)->own));
    duet_slots_touch(slots, -1);
}

static const char *numbered(const char *name, int k) {
    static char text[4][64];
    static int at;
    at = (at + 1) % 4;
    snprintf(text[at], sizeof text[at], "%s%d", name, k);
    return text[at];
}

static duet_value param(duet_graph *g, const char *name) {
    for (int64_t i = 0; i < g->param_count; i++)
        if (strcmp(g->params[i].name, name) == 0) return g->params[i].value;
    return DUET_NONE;
}

/* Run k (from 1) of batch norm; the slots are made by the first. */
static void batch_norm_run(const char *backend, int k, duet_slots **slots) {
    bench b = {.name = "bn"};
    ok(duet_graph_new(&b.graph));
    const duet_value x = in(&b, numbered("x", k));
    const duet_value y = duet_nn_batch_norm_train(b.graph, "n", x, 0.1, 1e-5, DUET_NN_UPDATE);
    const duet_value wrt[3] = {x, param(b.graph, "n.weight"), param(b.graph, "n.bias")};
    duet_value d[3];
    ok(duet_graph_status(b.graph));
    out(&b, "", numbered("out", k), y);
    ok(duet_grad(b.graph, weighed(&b, y, numbered("cotangent", k)), wrt, 3, d));
    out(&b, "d/", numbered("x", k), d[0]);
    out(&b, "d/", numbered("weight", k), d[1]);
    out(&b, "d/", numbered("bias", k), d[2]);
    if (*slots == NULL) {
        ok(duet_slots_new(slots, b.graph));
        load(*slots, "n.weight", "bn/weight");
        load(*slots, "n.bias", "bn/bias");
        load(*slots, "n.running_mean", "bn/running_mean0");
        load(*slots, "n.running_var", "bn/running_var0");
    }
    run_on(&b, backend, *slots);
    compare("bn", backend, numbered("bn/running_mean", k), slot_of(*slots, "n.running_mean")->own);
    compare("bn", backend, numbered("bn/running_var", k), slot_of(*slots, "n.running_var")->own);
    duet_graph_free(b.graph);
}

/* The last input again: by its own statistics without changing the states, then by the states. */
static void batch_norm_modes(const char *backend, duet_slots *slots) {
    for (int stored = 0; stored < 2; stored++) {
        bench b = {.name = "bn"};
        ok(duet_graph_new(&b.graph));
        out(&b, "", stored ? "stored" : "out3",
            duet_nn_batch_norm_train(b.graph, "n", in(&b, "x3"), 0.1, 1e-5,
                                     stored ? DUET_NN_STORED : DUET_NN_BATCH));
        assert_int_equal(b.graph->assign_count, 0);
        run_on(&b, backend, slots);
        compare("bn", backend, "bn/running_mean3", slot_of(slots, "n.running_mean")->own);
        duet_graph_free(b.graph);
    }
}

static void batch_norm_trains(void **state) {
    (void)state;
    static const char *const backends[] = {"ref", "cpu"};
    for (int i = 0; i < 2; i++) {
        duet_slots *slots = NULL;
        for (int k = 1; k <= 3; k++) batch_norm_run(backends[i], k, &slots);
        batch_norm_modes(backends[i], slots);
        duet_slots_free(slots);
    }
}

static duet_value spectral(duet_graph *g, duet_nn_states states) {
    return duet_nn_spectral_weight(g, "weight", 4, (int64_t[]){6, 3, 2, 2}, states);
}

static void spectral_norm_run(const char *backend, int k, duet_slots **slots) {
    bench b = {.name = "sn"};
    ok(duet_graph_new(&b.graph));
    const duet_value y = spectral(b.graph, DUET_NN_UPDATE), w = param(b.graph, "weight_orig");
    duet_value d = DUET_NONE;
    ok(duet_graph_status(b.graph));
    out(&b, "", numbered("out", k), y);
    /* a second pass makes no second iteration */
    out(&b, "", numbered("out", k), spectral(b.graph, DUET_NN_UPDATE));
    ok(duet_grad(b.graph, weighed(&b, y, numbered("cotangent", k)), &w, 1, &d));
    out(&b, "d/", numbered("weight_orig", k), d);
    if (*slots == NULL) {
        ok(duet_slots_new(slots, b.graph));
        load(*slots, "weight_orig", "sn/weight_orig");
        load(*slots, "weight_u", "sn/weight_u0");
        load(*slots, "weight_v", "sn/weight_v0");
    }
    run_on(&b, backend, *slots);
    compare("sn", backend, numbered("sn/weight_u", k), slot_of(*slots, "weight_u")->own);
    compare("sn", backend, numbered("sn/weight_v", k), slot_of(*slots, "weight_v")->own);
    duet_graph_free(b.graph);
}

static void spectral_norm_iterates(void **state) {
    (void)state;
    static const char *const backends[] = {"ref", "cpu"};
    for (int i = 0; i < 2; i++) {
        duet_slots *slots = NULL;
        for (int k = 1; k <= 3; k++) spectral_norm_run(backends[i], k, &slots);
        bench b = {.name = "sn"};
        ok(duet_graph_new(&b.graph));
        out(&b, "", "out3", spectral(b.graph, DUET_NN_STORED)); /* by the vectors of run 3 */
        assert_int_equal(b.graph->assign_count, 0);
        run_on(&b, backends[i], slots);
        duet_graph_free(b.graph);
        duet_slots_free(slots);
    }
}

/* ---- edges ---- */

/* loss and gradient of cross_entropy at K = 2 with these labels. */
static void loss_at(const int32_t labels[2], float *loss, float d[4]) {
    duet_graph *g = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    duet_value out_[2];
    ok(duet_graph_new(&g));
    const duet_value logits = duet_input(g, "logits", DUET_F32, 2, (int64_t[]){2, 2}),
                     y = duet_input(g, "y", DUET_I32, 1, (int64_t[]){2});
    duet_cross_entropy(g, logits, y, 0.0, &out_[0], NULL);
    ok(duet_grad(g, out_[0], &logits, 1, &out_[1]));
    ok(duet_slots_new(&slots, g));
    ok(duet_plan_new(&plan, g, slots, out_, 2, NULL, 0, &(duet_plan_options){.threads = 1}));
    ok(duet_session_new(&session, plan, slots));
    ok(duet_session_set(session, "logits", (float[]){1, 2, 3, 4}));
    ok(duet_session_set(session, "y", labels));
    ok(duet_session_run(session));
    ok(duet_session_get(session, 0, -1, loss));
    ok(duet_session_get(session, 1, -1, d));
    duet_session_free(session);
    duet_plan_free(plan);
    duet_slots_free(slots);
    duet_graph_free(g);
}

static void labels_out_of_range(void **state) {
    (void)state;
    float loss = 1, d[4];
    loss_at((int32_t[]){-1, -5}, &loss, d); /* nothing to learn from */
    assert_true(loss == 0);
    for (int i = 0; i < 4; i++) assert_true(d[i] == 0);
    loss_at((int32_t[]){0, 2}, &loss, d); /* an error, which must be seen */
    assert_true(isnan(loss));
    assert_true(isnan(d[2]) && !isnan(d[0]));
}

/* The sums of rows on a backend: 300 columns, an index out of range, one that is never there. */
static void scatter_on(const char *backend, float *sums) {
    static float dy[9 * 300];
    const duet_plan_options options = {.device = backend, .threads = 2};
    duet_graph *g = NULL;
    duet_slots *slots = NULL;
    duet_plan *plan = NULL;
    duet_session *session = NULL;
    for (int i = 0; i < 9 * 300; i++) dy[i] = (float)sin((double)i) / (float)(1 + i % 7);
    ok(duet_graph_new(&g));
    const duet_value index = duet_input(g, "index", DUET_I32, 1, (int64_t[]){9}),
                     d = duet_input(g, "dy", DUET_F32, 2, (int64_t[]){9, 300});
    const duet_value y = duet_scatter_rows(g, index, d, 4);
    ok(duet_slots_new(&slots, g));
    ok(duet_plan_new(&plan, g, slots, &y, 1, NULL, 0, &options));
    ok(duet_session_new(&session, plan, slots));
    ok(duet_session_set(session, "index", (int32_t[]){1, 3, 1, -1, 1, 0, 3, 7, 1}));
    ok(duet_session_set(session, "dy", dy));
    ok(duet_session_run(session));
    ok(duet_session_get(session, 0, -1, sums));
    duet_session_free(session);
    duet_plan_free(plan);
    duet_slots_free(slots);
    duet_graph_free(g);
}

static void rows_are_added_in_order(void **state) {
    static float ref[4 * 300], cpu[4 * 300];
    (void)state;
    scatter_on("ref", ref);
    scatter_on("cpu", cpu);
    assert_memory_equal(ref, cpu, sizeof ref);
    for (int c = 0; c < 300; c++) assert_true(ref[2 * 300 + c] == 0);
    assert_true(ref[300] != 0);
}

static void wrong_shapes_of_attention(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        duet_graph *g = NULL;
        ok(duet_graph_new(&g));
        const duet_value q = duet_input(g, "q", DUET_F32, 3, (int64_t[]){2, 3, 6}),
                         k = duet_input(g, "k", DUET_F32, 3, (int64_t[]){2, 4, i == 0 ? 5 : 6}),
                         v = duet_input(g, "v", DUET_F32, 3, (int64_t[]){2, i == 1 ? 5 : 4, 8});
        assert_int_equal(duet_cross_attention(g, q, k, v, i == 2 ? 4 : 2), DUET_NONE);
        assert_int_equal(duet_graph_status(g), DUET_SHAPE);
        assert_non_null(strstr(duet_error_message(), i == 2 ? "4 heads" : "[2,3,6]"));
        duet_graph_free(g);
    }
}

static int open_golden(void **state) {
    (void)state;
    ok(duet_store_open(&golden, DUET_SOURCE_DIR "/tests/golden/ops_layers.safetensors"));
    return 0;
}

static int close_golden(void **state) {
    (void)state;
    duet_store_close(golden);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ops_are_those_of_pytorch),  cmocka_unit_test(batch_norm_trains),
        cmocka_unit_test(spectral_norm_iterates),    cmocka_unit_test(labels_out_of_range),
        cmocka_unit_test(wrong_shapes_of_attention), cmocka_unit_test(rows_are_added_in_order),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
