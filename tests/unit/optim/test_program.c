/* SPDX-License-Identifier: MIT
 * Programs: two networks that are trained against each other, over one store, against PyTorch in
 * float64 (tests/oracle/make_program_golden.py); groups of one program; accumulation; what diverges
 * is named. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <duet/store.h>

#include "base/rng.h"
#include "engine/op/ops.h"
#include "optim/program.h"

#define OK(call) assert_int_equal(call, DUET_OK)
enum { ROWS = 8, HIDDEN = 6, STEPS = 10, NOISE = 3 };

static const duet_init zero = {.kind = DUET_INIT_ZERO};

static duet_value dense(duet_graph *graph, duet_value x, const char *name, int64_t outputs) {
    const size_t mark = duet_scope_push(graph, "%s", name);
    const int64_t shape[] = {outputs, duet_dim(graph, x, -1)};
    const duet_value w = duet_parameter(graph, "weight", DUET_WEIGHT, zero, 2, shape),
                     b = duet_parameter(graph, "bias", DUET_WEIGHT, zero, 1, &outputs);
    duet_scope_pop(graph, mark);
    return duet_linear(graph, x, w, b);
}

/* Linear, SiLU, linear, with the names of torch.nn.Sequential. */
static duet_value network(duet_graph *graph, const char *part, int pass, duet_value x,
                          int64_t outputs) {
    const duet_part_mark mark = duet_part_push(graph, part, pass);
    x = dense(graph, duet_silu(graph, dense(graph, x, "0", HIDDEN)), "2", outputs);
    duet_part_pop(graph, mark);
    return x;
}

/* mean (x - target)^2 */
static duet_value squares(duet_graph *graph, duet_value x, double target) {
    duet_value loss = DUET_NONE, rows = DUET_NONE;
    const duet_shape shape = duet_value_arg(graph, x)->shape;
    duet_mse_loss(graph, x, duet_fill(graph, target, shape.rank, shape.dim), &loss, &rows);
    return loss;
}

static bool in_part(const duet_slots *slots, int64_t slot, const void *user) {
    return strcmp(slots->parts[slots->list[slot].part].prefix, user) == 0;
}

typedef struct gan {
    duet_slots *slots;
    duet_graph *graph[2]; /* discriminator, generator */
    duet_value loss[2];
    duet_choice optim[2];
    duet_group group[2];
    duet_program *program[2];
} gan;

static duet_program_spec spec_of(const gan *g, int i) {
    return (duet_program_spec){.loss = g->loss[i],
                               .outputs = &g->loss[i],
                               .output_count = 1,
                               .groups = &g->group[i],
                               .group_count = 1,
                               .parts = 1,
                               .options = {.threads = 1}};
}

static void make_gan(gan *g) {
    static const char *const parts[] = {"discriminator", "generator"};
    static const char *const specs[] = {
        "adamw:rate=0.03,beta1=0.5,beta2=0.9,eps=1e-8,weight_decay=0.1",
        "adamw:rate=0.01,beta1=0.5,beta2=0.9,eps=1e-8,weight_decay=0.1"};
    *g = (gan){0};
    OK(duet_slots_empty(&g->slots));
    for (int i = 0; i < 2; i++) {
        OK(duet_graph_new(&g->graph[i]));
        duet_graph *const graph = g->graph[i];
        const duet_value noise = duet_input(graph, "noise", DUET_F32, 2, (int64_t[]){ROWS, NOISE});
        const duet_value made = network(graph, "generator", 0, noise, 2);
        const duet_value score = network(graph, "discriminator", 0, made, 1);
        if (i == 0) {
            const duet_value real = duet_input(graph, "real", DUET_F32, 2, (int64_t[]){ROWS, 2});
            const duet_value good = network(graph, "discriminator", 1, real, 1);
            g->loss[i] = duet_add(graph, squares(graph, good, 1.0), squares(graph, score, 0.0));
        } else {
            g->loss[i] = squares(graph, score, 1.0);
        }
        OK(duet_graph_status(graph));
        OK(duet_choice_parse(&g->optim[i], &duet_family_optim, specs[i]));
        g->group[i] = (duet_group){
            .optim = &g->optim[i], .has = in_part, .user = parts[i], .clip = i == 0 ? 0.5 : 0.0};
        const duet_program_spec spec = spec_of(g, i);
        OK(duet_slots_add(g->slots, graph, NULL));
        OK(duet_program_add_slots(g->slots, graph, &spec));
    }
    OK(duet_slots_alloc(g->slots));
    for (int i = 0; i < 2; i++) {
        const duet_program_spec spec = spec_of(g, i);
        OK(duet_program_new(&g->program[i], g->graph[i], g->slots, &spec));
    }
}

