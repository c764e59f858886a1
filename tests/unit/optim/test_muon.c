/* SPDX-License-Identifier: MIT
 * Muon against PyTorch in float64 (tests/oracle/make_muon_golden.py); the same bits for any number
 * of threads; which weights are inner matrices; all others follow AdamW to the bit. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <duet/store.h>

#include "base/choice.h"
#include "base/rng.h"
#include "engine/graph/inner.h"
#include "model/model.h"
#include "optim/optim.h"
#include "optim/orthogonal.h"
#include "optim/program.h"
#include "plain_denoise.h"
#include "train/task/task.h"

#define OK(call) assert_int_equal(call, DUET_OK)
enum { STEPS = 5, MOST = 512 };

static const duet_rule *find(const char *spec, duet_choice *choice) {
    OK(duet_choice_parse(choice, &duet_family_optim, spec));
    return duet_optim_of(choice->entry);
}

/* ---- against PyTorch ---- */

static void read(const duet_store *store, const char *name, const char *what, float *out) {
    char key[64];
    snprintf(key, sizeof key, "%s/%s", name, what);
    OK(duet_store_read(store, key, DUET_F32, out));
}

static void close_to(const float *a, const float *b, int64_t count, const char *name) {
    for (int64_t i = 0; i < count; i++)
        if (!(fabsf(a[i] - b[i]) < 1e-5F))
            fail_msg("%s: %d is %g, not %g", name, (int)i, (double)a[i], (double)b[i]);
}

static void is_torch(const duet_store *store, const char *name, const char *options,
                     duet_shape shape) {
    static float w[MOST], m[MOST], want[MOST], g[STEPS * MOST], scratch[4 * MOST + MOST];
    char spec[128];
    float c[32];
    duet_choice choice;
    snprintf(spec, sizeof spec, "muon:momentum=0.9,weight_decay=0.1,%s", options);
    const duet_rule *muon = find(spec, &choice);
    const int64_t count = duet_shape_count(&shape);
    const duet_update_tensor tensor = duet_update_tensor_of(&shape, 0, true);
    const duet_update_tile tile = {
        .weight = w, .beside = {m}, .count = count, .decay = true, .inner = true};
    assert_true(muon->coefficients <= 32 && muon->scratch(&tensor, 1, 1) <= DUET_COUNT(scratch));
    read(store, name, "before", w);
    read(store, name, "gradients", g);
    memset(m, 0, sizeof m);
    for (int k = 0; k < STEPS; k++) {
        const duet_update_call call = {.grad = g + k * count,
                                       .tiles = &tile,
                                       .tile_count = 1,
                                       .tensors = &tensor,
                                       .tensor_count = 1,
                                       .scratch = scratch,
                                       .scale = 1.0F,
                                       .coefficients = c,
                                       .threads = 1};
        muon->prepare(&choice.options, 1.0, k + 1, c);
        muon->run(&call);
    }
    read(store, name, "after", want);
    close_to(w, want, count, name);
    read(store, name, "momentum", want);
    close_to(m, want, count, name);
}

static void torch(void **state) {
    (void)state;
    duet_store *store = NULL;
    OK(duet_store_open(&store, DUET_SOURCE_DIR "/tests/golden/muon.npz"));
    is_torch(store, "wide", "rate=0.002", (duet_shape)DUET_SHAPE_OF(6, 20));
    is_torch(store, "tall", "rate=0.002,nesterov=false", (duet_shape)DUET_SHAPE_OF(20, 6));
    is_torch(store, "filter", "rate=0.02,scale=spectral", (duet_shape)DUET_SHAPE_OF(8, 4, 3, 3));
    is_torch(store, "square", "rate=0.02,scale=spectral,nesterov=false",
             (duet_shape)DUET_SHAPE_OF(16, 16));
    duet_store_close(store);
}

