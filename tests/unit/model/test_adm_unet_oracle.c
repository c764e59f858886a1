/* SPDX-License-Identifier: MIT
 * adm_unet against PyTorch in float64 (tests/oracle): output, gradient of every parameter and the
 * losses of ten AdamW steps, fused and plain, fast and exact, and once on the reference backend.
 * The golden files: make_adm_unet_goldens.py. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <duet/store.h>

#include "base/mem.h"
#include "model/model.h"
#include "plain_denoise.h"
#include "tolerance.h"
#include "train/trainer.h"

typedef struct golden {
    const char *name;
    duet_store *store;
    duet_model *model;
    int64_t batch;
} golden;

typedef struct mode {
    const char *backend;
    bool fused, exact;
} mode;

typedef struct compiled {
    duet_plan *plan;
    duet_session *session;
} compiled;

static const char *const names[] = {"residual", "conv", "added", "preserving"};
static const mode modes[] = {{"cpu", true, false}, {"cpu", false, true}};

static void ok(duet_status status) {
    if (status != DUET_OK) fail_msg("%s: %s", duet_status_name(status), duet_error_message());
}

/* ---- golden files ---- */

static const duet_store_entry *entry_of(const golden *g, const char *name) {
    const duet_store_entry *entry = duet_store_find(g->store, name);
    if (entry == NULL) fail_msg("%s: no tensor '%s'", g->name, name);
    return entry;
}

/* To be released. */
static void *read_tensor(const golden *g, const char *name, duet_dtype dtype) {
    const duet_store_entry *entry = entry_of(g, name);
    void *data = NULL;
    ok(duet_alloc(&data, duet_shape_count(&entry->shape), duet_dtype_size(dtype)));
    ok(duet_store_read(g->store, name, dtype, data));
    return data;
}

static const duet_store_entry *entry_of_slot(const golden *g, const char *kind,
                                             const duet_slot *slot, char name[256]) {
    snprintf(name, 256, "%s/%s", kind, slot->name);
    const duet_store_entry *entry = entry_of(g, name);
    if (entry->shape.rank != slot->shape.rank) fail_msg("%s: '%s' has another rank", g->name, name);
    for (int i = 0; i < slot->shape.rank; i++)
        assert_int_equal(entry->shape.dim[i], slot->shape.dim[i]);
    return entry;
}

/* The oracle's weights; both nets must have the same parameters. */
static void load_weights(const golden *g) {
    duet_slots *slots = g->model->slots;
    char name[256];
    int64_t theirs = 0;
    for (int64_t i = 0; i < duet_store_count(g->store); i++) {
        theirs += strncmp(duet_store_at(g->store, i)->name, "weight/", 7) == 0;
    }
    assert_int_equal(slots->count, theirs);
    for (int64_t k = 0; k < slots->count; k++) {
        const duet_slot *slot = &slots->list[k];
        entry_of_slot(g, "weight", slot, name);
        ok(duet_store_read(g->store, name, DUET_F32, slot->own));
    }
    duet_slots_touch(slots, -1);
}

static golden open_golden(const char *name) {
    golden g = {.name = name};
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/adm_unet_%s.safetensors", DUET_SOURCE_DIR, name);
    ok(duet_store_open(&g.store, path));
    ok(duet_model_new(NULL, &g.model, duet_store_metadata(g.store, "arch"), 1));
    g.batch = entry_of(&g, "x")->shape.dim[0];
    load_weights(&g);
    return g;
}

static void close_golden(golden *g) {
    duet_model_close(g->model);
    duet_store_close(g->store);
}

/* ---- plans ---- */

/* Loss on all channels; outputs: loss, out. */
static void build_plain(const golden *g, duet_graph *graph, duet_value out[2]) {
    const duet_arch_shape *shape = &g->model->shape;
    duet_model_inputs in = {0};
    duet_value unused = DUET_NONE;
    ok(duet_model_build(g->model, graph, g->batch, false, &in, &out[1]));
    const duet_value target =
        duet_input(graph, "target", DUET_F32, 4,
                   (int64_t[]){g->batch, shape->size, shape->size, shape->out_channels});
    duet_mse_loss(graph, out[1], target, &out[0], &unused);
}

