/* SPDX-License-Identifier: MIT
 * The tasks patchvae, gan, simclr and mae: losses and gradients of tiny networks against PyTorch in
 * float64, PatchVAE's against its authors' code (tests/oracle/make_rival_goldens.py); each learns,
 * resumes to the bit, and those that generate draw image i from (seed, i) alone. */
#include "tiny_train.h"

#include <math.h>
#include <stdio.h>

#include <duet/sample.h>
#include <duet/store.h>
#include <duet/train.h>

#include "base/error.h"
#include "base/file.h"
#include "model/model.h"
#include "optim/program.h"
#include "train/task/task.h"

#define GOLDEN DUET_SOURCE_DIR "/tests/golden/rivals.npz"
#define DATA   "synth:size=8,channels=1,classes=3,train=40,test=4"
enum { ROWS = 4, NAME = 192, LONGEST = 512, LARGEST = 4096 };

/* ---- against PyTorch ---- */

typedef struct lab {
    duet_store *golden;
    const char *name;
    const duet_task *task;
    duet_model *model;
    duet_slots *slots;
    duet_choice options, sgd;
    duet_program *program;
} lab;

static bool trains(const duet_slots *slots, int64_t slot, const void *user) {
    const char *const patterns = user;
    return patterns == NULL || (strncmp(slots->list[slot].name, "discriminator", 13) == 0) ==
                                   (strncmp(patterns, "discriminator", 13) == 0);
}

static bool read(const lab *l, const char *kind, const char *key, duet_dtype type, void *out) {
    char name[LONGEST];
    snprintf(name, sizeof name, "%s/%s%s", l->name, kind, key);
    if (duet_store_find(l->golden, name) == NULL) return false;
    OK(duet_store_read(l->golden, name, type, out));
    return true;
}

/* 0 = there is no such tensor. */
static int64_t count_of(const lab *l, const char *kind, const char *key) {
    char name[LONGEST];
    snprintf(name, sizeof name, "%s/%s%s", l->name, kind, key);
    const duet_store_entry *const entry = duet_store_find(l->golden, name);
    return entry != NULL ? duet_shape_count(&entry->shape) : 0;
}

/* A slot of another part is named "projection/0.weight". */
static void name_of(const duet_slots *slots, int64_t k, char out[NAME]) {
    const char *const part = slots->parts[slots->list[k].part].prefix;
    snprintf(out, NAME, "%s%s%s", part, part[0] != '\0' ? "/" : "", slots->list[k].name);
}

static void read_spec(const lab *l, char out[LONGEST]) {
    int32_t letters[LONGEST];
    const int64_t count = count_of(l, "", "arch");
    assert_true(count < LONGEST && read(l, "", "arch", DUET_I32, letters));
    for (int64_t i = 0; i < count; i++) out[i] = (char)letters[i];
    out[count] = '\0';
}

static void open_lab(lab *l, const char *name, const char *task, int program) {
    char spec[LONGEST];
    duet_graph *graph = NULL;
    duet_task_values values = {.loss = DUET_NONE};
    *l = (lab){.name = name};
    OK(duet_store_open(&l->golden, GOLDEN));
    read_spec(l, spec);
    OK(duet_choice_parse(&l->options, &duet_family_task, task));
    OK(duet_choice_parse(&l->sgd, &duet_family_optim, "sgd:rate=1,momentum=0,weight_decay=0"));
    l->task = duet_task_of(l->options.entry);
    OK(duet_model_describe(&l->model, spec));
    const duet_task_setup setup = {.model = l->model, .batch = ROWS, .parts = 1, .threads = 1};
    OK(duet_graph_new(&graph));
    OK(l->task->build(&l->options.options, &setup, program, graph, &values));
    const duet_group group = {
        .optim = &l->sgd, .has = trains, .user = l->task->programs[program].trains};
    const duet_program_spec what = {.loss = values.loss,
                                    .outputs = &values.loss,
                                    .output_count = 1,
                                    .groups = &group,
                                    .group_count = 1,
                                    .parts = 1,
                                    .options = {.threads = 1}};
    OK(duet_slots_describe(&l->slots, graph));
    OK(duet_program_add_slots(l->slots, graph, &what));
    OK(duet_slots_alloc(l->slots));
    duet_slots_init(l->slots, 0, false);
    for (int64_t k = 0; k < l->slots->count; k++) {
        char key[NAME];
        const duet_slot *const slot = &l->slots->list[k];
        name_of(l->slots, k, key);
        if (slot->of >= 0) continue;
        const int64_t count = count_of(l, "before/", key);
        if (count != slot->count && (count > 0 || slot->role == DUET_WEIGHT))
            fail_msg("%s: the golden has %lld values of '%s'", name, (long long)count, key);
        if (count > 0) assert_true(read(l, "before/", key, DUET_F32, slot->own));
    }
    OK(duet_program_new(&l->program, graph, l->slots, &what));
    duet_graph_free(graph);
}