/* The rows of a wide matrix become nearly orthonormal; of the zero matrix nothing comes. */
static void orthogonal(void **state) {
    (void)state;
    enum { R = 5, C = 12 };
    static float x[R * C], scratch[R * C + 2 * R * R];
    assert_int_equal(duet_orthogonal_room(R, C), DUET_COUNT(scratch));
    duet_rng_normal(duet_rng_make(1, "x", 0), 0, x, R * C);
    for (int i = 0; i < R * C; i++) x[i] *= 1e4F;
    duet_orthogonal(x, R, C, 5, scratch);
    for (int a = 0; a < R; a++)
        for (int b = 0; b < R; b++) {
            double dot = 0.0;
            for (int i = 0; i < C; i++) dot += (double)x[a * C + i] * (double)x[b * C + i];
            assert_true(a == b ? dot > 0.4 && dot < 1.6 : fabs(dot) < 0.5);
        }
    memset(x, 0, sizeof x);
    duet_orthogonal(x, R, C, 5, scratch);
    for (int i = 0; i < R * C; i++) assert_true(x[i] == 0.0F);
}

/* ---- which weights are inner ---- */

static const duet_init normal = {.kind = DUET_INIT_NORMAL, .scale = 0.3};

static duet_value matrix(duet_graph *g, const char *name, int64_t rows, int64_t columns) {
    return duet_parameter(g, name, DUET_WEIGHT, normal, 2, (int64_t[]){rows, columns});
}

static duet_value linear(duet_graph *g, duet_value x, const char *name, int64_t rows) {
    return duet_linear(g, x, matrix(g, name, rows, duet_dim(g, x, -1)), DUET_NONE);
}

/* Two inputs, each with a first layer; a residual connection; one weight that is used as the sum of
 * a matrix with its double; a row vector, which is no matrix; two last layers side by side. */
static void ends_are_not_inner(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool inner;
    } want[] = {{"first", false}, {"table", false}, {"a", true},      {"b", true},
                {"made", true},   {"row", false},   {"last1", false}, {"last2", false}};
    duet_graph *g = NULL;
    bool inner[DUET_COUNT(want)];
    OK(duet_graph_new(&g));
    const duet_value x = duet_input(g, "x", DUET_F32, 2, (int64_t[]){3, 4}),
                     label = duet_input(g, "y", DUET_I32, 1, (int64_t[]){3});
    duet_value h = linear(g, x, "first", 6);
    h = duet_add(g, h, duet_embedding(g, matrix(g, "table", 5, 6), label));
    const duet_value a = linear(g, h, "a", 6);
    h = duet_add(g, h, linear(g, duet_silu(g, a), "b", 6));
    const duet_value w = matrix(g, "made", 6, 6);
    h = duet_linear(g, h, duet_add(g, w, duet_scale(g, w, 2.0)), DUET_NONE);
    const duet_value gate = linear(g, h, "row", 1);
    h = duet_silu(g, h);
    const duet_value one = linear(g, h, "last1", 2), two = linear(g, h, "last2", 2);
    duet_value loss = DUET_NONE, rows = DUET_NONE, other = DUET_NONE;
    duet_mse_loss(g, duet_add(g, one, two), duet_fill(g, 0.0, 2, (int64_t[]){3, 2}), &loss, &rows);
    duet_mse_loss(g, gate, duet_fill(g, 0.0, 2, (int64_t[]){3, 1}), &other, &rows);
    OK(duet_graph_inner(g, duet_add(g, loss, other), inner));
    assert_int_equal(g->param_count, DUET_COUNT(want));
    for (int i = 0; i < DUET_COUNT(want); i++) {
        assert_string_equal(g->params[i].name, want[i].name);
        if (inner[i] != want[i].inner) fail_msg("'%s' is inner: %d", want[i].name, (int)inner[i]);
    }
    duet_graph_free(g);
}

/* ---- a training step of a U-Net ---- */

typedef struct lab {
    duet_slots *slots;
    duet_program *program;
} lab;

