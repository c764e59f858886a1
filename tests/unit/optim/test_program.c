/* SPDX-License-Identifier: MIT
 * Programs: little trainings of several kinds, each over one store, against PyTorch in float64
 * (tests/oracle/make_program_goldens.py): a GAN, a VAE, two views of a batch; groups of one
 * program; accumulation; what diverges is named. */
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
#include "model/nn.h"
#include "optim/program.h"

#define OK(call) assert_int_equal(call, DUET_OK)
enum { ROWS = 8, HIDDEN = 6, STEPS = 10, NOISE = 3, WIDTH = 4, LATENT = 2 };

static const duet_init zero = {.kind = DUET_INIT_ZERO};

static duet_value dense(duet_graph *graph, duet_value x, const char *name, int64_t outputs) {
    const size_t mark = duet_scope_push(graph, "%s", name);
    const int64_t shape[] = {outputs, duet_dim(graph, x, -1)};
    const duet_value w = duet_parameter(graph, "weight", DUET_WEIGHT, zero, 2, shape),
                     b = duet_parameter(graph, "bias", DUET_WEIGHT, zero, 1, &outputs);
    duet_scope_pop(graph, mark);
    return duet_linear(graph, x, w, b);
}

/* Linear, SiLU, linear. */
static duet_value mlp(duet_graph *graph, duet_value x, const char *first, int64_t outputs) {
    return dense(graph, duet_silu(graph, dense(graph, x, first, HIDDEN)), "2", outputs);
}

static duet_value network(duet_graph *graph, const char *part, int pass, duet_value x,
                          int64_t outputs) {
    const duet_part_mark mark = duet_part_push(graph, part, pass);
    x = mlp(graph, x, "0", outputs);
    duet_part_pop(graph, mark);
    return x;
}

/* mean (x - target)^2 */
static duet_value distance(duet_graph *graph, duet_value x, duet_value target) {
    duet_value loss = DUET_NONE, rows = DUET_NONE;
    duet_mse_loss(graph, x, target, &loss, &rows);
    return loss;
}

static duet_value squares(duet_graph *graph, duet_value x, double target) {
    const duet_shape shape = duet_value_arg(graph, x)->shape;
    return distance(graph, x, duet_fill(graph, target, shape.rank, shape.dim));
}

static bool in_part(const duet_slots *slots, int64_t slot, const void *user) {
    return strcmp(slots->parts[slots->list[slot].part].prefix, user) == 0;
}

static duet_value rows_of(duet_graph *graph, const char *name, int64_t width) {
    return duet_input(graph, name, DUET_F32, 2, (int64_t[]){ROWS, width});
}

/* ---- little trainings, against PyTorch in float64 ---- */

/* One training: its programs, in the order of a step, over one store. */
typedef struct lab {
    const char *name;
    duet_store *store;
    duet_slots *slots;
    int count;
    duet_graph *graph[2];
    duet_value loss[2];
    duet_choice optim[2];
    duet_group group[2];
    duet_program *program[2];
} lab;

static duet_graph *add_graph(lab *l) {
    OK(duet_graph_new(&l->graph[l->count]));
    return l->graph[l->count];
}

/* The graph that was added last becomes a program; part: of its group, NULL = all. */
static void add_program(lab *l, duet_value loss, double rate, const char *part, double clip) {
    char spec[128];
    const int i = l->count++;
    OK(duet_graph_status(l->graph[i]));
    snprintf(spec, sizeof spec, "adamw:rate=%g,beta1=0.5,beta2=0.9,eps=1e-8,weight_decay=0.1",
             rate);
    OK(duet_choice_parse(&l->optim[i], &duet_family_optim, spec));
    l->loss[i] = loss;
    l->group[i] = (duet_group){
        .optim = &l->optim[i], .has = part != NULL ? in_part : NULL, .user = part, .clip = clip};
}

static duet_program_spec spec_of(const lab *l, int i) {
    return (duet_program_spec){.loss = l->loss[i],
                               .outputs = &l->loss[i],
                               .output_count = 1,
                               .groups = &l->group[i],
                               .group_count = 1,
                               .parts = 1,
                               .options = {.threads = 1}};
}

/* Values of a slot before or after; returns their number. */
static int64_t golden(float *out, const lab *l, const char *when, const duet_slot *slot) {
    char name[128];
    snprintf(name, sizeof name, "%s/%s/%s/%s", l->name, when, l->slots->parts[slot->part].prefix,
             slot->name);
    OK(duet_store_read(l->store, name, DUET_F32, out));
    return slot->count;
}