/* The loss of training; outputs: loss, per sample. */
static void build_training(const golden *g, duet_graph *graph, duet_value out[2]) {
    duet_task_values values;
    ok(plain_denoise(g->model, g->batch, graph, &values));
    out[0] = values.loss;
    out[1] = values.rows;
}

static void differentiate(const golden *g, duet_graph *graph, duet_value loss,
                          duet_plan_grad *list) {
    const duet_slots *slots = g->model->slots;
    duet_value *wrt = NULL, *grad = NULL;
    assert_int_equal(graph->param_count, slots->count);
    ok(duet_alloc(&wrt, slots->count, sizeof *wrt));
    ok(duet_alloc(&grad, slots->count, sizeof *grad));
    for (int64_t i = 0; i < slots->count; i++) wrt[i] = graph->params[i].value;
    ok(duet_grad(graph, loss, wrt, slots->count, grad));
    for (int64_t i = 0; i < slots->count; i++) {
        if (grad[i] == DUET_NONE)
            fail_msg("%s: no gradient of '%s'", g->name, graph->params[i].name);
        list[i] = (duet_plan_grad){.value = grad[i],
                                   .slot = duet_slots_find(slots, "", graph->params[i].name)};
    }
    duet_release(wrt);
    duet_release(grad);
}

static compiled compile(const golden *g, const mode *m,
                        void (*build)(const golden *g, duet_graph *graph, duet_value out[2])) {
    const duet_plan_options options = {.device = m->backend, .threads = 2, .exact = m->exact};
    duet_slots *slots = g->model->slots;
    duet_graph *graph = NULL;
    duet_plan_grad *list = NULL;
    duet_value out[2] = {DUET_NONE, DUET_NONE};
    compiled made = {0};
    ok(duet_graph_new(&graph));
    build(g, graph, out);
    if (m->fused) ok(duet_pass_run(graph, "fuse", out, 2));
    ok(duet_alloc(&list, slots->count, sizeof *list));
    differentiate(g, graph, out[0], list);
    ok(duet_plan_new(&made.plan, graph, slots, out, 2, list, slots->count, &options));
    ok(duet_session_new(&made.session, made.plan, slots));
    duet_release(list);
    duet_graph_free(graph);
    return made;
}

static void close_compiled(compiled *c) {
    duet_session_free(c->session);
    duet_plan_free(c->plan);
}

/* Row `row` of an input that the golden holds for several batches (row 0 of one that is a batch
 * itself). */
static void feed(const golden *g, compiled *c, const char *input, const char *name,
                 duet_dtype dtype, int64_t count, int64_t row) {
    if (!duet_session_has_input(c->session, input)) return;
    char *data = read_tensor(g, name, dtype);
    assert_true((row + 1) * count <= duet_shape_count(&entry_of(g, name)->shape));
    ok(duet_session_set(c->session, input, data + (size_t)(row * count) * duet_dtype_size(dtype)));
    duet_release(data);
}

/* ---- errors ---- */

static double rms_of(const float *x, int64_t count) {
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
    return sqrt(sum / (double)count);
}

/* Largest difference over `scale`; infinite for NaN. */
static double error_of(const float *have, const float *want, int64_t count, double scale) {
    double worst = 0.0;
    for (int64_t i = 0; i < count; i++) {
        const double d = fabs((double)have[i] - (double)want[i]) / scale;
        if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
    }
    return worst;
}

