/* SPDX-License-Identifier: MIT
 * A U-Net from a PyTorch file and a head on its middle block, trained in one graph by one program
 * with two groups, against PyTorch in float64 (tests/oracle/make_finetune_golden.py); what comes
 * out is saved and makes images. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <duet/sample.h>
#include <duet/store.h>

#include "model/model.h"
#include "optim/program.h"

#define OK(call) assert_int_equal(call, DUET_OK)
#define GOLDEN   DUET_SOURCE_DIR "/tests/golden/finetune"
#define FILE_OUT DUET_TEST_TMP "/finetuned.safetensors"
enum { STEPS = 10, ROWS = 4, CLASSES = 3, PIXELS = 64, LARGEST = 2048 };

static const duet_init zero = {.kind = DUET_INIT_ZERO};

static duet_value middle_block(duet_graph *graph, const duet_tap_info *tap, duet_value x,
                               void *user) {
    (void)graph;
    if (strcmp(tap->name, "middle_block") == 0) *(duet_value *)user = x;
    return x;
}

static duet_value head(duet_graph *graph, duet_value map) {
    const int64_t C = duet_dim(graph, map, -1), K = CLASSES;
    const duet_value x =
        duet_reshape(graph, duet_adaptive_pool(graph, map, 1), 2, (int64_t[]){ROWS, C});
    const duet_part_mark mark = duet_part_push(graph, "head", 0);
    const duet_value w = duet_parameter(graph, "weight", DUET_WEIGHT, zero, 2, (int64_t[]){K, C}),
                     b = duet_parameter(graph, "bias", DUET_WEIGHT, zero, 1, &K);
    const duet_value logits = duet_linear(graph, x, w, b);
    duet_part_pop(graph, mark);
    return logits;
}

/* mean (output - target)^2 + cross-entropy of the head */
static duet_value build(duet_graph *graph, const duet_model *model) {
    const int64_t rows = ROWS;
    duet_model_inputs in;
    duet_value out = DUET_NONE, map = DUET_NONE, loss[2], per_row = DUET_NONE;
    duet_graph_set_tap_hook(graph, middle_block, &map);
    OK(duet_model_build(model, graph, ROWS, false, &in, &out));
    const duet_value target = duet_input(graph, "target", DUET_F32, 4, (int64_t[]){ROWS, 8, 8, 1});
    duet_mse_loss(graph, out, target, &loss[0], &per_row);
    duet_cross_entropy(graph, head(graph, map), duet_input(graph, "labels", DUET_I32, 1, &rows),
                       0.0, &loss[1], &per_row);
    const duet_value sum = duet_add(graph, loss[0], loss[1]);
    OK(duet_graph_status(graph));
    return sum;
}

static bool in_head(const duet_slots *slots, int64_t slot, const void *user) {
    (void)user;
    return strcmp(slots->parts[slots->list[slot].part].prefix, "head") == 0;
}

typedef struct tuning {
    duet_store *golden;
    duet_model *model;
    duet_slots *slots;
    duet_choice slow, fast;
    duet_program *program;
} tuning;

/* The model's mapped weights are copied; those of the head come from the golden. */
static void first_values(tuning *t) {
    OK(duet_slots_copy(t->slots, "", t->model->slots, false));
    for (int64_t k = 0; k < t->slots->count; k++) {
        duet_slot *const slot = &t->slots->list[k];
        if (slot->of >= 0 || !in_head(t->slots, k, NULL)) continue;
        char name[128];
        snprintf(name, sizeof name, "before/head/%s", slot->name);
        OK(duet_store_read(t->golden, name, DUET_F32, slot->own));
    }
}

static tuning open_tuning(void) {
    tuning t = {0};
    duet_graph *graph = NULL;
    OK(duet_store_open(&t.golden, GOLDEN ".npz"));
    OK(duet_model_open_as(NULL, &t.model, GOLDEN ".pt",
                          "--norm_groups 2 --num_heads 2 --image_size 8"));
    OK(duet_choice_parse(&t.slow, &duet_family_optim,
                         "adamw:rate=0.001,beta1=0.9,beta2=0.99,eps=1e-8,weight_decay=0.05"));
    OK(duet_choice_parse(&t.fast, &duet_family_optim,
                         "adamw:rate=0.01,beta1=0.9,beta2=0.99,eps=1e-8,weight_decay=0.05"));
    const duet_group groups[] = {{.optim = &t.fast, .has = in_head}, {.optim = &t.slow}};
    OK(duet_graph_new(&graph));
    const duet_value loss = build(graph, t.model);
    const duet_program_spec spec = {.loss = loss,
                                    .outputs = &loss,
                                    .output_count = 1,
                                    .groups = groups,
                                    .group_count = 2,
                                    .parts = 1,
                                    .options = {.threads = 2}};
    OK(duet_slots_describe(&t.slots, graph));
    OK(duet_program_add_slots(t.slots, graph, &spec));
    OK(duet_slots_alloc(t.slots));
    first_values(&t);
    OK(duet_program_new(&t.program, graph, t.slots, &spec));
    duet_graph_free(graph);
    return t;
}