static void begin(lab *l) {
    OK(duet_store_open(&l->store, DUET_SOURCE_DIR "/tests/golden/programs.npz"));
    OK(duet_slots_empty(&l->slots));
    for (int i = 0; i < l->count; i++) {
        const duet_program_spec spec = spec_of(l, i);
        OK(duet_slots_add(l->slots, l->graph[i], NULL));
        OK(duet_program_add_slots(l->slots, l->graph[i], &spec));
    }
    OK(duet_slots_alloc(l->slots));
    for (int64_t k = 0; k < l->slots->count; k++)
        if (l->slots->list[k].of < 0)
            golden(l->slots->list[k].own, l, "before", &l->slots->list[k]);
    for (int i = 0; i < l->count; i++) {
        const duet_program_spec spec = spec_of(l, i);
        OK(duet_program_new(&l->program[i], l->graph[i], l->slots, &spec));
    }
}

static void give(const lab *l, int program, const char *input, const float *values) {
    duet_session *const session = duet_program_session(l->program[program]);
    if (duet_session_has_input(session, input)) OK(duet_session_set(session, input, values));
}

static void step_is(const lab *l, int program, int64_t step, float want) {
    duet_program *const p = l->program[program];
    float loss = 0;
    OK(duet_program_run(p, 0, (double[]){1.0}, step + 1));
    assert_true(duet_program_ok(p));
    OK(duet_session_get(duet_program_session(p), 0, -1, &loss));
    if (!(fabsf(loss - want) < 1e-5F))
        fail_msg("%s, step %d: %g, not %g", l->name, (int)step, (double)loss, (double)want);
}

static void free_lab(lab *l) {
    for (int i = 0; i < l->count; i++) {
        duet_program_free(l->program[i]);
        duet_graph_free(l->graph[i]);
    }
    duet_slots_free(l->slots);
    duet_store_close(l->store);
}

/* Every tensor, states too, is where PyTorch has it, and none is where it was. */
static void end(lab *l) {
    float want[64], was[64];
    for (int64_t k = 0; k < l->slots->count; k++) {
        const duet_slot *slot = &l->slots->list[k];
        if (slot->of >= 0) continue;
        const int64_t count = golden(want, l, "after", slot);
        golden(was, l, "before", slot);
        for (int64_t i = 0; i < count; i++) {
            if (!(fabsf(want[i] - slot->own[i]) < 1e-4F))
                fail_msg("%s: '%s' %g, not %g", l->name, slot->name, (double)slot->own[i],
                         (double)want[i]);
            assert_true(was[i] != slot->own[i]);
        }
    }
    free_lab(l);
}

/* Without a bias at its end, since the batch norm behind it would leave that no gradient. */
static duet_value generator(duet_graph *graph) {
    const duet_part_mark mark = duet_part_push(graph, "generator", 0);
    const duet_value h = duet_silu(graph,
                                   dense(graph, rows_of(graph, "noise", NOISE), "0", HIDDEN)),
                     w = duet_parameter(graph, "2.weight", DUET_WEIGHT, zero, 2,
                                        (int64_t[]){2, HIDDEN});
    duet_part_pop(graph, mark);
    return duet_linear(graph, h, w, DUET_NONE);
}

/* Spectral norm on its first matrix, batch norm behind it. */
static duet_value discriminator(duet_graph *graph, duet_value x, int pass, bool trained) {
    const duet_part_mark mark = duet_part_push(graph, "discriminator", pass);
    const int64_t shape[] = {HIDDEN, 2};
    const size_t scope = duet_scope_push(graph, "0");
    const duet_value w = duet_nn_spectral_weight(graph, "weight", 2, shape,
                                                 trained ? DUET_NN_UPDATE : DUET_NN_STORED);
    duet_scope_pop(graph, scope);
    x = duet_nn_batch_norm_train(graph, "1", duet_linear(graph, x, w, DUET_NONE), 0.1, 1e-5,
                                 trained ? DUET_NN_UPDATE : DUET_NN_BATCH);
    x = dense(graph, duet_silu(graph, x), "2", 1);
    duet_part_pop(graph, mark);
    return x;
}

static void make_gan(lab *l) {
    *l = (lab){.name = "gan"};
    duet_graph *graph = add_graph(l);
    const duet_value good = discriminator(graph, rows_of(graph, "real", 2), 0, true),
                     made = generator(graph), bad = discriminator(graph, made, 1, true);
    add_program(l, duet_add(graph, squares(graph, good, 1.0), squares(graph, bad, 0.0)), 0.03,
                "discriminator", 0.5);
    graph = add_graph(l);
    add_program(l, squares(graph, discriminator(graph, generator(graph), 0, false), 1.0), 0.01,
                "generator", 0.0);
    begin(l);
}