static int compare_double(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_rms(const golden *g) {
    const duet_slots *slots = g->model->slots;
    double *rms = NULL;
    char name[256];
    ok(duet_alloc(&rms, slots->count, sizeof *rms));
    for (int64_t k = 0; k < slots->count; k++) {
        entry_of_slot(g, "grad", &slots->list[k], name);
        float *want = read_tensor(g, name, DUET_F32);
        rms[k] = rms_of(want, slots->list[k].count);
        duet_release(want);
    }
    qsort(rms, (size_t)slots->count, sizeof *rms, compare_double);
    const double median = rms[slots->count / 2];
    duet_release(rms);
    return median;
}

/* ---- output and gradients ---- */

static double output_error(const golden *g, const compiled *c) {
    const int64_t count = duet_shape_count(&entry_of(g, "out")->shape);
    float *want = read_tensor(g, "out", DUET_F32), *have = NULL;
    ok(duet_alloc(&have, count, sizeof *have));
    ok(duet_session_get(c->session, 1, -1, have));
    const double error = error_of(have, want, count, rms_of(want, count));
    duet_release(want);
    duet_release(have);
    return error;
}

static double gradient_error(const golden *g, const compiled *c, const char **worst_name) {
    const duet_slots *slots = g->model->slots;
    const double floor = 1e-3 * median_rms(g);
    char name[256];
    double worst = -1.0;
    for (int64_t k = 0; k < slots->count; k++) {
        const duet_slot *slot = &slots->list[k];
        const int64_t offset = duet_plan_grad_offset(c->plan, k);
        assert_true(offset >= 0);
        snprintf(name, sizeof name, "grad/%s", slot->name);
        float *want = read_tensor(g, name, DUET_F32);
        const double scale = fmax(rms_of(want, slot->count), floor);
        const double error =
            error_of(duet_session_gradients(c->session) + offset, want, slot->count, scale);
        if (error > worst) {
            worst = error;
            *worst_name = slot->name;
        }
        duet_release(want);
    }
    return worst;
}

static void check_pass(const golden *g, const mode *m) {
    const int64_t count = duet_shape_count(&entry_of(g, "x")->shape),
                  outputs = duet_shape_count(&entry_of(g, "out")->shape);
    compiled c = compile(g, m, build_plain);
    double *want = read_tensor(g, "loss", DUET_F64);
    float loss = 0.0F;
    const char *name = "";
    feed(g, &c, "x", "x", DUET_F32, count, 0);
    feed(g, &c, "target", "target", DUET_F32, outputs, 0);
    feed(g, &c, "net_t", "t", DUET_F32, g->batch, 0);
    feed(g, &c, "y", "y", DUET_I32, g->batch, 0);
    ok(duet_session_run(c.session));
    ok(duet_session_get(c.session, 0, -1, &loss));
    const double forward = output_error(g, &c), backward = gradient_error(g, &c, &name);
    print_message("    %s on %s%s%s: output %.1e, gradient %.1e (%s)\n", g->name, m->backend,
                  m->fused ? "" : ", plain", m->exact ? ", exact" : "", forward, backward, name);
    if (!(forward <= TOLERANCE_ORACLE_FORWARD))
        fail_msg("%s on %s: the output is off by %.2e", g->name, m->backend, forward);
    assert_true(fabs((double)loss - want[0]) <= TOLERANCE_ORACLE_FORWARD * want[0]);
    if (!(backward <= TOLERANCE_ORACLE_GRADIENT)) {
        fail_msg("%s on %s: the gradient of '%s' is off by %.2e", g->name, m->backend, name,
                 backward);
    }
    duet_release(want);
    close_compiled(&c);
}

static void test_output_and_gradients(void **state) {
    (void)state;
    for (int i = 0; i < DUET_COUNT(names); i++) {
        golden g = open_golden(names[i]);
        for (int k = 0; k < DUET_COUNT(modes); k++) check_pass(&g, &modes[k]);
        close_golden(&g);
    }
}

/* The reference kernels take seconds for attention at 16x16: only on the net without that. */
static void test_reference(void **state) {
    (void)state;
    golden g = open_golden("conv");
    check_pass(&g, &(mode){.backend = "ref", .fused = true});
    check_pass(&g, &(mode){.backend = "ref"});
    close_golden(&g);
}

/* ---- training ---- */

typedef struct trained {
    duet_choice optim;
    duet_update_tile *tiles; /* one a tensor */
    int64_t count;
    double *sums;
    double clip;
} trained;

static trained open_trained(const golden *g, const compiled *c) {
    const duet_slots *slots = g->model->slots;
    trained t = {.clip = atof(duet_store_metadata(g->store, "clip"))};
    ok(duet_choice_parse(&t.optim, &duet_family_optim, duet_store_metadata(g->store, "optim")));
    t.count = slots->count;
    ok(duet_alloc(&t.tiles, slots->count, sizeof *t.tiles));
    ok(duet_alloc(&t.sums, slots->count, sizeof *t.sums));
    for (int64_t k = 0; k < slots->count; k++) {
        const duet_slot *slot = &slots->list[k];
        assert_true(slot->count <= DUET_UPDATE_TILE);
        t.tiles[k] = (duet_update_tile){.slot = k,
                                        .weight = slot->own,
                                        .grad = duet_plan_grad_offset(c->plan, k),
                                        .count = slot->count,
                                        .decay = slot->shape.rank >= 2};
        for (int i = 0; i < DUET_UPDATE_BESIDE; i++)
            ok(duet_alloc(&t.tiles[k].beside[i], slot->count, sizeof(float)));
    }
    return t;
}

static void close_trained(trained *t) {
    for (int64_t k = 0; k < t->count; k++)
        for (int i = 0; i < DUET_UPDATE_BESIDE; i++) duet_release(t->tiles[k].beside[i]);
    duet_release(t->tiles);
    duet_release(t->sums);
}

/* Clips as the loop of training does; returns the norm before. */
static double step_weights(const golden *g, const compiled *c, const trained *t, int64_t step) {
    duet_slots *slots = g->model->slots;
    const duet_rule *rule = duet_optim_of(t->optim.entry);
    const float *grad = duet_session_gradients(c->session);
    float coefficients[16];
    const double norm = duet_update_norm(grad, t->tiles, slots->count, t->sums, 2);
    const duet_update_call call = {
        .grad = grad,
        .tiles = t->tiles,
        .tile_count = slots->count,
        .scale = (float)(t->clip > 0.0 && norm > t->clip ? t->clip / norm : 1.0),
        .coefficients = coefficients,
        .threads = 2};
    rule->prepare(&t->optim.options, 1.0, step, coefficients);
    rule->run(&call);
    duet_slots_touch(slots, -1);
    return norm;
}

static void check_curve(const golden *g, const mode *m) {
    const int64_t rows = entry_of(g, "steps/x")->shape.dim[0] / g->batch,
                  steps = entry_of(g, "steps/loss")->shape.dim[0];
    const int64_t count = duet_shape_count(&entry_of(g, "steps/x")->shape) / rows;
    double *want = read_tensor(g, "steps/loss", DUET_F64),
           *want_norm = read_tensor(g, "steps/norm", DUET_F64);
    double worst = 0.0, worst_norm = 0.0;
    load_weights(g);
    compiled c = compile(g, m, build_training);
    trained t = open_trained(g, &c);
    assert_int_equal(steps, 10);
    for (int64_t k = 0; k < steps; k++) {
        float loss = 0.0F;
        feed(g, &c, "x", "steps/x", DUET_F32, count, k % rows);
        feed(g, &c, "target", "steps/target", DUET_F32, count, k % rows);
        feed(g, &c, "net_t", "steps/t", DUET_F32, g->batch, k);
        feed(g, &c, "y", "steps/y", DUET_I32, g->batch, k);
        ok(duet_session_run(c.session));
        ok(duet_session_get(c.session, 0, -1, &loss));
        const double norm = step_weights(g, &c, &t, k + 1),
                     error = fabs((double)loss - want[k]) / want[k];
        if (!(error <= TOLERANCE_ORACLE_CURVE)) {
            fail_msg("%s on %s, step %d: the loss is %.7f, the oracle's %.7f", g->name, m->backend,
                     (int)k, (double)loss, want[k]);
        }
        worst = fmax(worst, error);
        worst_norm = fmax(worst_norm, fabs(norm - want_norm[k]) / want_norm[k]);
    }
    print_message("    %s on %s%s%s: loss %.1e, norm of the gradient %.1e\n", g->name, m->backend,
                  m->fused ? "" : ", plain", m->exact ? ", exact" : "", worst, worst_norm);
    if (!(worst_norm <= TOLERANCE_ORACLE_CURVE))
        fail_msg("%s on %s: the norms are off by %.2e", g->name, m->backend, worst_norm);
    close_trained(&t);
    close_compiled(&c);
    duet_release(want);
    duet_release(want_norm);
}

static void test_curve(void **state) {
    (void)state;
    for (int i = 0; i < DUET_COUNT(names); i++) {
        golden g = open_golden(names[i]);
        for (int k = 0; k < DUET_COUNT(modes); k++) check_curve(&g, &modes[k]);
        close_golden(&g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_output_and_gradients),
                                       cmocka_unit_test(test_reference),
                                       cmocka_unit_test(test_curve)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