static void close_lab(lab *l) {
    duet_program_free(l->program);
    duet_slots_free(l->slots);
    duet_model_close(l->model);
    duet_store_close(l->golden);
}

static void set_inputs(const lab *l) {
    static const struct {
        const char *name;
        duet_dtype type;
    } inputs[] = {{"x", DUET_F32},      {"z", DUET_F32},       {"eps", DUET_F32},
                  {"u", DUET_F32},      {"colder", DUET_F32},  {"apart", DUET_F32},
                  {"weight", DUET_F32}, {"partner", DUET_I32}, {"kept", DUET_I32},
                  {"places", DUET_I32}};
    for (int i = 0; i < DUET_COUNT(inputs); i++) {
        void *const to = duet_session_input(duet_program_session(l->program), inputs[i].name);
        if (to != NULL) assert_true(read(l, "in/", inputs[i].name, inputs[i].type, to));
    }
}

static double largest(const float *values, int64_t count) {
    double most = 0;
    for (int64_t i = 0; i < count; i++) {
        const double size = fabs((double)values[i]);
        if (!isfinite(size)) return INFINITY;
        if (size > most) most = size;
    }
    return most;
}

/* One step of gradient descent by rate 1: what a weight loses is its gradient. */
static void compare(const char *name, const char *task, int program, const char *prefix,
                    int least) {
    static float before[LARGEST], want[LARGEST];
    float loss;
    const double factor = 1.0;
    char kind[NAME];
    int compared = 0;
    lab l;
    open_lab(&l, name, task, program);
    set_inputs(&l);
    OK(duet_program_run(l.program, 0, &factor, 1));
    assert_true(read(&l, prefix, "loss", DUET_F32, &loss));
    const float *const got = duet_session_output(duet_program_session(l.program), 0);
    if (!(fabsf(*got - loss) <= 1e-4F * fabsf(loss)))
        fail_msg("%s: loss %g, not %g", name, (double)*got, (double)loss);
    snprintf(kind, sizeof kind, "%sgrad/", prefix);
    for (int64_t k = 0; k < l.slots->count; k++) {
        char key[NAME];
        const duet_slot *const slot = &l.slots->list[k];
        name_of(l.slots, k, key);
        if (slot->of >= 0 || !read(&l, kind, key, DUET_F32, want)) continue;
        assert_true(slot->count <= LARGEST && read(&l, "before/", key, DUET_F32, before));
        for (int64_t i = 0; i < slot->count; i++) before[i] -= slot->own[i] + want[i];
        const double error = largest(before, slot->count), size = largest(want, slot->count);
        if (!(error <= 1e-4 * size + 1e-6))
            fail_msg("%s, %s: off by %g of %g", name, key, error, size);
        compared++;
    }
    assert_true(compared >= least);
    close_lab(&l);
}

static void patchvae_is_the_authors(void **state) {
    (void)state;
    compare("patchvae", "patchvae", 0, "", 16);
}
static void bigbigans_game(void **state) {
    (void)state;
    compare("gan", "gan", 0, "0/", 40);
    compare("gan", "gan", 1, "1/", 50);
}
static void simclrs_loss(void **state) {
    (void)state;
    compare("simclr", "simclr:width=6", 0, "", 19);
}
static void maes_loss(void **state) {
    (void)state;
    compare("mae", "mae", 0, "", 45);
}