static void gan(void **state) {
    (void)state;
    lab l;
    float real[STEPS][ROWS][2], noise[STEPS][2][ROWS][NOISE], losses[STEPS][2];
    make_gan(&l);
    OK(duet_store_read(l.store, "gan/real", DUET_F32, real));
    OK(duet_store_read(l.store, "gan/noise", DUET_F32, noise));
    OK(duet_store_read(l.store, "gan/losses", DUET_F32, losses));
    for (int k = 0; k < STEPS; k++) {
        give(&l, 0, "real", real[k][0]);
        for (int i = 0; i < 2; i++) {
            give(&l, i, "noise", noise[k][i][0]);
            step_is(&l, i, k, losses[k][i]);
        }
    }
    end(&l);
}

/* A step that is not finite changes no slot: weights, moments, states. */
static void what_is_not_finite_changes_nothing(void **state) {
    (void)state;
    lab l;
    float points[ROWS * NOISE] = {0}, was[64][64];
    make_gan(&l);
    for (int64_t k = 0; k < l.slots->count; k++) {
        assert_true(k < 64 && l.slots->list[k].count <= 64);
        memcpy(was[k], l.slots->list[k].own, (size_t)l.slots->list[k].count * sizeof(float));
    }
    points[3] = NAN;
    give(&l, 0, "real", points);
    give(&l, 0, "noise", points);
    OK(duet_program_run(l.program[0], 0, (double[]){1.0}, 1));
    assert_false(duet_program_ok(l.program[0]));
    assert_true(!(duet_program_norm(l.program[0], 0) < 1e30));
    for (int64_t k = 0; k < l.slots->count; k++)
        assert_memory_equal(was[k], l.slots->list[k].own,
                            (size_t)l.slots->list[k].count * sizeof(float));
    memset(points, 0, sizeof points);
    points[1] = 1.0F;
    give(&l, 0, "real", points);
    give(&l, 0, "noise", points);
    OK(duet_program_run(l.program[0], 0, (double[]){1.0}, 1));
    assert_true(duet_program_ok(l.program[0]));
    const int64_t mean = duet_slots_find(l.slots, "discriminator", "1.running_mean");
    assert_true(mean >= 0 && memcmp(was[mean], l.slots->list[mean].own, sizeof(float)) != 0);
    free_lab(&l);
}

/* Statistics of a batch are not those of its parts. */
static void states_refuse_parts(void **state) {
    (void)state;
    lab l;
    duet_program *program = NULL;
    make_gan(&l);
    duet_program_spec spec = spec_of(&l, 0);
    spec.parts = 2;
    assert_int_equal(duet_program_new(&program, l.graph[0], l.slots, &spec), DUET_UNSUPPORTED);
    assert_non_null(strstr(duet_error_message(), "0.weight_u"));
    free_lab(&l);
}

/* Runs a training of one program with two inputs. */
static void run_one(lab *l, const char *first, int64_t first_size, const char *second,
                    int64_t second_size) {
    float a[STEPS * ROWS * WIDTH], b[STEPS * ROWS * WIDTH], losses[STEPS];
    char name[64];
    begin(l);
    snprintf(name, sizeof name, "%s/%s", l->name, first);
    OK(duet_store_read(l->store, name, DUET_F32, a));
    snprintf(name, sizeof name, "%s/%s", l->name, second);
    OK(duet_store_read(l->store, name, DUET_F32, b));
    snprintf(name, sizeof name, "%s/losses", l->name);
    OK(duet_store_read(l->store, name, DUET_F32, losses));
    for (int k = 0; k < STEPS; k++) {
        give(l, 0, first, a + k * ROWS * first_size);
        give(l, 0, second, b + k * ROWS * second_size);
        step_is(l, 0, k, losses[k]);
    }
    end(l);
}