static lab open_lab(const char *optim, int threads) {
    static const char arch[] = "adm_unet:image_size=8,num_channels=8,channel_mult=1/2,"
                               "num_res_blocks=1,num_heads=2,norm_groups=4";
    enum { ROWS = 2 };
    lab l = {0};
    duet_model *model = NULL;
    duet_graph *graph = NULL;
    duet_choice choice;
    duet_task_values values;
    OK(duet_choice_parse(&choice, &duet_family_optim, optim));
    OK(duet_model_describe(&model, arch));
    OK(duet_graph_new(&graph));
    OK(plain_denoise(model, ROWS, graph, &values));
    const duet_group group = {.optim = &choice, .clip = 1.0};
    const duet_program_spec spec = {.loss = values.loss,
                                    .groups = &group,
                                    .group_count = 1,
                                    .parts = 1,
                                    .options = {.threads = threads}};
    OK(duet_slots_describe(&l.slots, graph));
    OK(duet_program_add_slots(l.slots, graph, &spec));
    OK(duet_slots_alloc(l.slots));
    duet_slots_init(l.slots, 7, true);
    OK(duet_program_new(&l.program, graph, l.slots, &spec));
    duet_graph_free(graph);
    duet_model_close(model);
    return l;
}

static void step(const lab *l, int64_t k) {
    static const char *const names[] = {"x", "target"};
    duet_session *session = duet_program_session(l->program);
    float values[2 * 8 * 8 * 3];
    for (int i = 0; i < 2; i++) {
        duet_rng_normal(duet_rng_make(3, names[i], (uint64_t)k), 0, values, DUET_COUNT(values));
        OK(duet_session_set(session, names[i], values));
    }
    OK(duet_session_set(session, "net_t", (float[]){10.0F, 300.0F}));
    OK(duet_program_run(l->program, 0, (double[]){1.0}, k + 1));
    assert_true(duet_program_ok(l->program));
}

static void close_lab(lab *l) {
    duet_program_free(l->program);
    duet_slots_free(l->slots);
}

static void threads_change_no_bit(void **state) {
    (void)state;
    lab one = open_lab("muon", 1), three = open_lab("muon", 3);
    for (int64_t k = 0; k < 3; k++) {
        step(&one, k);
        step(&three, k);
    }
    for (int64_t k = 0; k < one.slots->count; k++)
        assert_memory_equal(one.slots->list[k].own, three.slots->list[k].own,
                            (size_t)one.slots->list[k].count * sizeof(float));
    close_lab(&one);
    close_lab(&three);
}

/* Of an inner matrix there is one moment; of all others those of AdamW, and one step is AdamW's. */
static void others_follow_adamw(void **state) {
    (void)state;
    lab muon = open_lab("muon:rate=0.01", 1), adamw = open_lab("adamw:rate=0.01", 1);
    int64_t inner = 0, others = 0;
    step(&muon, 0);
    step(&adamw, 0);
    for (int64_t k = 0; k < muon.slots->count; k++) {
        const duet_slot *slot = &muon.slots->list[k];
        if (slot->of >= 0) continue;
        const int64_t at = duet_slots_find(adamw.slots, "", slot->name);
        const bool same =
            memcmp(slot->own, adamw.slots->list[at].own, (size_t)slot->count * sizeof(float)) == 0;
        const bool is_inner = duet_slots_beside(muon.slots, k, "muon.v") < 0;
        assert_true(duet_slots_beside(muon.slots, k, "muon.m") >= 0);
        assert_true(same != is_inner);
        assert_true(!is_inner || slot->shape.rank >= 2);
        inner += is_inner;
        others += !is_inner && slot->shape.rank >= 2;
    }
    /* others: input_blocks.0.0, time_embed.0, out.2 */
    assert_int_equal(others, 3);
    assert_int_equal(inner, 34);
    close_lab(&muon);
    close_lab(&adamw);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torch), cmocka_unit_test(orthogonal), cmocka_unit_test(ends_are_not_inner),
        cmocka_unit_test(threads_change_no_bit), cmocka_unit_test(others_follow_adamw)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