static void free_gan(gan *g) {
    for (int i = 0; i < 2; i++) {
        duet_program_free(g->program[i]);
        duet_graph_free(g->graph[i]);
    }
    duet_slots_free(g->slots);
}

static float step_of(gan *g, int i, int64_t step) {
    float loss = 0;
    OK(duet_program_run(g->program[i], 0));
    OK(duet_session_get(duet_program_session(g->program[i]), 0, -1, &loss));
    duet_program_update(g->program[i], 0, duet_program_norm(g->program[i], 0), 1.0, step);
    return loss;
}

/* A slot's values before or after, in `out`; returns their number. */
static int64_t golden(float *out, const duet_store *store, const char *when,
                      const duet_slots *slots, const duet_slot *slot) {
    char name[128];
    snprintf(name, sizeof name, "%s/%s/%s", when, slots->parts[slot->part].prefix, slot->name);
    OK(duet_store_read(store, name, DUET_F32, out));
    return slot->count;
}

static void against_pytorch(void **state) {
    (void)state;
    gan g;
    duet_store *store = NULL;
    float real[STEPS][ROWS][2], noise[STEPS][2][ROWS][NOISE], losses[STEPS][2], values[64];
    make_gan(&g);
    OK(duet_store_open(&store, DUET_SOURCE_DIR "/tests/golden/program_gan.npz"));
    OK(duet_store_read(store, "real", DUET_F32, real));
    OK(duet_store_read(store, "noise", DUET_F32, noise));
    OK(duet_store_read(store, "losses", DUET_F32, losses));
    assert_int_equal(g.slots->count, 8 * 3);
    for (int64_t k = 0; k < g.slots->count; k++)
        if (g.slots->list[k].of < 0)
            golden(g.slots->list[k].own, store, "before", g.slots, &g.slots->list[k]);
    duet_slots_touch(g.slots, -1);
    for (int k = 0; k < STEPS; k++) {
        OK(duet_session_set(duet_program_session(g.program[0]), "real", real[k]));
        for (int i = 0; i < 2; i++) {
            OK(duet_session_set(duet_program_session(g.program[i]), "noise", noise[k][i]));
            const float loss = step_of(&g, i, k + 1);
            assert_true(fabsf(loss - losses[k][i]) < 1e-5F);
        }
    }
    for (int64_t k = 0; k < g.slots->count; k++) {
        const duet_slot *slot = &g.slots->list[k];
        if (slot->of >= 0) continue;
        const int64_t count = golden(values, store, "after", g.slots, slot);
        for (int64_t i = 0; i < count; i++)
            if (fabsf(values[i] - slot->own[i]) > 1e-4F) fail_msg("'%s'", slot->name);
        golden(values, store, "before", g.slots, slot);
        for (int64_t i = 0; i < count; i++) assert_true(values[i] != slot->own[i]);
    }
    duet_store_close(store);
    free_gan(&g);
}

/* ---- one network ---- */

typedef struct one {
    duet_slots *slots;
    duet_program *program;
} one;

static bool is_bias(const duet_slots *slots, int64_t slot, const void *user) {
    (void)user;
    return slots->list[slot].shape.rank == 1;
}

/* One network on `rows` rows of x; biases have a rate of their own, weights of layer 0 none. */
static bool is_second(const duet_slots *slots, int64_t slot, const void *user) {
    (void)user;
    return slots->list[slot].name[0] == '2';
}