/* loss = mean (y - x)^2 - 0.05 mean (1 + log_var - mean^2 - exp(log_var)) */
static void vae(void **state) {
    (void)state;
    lab l = {.name = "vae"};
    duet_graph *const g = add_graph(&l);
    const duet_value x = rows_of(g, "x", WIDTH), noise = rows_of(g, "noise", LATENT);
    duet_part_mark mark = duet_part_push(g, "encoder", 0);
    const duet_value h = duet_silu(g, dense(g, x, "0", HIDDEN)), mean = dense(g, h, "mean", LATENT),
                     log_var = dense(g, h, "log_var", LATENT);
    duet_part_pop(g, mark);
    const duet_value spread = duet_elementwise(g, duet_scale(g, log_var, 0.5), "exp"),
                     y = network(g, "decoder", 0, duet_add(g, mean, duet_mul(g, spread, noise)),
                                 WIDTH);
    const duet_value one = duet_fill(g, 1.0, 1, (int64_t[]){1}),
                     inside = duet_sub(g,
                                       duet_sub(g, duet_add(g, log_var, one),
                                                duet_elementwise(g, mean, "square")),
                                       duet_elementwise(g, log_var, "exp"));
    const duet_value kl = duet_scale(g, duet_reduce(g, inside, "mean", 0, NULL), -0.05);
    add_program(&l, duet_add(g, distance(g, y, x), kl), 0.02, NULL, 0.0);
    run_one(&l, "x", WIDTH, "noise", LATENT);
}

/* Rows of length 1. */
static duet_value normalised(duet_graph *g, duet_value z, int64_t width) {
    const int64_t last = -1;
    const duet_value squared = duet_reduce(g, duet_elementwise(g, z, "square"), "sum", 1, &last),
                     length = duet_scale(g, duet_elementwise(g, squared, "log"), -0.5),
                     factor = duet_reshape(g, duet_elementwise(g, length, "exp"), 2,
                                           (int64_t[]){ROWS, 1});
    z = duet_mul(g, duet_reshape(g, z, 3, (int64_t[]){ROWS, width, 1}), factor);
    return duet_reshape(g, z, 2, (int64_t[]){ROWS, width});
}

static void contrastive(void **state) {
    (void)state;
    lab l = {.name = "contrastive"};
    static const char *const views[] = {"first", "second"};
    duet_graph *const g = add_graph(&l);
    duet_value z[2], loss[2], rows = DUET_NONE;
    for (int v = 0; v < 2; v++)
        z[v] = normalised(g, network(g, "encoder", v, rows_of(g, views[v], WIDTH), NOISE), NOISE);
    const duet_value labels = duet_input(g, "labels", DUET_I32, 1, (int64_t[]){ROWS});
    for (int v = 0; v < 2; v++)
        duet_cross_entropy(g, duet_scale(g, duet_matmul(g, z[v], z[1 - v], false, true), 5.0),
                           labels, 0.0, &loss[v], &rows);
    add_program(&l, duet_add(g, loss[0], loss[1]), 0.02, NULL, 0.0);
    begin(&l);
    int32_t numbers[ROWS];
    for (int i = 0; i < ROWS; i++) numbers[i] = i;
    OK(duet_session_set(duet_program_session(l.program[0]), "labels", numbers));
    float a[STEPS * ROWS * WIDTH], b[STEPS * ROWS * WIDTH], losses[STEPS];
    OK(duet_store_read(l.store, "contrastive/first", DUET_F32, a));
    OK(duet_store_read(l.store, "contrastive/second", DUET_F32, b));
    OK(duet_store_read(l.store, "contrastive/losses", DUET_F32, losses));
    for (int k = 0; k < STEPS; k++) {
        give(&l, 0, "first", a + k * ROWS * WIDTH);
        give(&l, 0, "second", b + k * ROWS * WIDTH);
        step_is(&l, 0, k, losses[k]);
    }
    end(&l);
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
        OK(duet_program_run(o->program, p, (double[]){1.0, 1.0}, 1));
        assert_true(duet_program_ok(o->program) == (p == parts - 1));
    }
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
    OK(duet_program_run(o.program, 0, (double[]){1.0, 1.0}, 2));
    assert_true(!(duet_program_norm(o.program, 0) < 1e30));
    assert_non_null(duet_program_first_bad(o.program, &gradient));
    assert_true(gradient);
    o.slots->list[duet_slots_find(o.slots, "", "2.weight")].own[1] = NAN;
    assert_string_equal(duet_program_first_bad(o.program, &gradient), "2.weight");
    assert_false(gradient);
    free_one(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(gan),
                                       cmocka_unit_test(what_is_not_finite_changes_nothing),
                                       cmocka_unit_test(states_refuse_parts),
                                       cmocka_unit_test(vae),
                                       cmocka_unit_test(contrastive),
                                       cmocka_unit_test(groups_and_accumulation),
                                       cmocka_unit_test(what_diverges_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