static void close_tuning(tuning *t) {
    duet_program_free(t->program);
    duet_slots_free(t->slots);
    duet_model_close(t->model);
    duet_store_close(t->golden);
}

static void train(tuning *t) {
    float x[STEPS][ROWS * PIXELS], target[STEPS][ROWS * PIXELS], level[STEPS][ROWS], want[STEPS];
    int32_t y[STEPS][ROWS];
    duet_session *const session = duet_program_session(t->program);
    OK(duet_store_read(t->golden, "x", DUET_F32, x));
    OK(duet_store_read(t->golden, "target", DUET_F32, target));
    OK(duet_store_read(t->golden, "t", DUET_F32, level));
    OK(duet_store_read(t->golden, "y", DUET_I32, y));
    OK(duet_store_read(t->golden, "losses", DUET_F32, want));
    for (int k = 0; k < STEPS; k++) {
        float loss = 0;
        OK(duet_session_set(session, "x", x[k]));
        OK(duet_session_set(session, "target", target[k]));
        OK(duet_session_set(session, "net_t", level[k]));
        OK(duet_session_set(session, "labels", y[k]));
        OK(duet_program_run(t->program, 0, (double[]){1.0, 1.0}, k + 1));
        assert_true(duet_program_ok(t->program));
        OK(duet_session_get(session, 0, -1, &loss));
        if (!(fabsf(loss - want[k]) < 1e-4F))
            fail_msg("step %d: %g, not %g", k, (double)loss, (double)want[k]);
    }
}

/* The change of every trained tensor is PyTorch's, to 1e-4 of the weights, and is not zero. */
static void compare(const tuning *t) {
    float want[LARGEST], was[LARGEST];
    tuning start = open_tuning();
    for (int64_t k = 0; k < t->slots->count; k++) {
        const duet_slot *slot = &t->slots->list[k];
        char name[256];
        double moved = 0;
        if (slot->of >= 0) continue;
        assert_true(slot->count <= LARGEST);
        snprintf(name, sizeof name, "after/%s/%s", t->slots->parts[slot->part].prefix, slot->name);
        OK(duet_store_read(t->golden, name, DUET_F32, want));
        memcpy(was, start.slots->list[k].own, (size_t)slot->count * sizeof *was);
        /* The bias of keys has no gradient, so what Adam makes of rounding is at most the rate. */
        const float limit = strstr(name, "qkv.bias") != NULL ? STEPS * 0.0011F : 1e-4F;
        for (int64_t i = 0; i < slot->count; i++) {
            if (!(fabsf(slot->own[i] - want[i]) < limit))
                fail_msg("'%s': %g, not %g", name, (double)slot->own[i], (double)want[i]);
            moved += fabs((double)slot->own[i] - (double)was[i]);
        }
        if (!(moved > 0)) fail_msg("'%s' has not moved", name);
    }
    close_tuning(&start);
}

/* One file, which makes images. */
static void save_and_sample(const tuning *t) {
    duet_model *tuned = NULL, *read = NULL;
    char spec[DUET_SPEC_SIZE];
    uint8_t pixels[2 * PIXELS];
    snprintf(spec, sizeof spec, "adm_unet:%s", duet_model_config(t->model));
    OK(duet_model_describe(&tuned, spec));
    tuned->card = t->model->card;
    OK(duet_model_lend(tuned, t->slots, "", NULL));
    OK(duet_model_save(tuned, FILE_OUT, DUET_F32));
    OK(duet_model_open(NULL, &read, FILE_OUT));
    assert_true(duet_model_hash(read) == duet_model_hash(tuned));
    assert_true(duet_model_hash(read) != duet_model_hash(t->model));
    duet_sample_options options = {.count = 2, .batch = 2, .label = -1};
    snprintf(options.sampler, sizeof options.sampler, "ddim:steps=2");
    OK(duet_sample(NULL, read, &options, pixels));
    duet_model_close(read);
    duet_model_close(tuned);
}

static void against_pytorch(void **state) {
    (void)state;
    tuning t = open_tuning();
    train(&t);
    compare(&t);
    save_and_sample(&t);
    close_tuning(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