static one make_one(int64_t rows, int64_t parts) {
    one o = {0};
    duet_graph *graph = NULL;
    duet_choice fast, slow;
    OK(duet_choice_parse(&fast, &duet_family_optim, "adamw:rate=0.1,weight_decay=0"));
    OK(duet_choice_parse(&slow, &duet_family_optim, "adamw:rate=0.001,weight_decay=0"));
    const duet_group groups[] = {{.optim = &fast, .has = is_bias},
                                 {.optim = &slow, .has = is_second}};
    OK(duet_graph_new(&graph));
    const duet_value x = duet_input(graph, "x", DUET_F32, 2, (int64_t[]){rows, 2}),
                     loss = squares(graph, network(graph, "", 0, x, 1), 3.0);
    const duet_program_spec spec = {.loss = loss,
                                    .outputs = &loss,
                                    .output_count = 1,
                                    .groups = groups,
                                    .group_count = 2,
                                    .parts = parts,
                                    .options = {.threads = 2}};
    OK(duet_slots_describe(&o.slots, graph));
    OK(duet_program_add_slots(o.slots, graph, &spec));
    OK(duet_slots_alloc(o.slots));
    for (int64_t k = 0; k < o.slots->count; k++) {
        const duet_slot *slot = &o.slots->list[k];
        if (slot->of < 0)
            duet_rng_normal(duet_rng_make(4, slot->name, 0), 0, slot->own, slot->count);
    }
    OK(duet_program_new(&o.program, graph, o.slots, &spec));
    duet_graph_free(graph);
    return o;
}

static void train_one(one *o, const float *x, int64_t rows, int64_t parts) {
    for (int64_t p = 0; p < parts; p++) {
        OK(duet_session_set(duet_program_session(o->program), "x", x + p * rows * 2));
        OK(duet_program_run(o->program, p));
    }
    for (int i = 0; i < 2; i++)
        duet_program_update(o->program, i, duet_program_norm(o->program, i), 1.0, 1);
}

static void free_one(one *o) {
    duet_program_free(o->program);
    duet_slots_free(o->slots);
}

static const duet_slot *slot_of(const one *o, const char *name) {
    const int64_t at = duet_slots_find(o->slots, "", name);
    assert_true(at >= 0);
    return &o->slots->list[at];
}

static void groups_and_accumulation(void **state) {
    (void)state;
    float x[8 * 2];
    duet_rng_normal(duet_rng_make(5, "x", 0), 0, x, 16);
    one start = make_one(8, 1), whole = make_one(8, 1), parts = make_one(2, 4);
    assert_int_equal(whole.slots->count, 4 + 2 * 3); /* moments of three: 0.weight is not trained */
    train_one(&whole, x, 8, 1);
    train_one(&parts, x, 2, 4);
    static const struct {
        const char *name;
        float step;
    } moved[] = {{"0.weight", 0.0F}, {"0.bias", 0.1F}, {"2.weight", 0.001F}, {"2.bias", 0.1F}};
    for (int n = 0; n < 4; n++) {
        const duet_slot *a = slot_of(&start, moved[n].name), *b = slot_of(&whole, moved[n].name),
                        *c = slot_of(&parts, moved[n].name);
        for (int64_t i = 0; i < a->count; i++) {
            /* the first step of Adam is the rate */
            assert_true(fabsf(fabsf(a->own[i] - b->own[i]) - moved[n].step) < 1e-5F);
            assert_true(fabsf(b->own[i] - c->own[i]) < 1e-6F);
        }
    }
    free_one(&start);
    free_one(&whole);
    free_one(&parts);
}

static void what_diverges_is_named(void **state) {
    (void)state;
    float x[8 * 2] = {1};
    bool gradient = false;
    one o = make_one(8, 1);
    train_one(&o, x, 8, 1);
    assert_null(duet_program_first_bad(o.program, &gradient));
    x[3] = INFINITY;
    OK(duet_session_set(duet_program_session(o.program), "x", x));
    OK(duet_program_run(o.program, 0));
    assert_true(!(duet_program_norm(o.program, 0) < 1e30));
    assert_non_null(duet_program_first_bad(o.program, &gradient));
    assert_true(gradient);
    o.slots->list[duet_slots_find(o.slots, "", "2.weight")].own[1] = NAN;
    assert_string_equal(duet_program_first_bad(o.program, &gradient), "2.weight");
    assert_false(gradient);
    free_one(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_pytorch),
                                       cmocka_unit_test(groups_and_accumulation),
                                       cmocka_unit_test(what_diverges_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