/* ---- trainings ---- */

static const struct {
    const char *task, *arch;
    bool generates;
} rivals[] = {
    {"patchvae", "patchvae:channels=8,scale=4,parts=4,appearance=3", true},
    {"gan", "bigbigan:channels=4,channel_mult=1/2,latents=6,hidden=8,joint=8,depth=1", true},
    {"simclr", "resnet:small=true,classes=0,blocks=1/1,base=8", false},
    {"mae", "mae:patch=2,width=16,depth=2,heads=2,decoder_width=8,decoder_depth=1", false}};

static char folder[4096];

static int setup(void **state) {
    (void)state;
    make_run_folder(folder, "rivals");
    return 0;
}

static duet_train_result train(int rival, int64_t steps, bool resume) {
    duet_train_options o;
    duet_train_result result;
    duet_params_default(&duet_train_params, &o);
    duet_copy_text(o.task, sizeof o.task, rivals[rival].task);
    duet_copy_text(o.arch, sizeof o.arch, rivals[rival].arch);
    duet_copy_text(o.optim, sizeof o.optim, "adamw:rate=0.003,beta1=0.5");
    duet_copy_text(o.lr, sizeof o.lr, "constant");
    duet_copy_text(o.ema, sizeof o.ema, "0.9");
    o.batch = 12;
    o.steps = steps;
    o.seed = 3;
    OK(train_in(folder, DATA, 1, &o, &result, resume));
    return result;
}

static void they_learn(void **state) {
    (void)state;
    for (int i = 0; i < DUET_COUNT(rivals); i++) {
        empty_folder(folder);
        const double first = train(i, 1, false).loss;
        empty_folder(folder);
        const double last = train(i, 150, false).loss;
        /* the discriminator's loss rests where neither side wins; another test sees who learns */
        if (strcmp(rivals[i].task, "gan") != 0 && !(last < 0.8 * first))
            fail_msg("%s: loss %g, at first %g", rivals[i].task, last, first);
        assert_true(isfinite(last));
    }
}

static void they_resume(void **state) {
    (void)state;
    for (int i = 0; i < DUET_COUNT(rivals); i++) {
        empty_folder(folder);
        (void)train(i, 7, false);
        const uint64_t whole = hash_in(folder);
        empty_folder(folder);
        (void)train(i, 3, false);
        (void)train(i, 7, true);
        if (hash_in(folder) != whole) fail_msg("%s: resumed, it is another model", rivals[i].task);
    }
}

static void they_draw(void **state) {
    (void)state;
    enum { IMAGE = 8 * 8, COUNT = 6 };
    for (int i = 0; i < DUET_COUNT(rivals); i++) {
        uint8_t all[COUNT * IMAGE], part[COUNT * IMAGE];
        duet_model *model = NULL;
        duet_context *ctx = make_context(2, true);
        empty_folder(folder);
        (void)train(i, 5, false);
        OK(duet_model_open(ctx, &model, folder));
        duet_sample_options wanted = {.count = COUNT, .seed = 3};
        if (!rivals[i].generates) {
            assert_int_equal(duet_sample(ctx, model, &wanted, all), DUET_UNSUPPORTED);
        } else {
            OK(duet_sample(ctx, model, &wanted, all));
            wanted = (duet_sample_options){.first = 2, .count = 3, .seed = 3, .batch = 2};
            OK(duet_sample(ctx, model, &wanted, part));
            assert_memory_equal(all + 2 * IMAGE, part, 3 * IMAGE);
            assert_memory_not_equal(all, all + IMAGE, IMAGE);
        }
        duet_model_close(model);
        duet_context_free(ctx);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(patchvae_is_the_authors),
                                       cmocka_unit_test(bigbigans_game),
                                       cmocka_unit_test(simclrs_loss),
                                       cmocka_unit_test(maes_loss),
                                       cmocka_unit_test(they_learn),
                                       cmocka_unit_test(they_resume),
                                       cmocka_unit_test(they_draw)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
