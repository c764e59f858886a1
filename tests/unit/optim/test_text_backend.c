/* SPDX-License-Identifier: MIT
 * A whole training step, executed by a backend that knows nothing but the text of the graph and the
 * content of the slots, is the step of a session on the backend "ref", to the bit: losses, norms,
 * weights, moments, states, averages. Between feeding and reading the host does not reach into the
 * device. And ranks: one changes no bit, two are two parts of a batch. */
#include "plain_denoise.h"
#include "tiny_model.h"

#include <math.h>
#include <pthread.h>

#include "base/choice.h"
#include "base/rng.h"
#include "model/model.h"
#include "model/nn.h"
#include "optim/program.h"
#include "text_backend.h"
#include "train/task/task.h"

enum { ROWS = 2, CELLS = 8 * 8 * 3, RUNS = 3 };

/* ---- trainings ---- */

typedef struct training {
    duet_slots *slots;
    duet_program *program;
    duet_value out[2];
} training;

static void build_unet(duet_graph *graph, duet_value out[2]) {
    duet_model *model = NULL;
    OK(duet_model_describe(&model, TINY_ARCH ",dropout=0.2"));
    duet_task_values values;
    OK(plain_denoise(model, ROWS, graph, &values));
    out[0] = values.loss;
    out[1] = values.rows;
    duet_model_close(model);
}

/* Batch norm and spectral norm follow the batches. */
static void build_states(duet_graph *graph, duet_value out[2]) {
    const duet_init init = {.kind = DUET_INIT_NORMAL, .scale = 0.1};
    const duet_value x = duet_input(graph, "x", DUET_F32, 2, (int64_t[]){ROWS, CELLS}),
                     target = duet_input(graph, "target", DUET_F32, 2, (int64_t[]){ROWS, 1});
    const duet_value first = duet_nn_spectral_weight(graph, "first", 2, (int64_t[]){5, CELLS},
                                                     DUET_NN_UPDATE),
                     second =
                         duet_parameter(graph, "second", DUET_WEIGHT, init, 2, (int64_t[]){1, 5});
    const duet_value h = duet_nn_batch_norm_train(
        graph, "norm", duet_linear(graph, x, first, DUET_NONE), 0.1, 1e-5, DUET_NN_UPDATE);
    duet_mse_loss(graph, duet_linear(graph, duet_silu(graph, h), second, DUET_NONE), target,
                  &out[0], &out[1]);
}

static const char adamw[] = "adamw:rate=0.01,weight_decay=0.1", *optimiser = adamw;

static training open_training(void (*build)(duet_graph *graph, duet_value out[2]), int64_t parts,
                              const duet_plan_options *options) {
    training t = {0};
    duet_graph *graph = NULL;
    duet_choice optim;
    duet_averages averages;
    OK(duet_averages_parse(&averages, "0.9+power:std=0.2"));
    OK(duet_choice_parse(&optim, &duet_family_optim, optimiser));
    const duet_group group = {.optim = &optim, .clip = 0.05};
    OK(duet_graph_new(&graph));
    build(graph, t.out);
    const duet_program_spec spec = {.loss = t.out[0],
                                    .outputs = t.out,
                                    .output_count = 2,
                                    .groups = &group,
                                    .group_count = 1,
                                    .averages = &averages,
                                    .parts = parts,
                                    .options = *options};
    OK(duet_slots_describe(&t.slots, graph));
    const int64_t count = t.slots->count;
    for (int64_t k = 0; k < count; k++)
        for (int i = 0; i < averages.count; i++)
            OK(duet_slots_accompany(t.slots, k, DUET_AVERAGE, duet_average_kind(i)));
    OK(duet_program_add_slots(t.slots, graph, &spec));
    OK(duet_slots_alloc(t.slots));
    duet_slots_init(t.slots, 7, true);
    OK(duet_program_new(&t.program, graph, t.slots, &spec));
    duet_graph_free(graph);
    return t;
}

static void close_training(training *t) {
    duet_program_free(t->program);
    duet_slots_free(t->slots);
}

static void feed(duet_session *session, int64_t run) {
    static const char *const names[] = {"x", "target", "net_t"};
    for (int i = 0; i < DUET_COUNT(names); i++) {
        float values[ROWS * CELLS];
        duet_rng_normal(duet_rng_make(3, names[i], (uint64_t)run), 0, values, ROWS * CELLS);
        if (duet_session_has_input(session, names[i]))
            OK(duet_session_set(session, names[i], values));
    }
    if (duet_session_has_input(session, "sample_id"))
        OK(duet_session_set(session, "sample_id",
                            (int32_t[]){(int32_t)(2 * run), (int32_t)(2 * run + 1)}));
}

/* One step of `parts` runs; returns the last loss. */
static float step_of(const training *t, int64_t step, int64_t parts, int64_t first) {
    duet_session *const session = duet_program_session(t->program);
    float loss = 0;
    duet_session_seed(session, 11, (uint64_t)step);
    for (int64_t p = 0; p < parts; p++) {
        feed(session, first + step * 4 + p);
        OK(duet_program_run(t->program, p, (double[]){0.5}, step + 1));
    }
    OK(duet_session_get(session, 0, -1, &loss));
    return loss;
}

static void same_slots(const training *a, const training *b) {
    assert_int_equal(a->slots->count, b->slots->count);
    for (int64_t k = 0; k < a->slots->count; k++)
        if (memcmp(a->slots->list[k].own, b->slots->list[k].own,
                   (size_t)a->slots->list[k].count * sizeof(float)) != 0)
            fail_msg("'%s' %s differs", a->slots->list[k].name,
                     a->slots->list[k].kind != NULL ? a->slots->list[k].kind : "");
}

static const duet_plan_options on_ref = {.device = "ref", .threads = 1},
                               on_text = {.backend = &text_backend, .threads = 1};

/* ---- the device ---- */

static void compare(void (*build)(duet_graph *graph, duet_value out[2]), int64_t parts) {
    training ref = open_training(build, parts, &on_ref),
             text = open_training(build, parts, &on_text),
             start = open_training(build, parts, &on_ref);
    text_backend_counts = (text_counts){0};
    for (int64_t k = 0; k < RUNS; k++) {
        const float want = step_of(&ref, k, parts, 0), have = step_of(&text, k, parts, 0);
        assert_memory_equal(&want, &have, sizeof want);
        assert_true(duet_program_ok(ref.program) && duet_program_ok(text.program));
        assert_true(duet_program_norm(ref.program, 0) == duet_program_norm(text.program, 0));
    }
    /* slots once, then inputs in, one loss a step out */
    const int inputs = text_backend_counts.fed / (int)(RUNS * parts);
    assert_int_equal(text_backend_counts.taken, 1);
    assert_int_equal(text_backend_counts.ran, RUNS * parts);
    assert_int_equal(text_backend_counts.read, RUNS);
    assert_int_equal(text_backend_counts.pulled, 0);
    assert_true(inputs >= 3 && text_backend_counts.fed == inputs * (int)(RUNS * parts));
    same_slots(&text, &start); /* the host's content is as it was */
    OK(duet_slots_pull(text.slots));
    assert_int_equal(text_backend_counts.pulled, 1);
    same_slots(&text, &ref);
    close_training(&ref);
    close_training(&text);
    close_training(&start);
}

static void a_step_from_text(void **state) {
    (void)state;
    compare(build_unet, 1);
    compare(build_states, 1);
}

static void accumulation_from_text(void **state) {
    (void)state;
    compare(build_unet, 2);
}

/* Inner matrices are marked in the text. */
static void muon_from_text(void **state) {
    (void)state;
    optimiser = "muon:rate=0.01";
    compare(build_unet, 1);
    optimiser = adamw;
}

static void not_finite_on_the_device(void **state) {
    (void)state;
    training text = open_training(build_states, 1, &on_text),
             start = open_training(build_states, 1, &on_ref);
    duet_session *const session = duet_program_session(text.program);
    float target[ROWS] = {1.0F, NAN};
    feed(session, 0);
    OK(duet_session_set(session, "target", target));
    OK(duet_program_run(text.program, 0, (double[]){1.0}, 1));
    assert_false(duet_program_ok(text.program));
    OK(duet_slots_pull(text.slots));
    same_slots(&text, &start);
    close_training(&text);
    close_training(&start);
}

/* What the host changes is taken again; what it has pulled is not. */
static void host_changes_reach_the_device(void **state) {
    (void)state;
    training ref = open_training(build_states, 1, &on_ref),
             text = open_training(build_states, 1, &on_text);
    text_backend_counts = (text_counts){0};
    (void)step_of(&ref, 0, 1, 0);
    (void)step_of(&text, 0, 1, 0);
    OK(duet_slots_pull(text.slots));
    (void)step_of(&ref, 1, 1, 0);
    (void)step_of(&text, 1, 1, 0);
    assert_int_equal(text_backend_counts.taken, 1);
    OK(duet_slots_pull(text.slots));
    for (int i = 0; i < 2; i++) {
        duet_slots *slots = i == 0 ? ref.slots : text.slots;
        slots->list[duet_slots_find(slots, "", "second")].own[2] = 0.75F;
        duet_slots_touch(slots, -1);
    }
    const float want = step_of(&ref, 2, 1, 0), have = step_of(&text, 2, 1, 0);
    assert_memory_equal(&want, &have, sizeof want);
    assert_int_equal(text_backend_counts.taken, 2);
    OK(duet_slots_pull(text.slots));
    same_slots(&text, &ref);
    close_training(&ref);
    close_training(&text);
}

/* ---- ranks ---- */

typedef struct meeting { /* of two ranks, which are threads */
    pthread_barrier_t barrier;
    const float *block[2];
} meeting;

typedef struct rank {
    duet_comm comm;
    meeting *at;
    int index;
    int64_t sums; /* all-reduces so far */
    training t;
} rank;

static duet_status sum_ranks(void *user, float *block, int64_t count) {
    rank *r = user;
    float *sum = NULL;
    OK(duet_alloc(&sum, count, sizeof *sum));
    r->at->block[r->index] = block;
    r->sums++;
    pthread_barrier_wait(&r->at->barrier);
    for (int64_t i = 0; i < count; i++) sum[i] = r->at->block[0][i] + r->at->block[1][i];
    pthread_barrier_wait(&r->at->barrier); /* both have read */
    memcpy(block, sum, (size_t)count * sizeof *sum);
    pthread_barrier_wait(&r->at->barrier);
    duet_release(sum);
    return DUET_OK;
}

static void *train_rank(void *user) {
    rank *r = user;
    for (int64_t k = 0; k < RUNS; k++) (void)step_of(&r->t, k, 1, r->index);
    return NULL;
}

static void two_ranks_are_two_parts(void **state) {
    (void)state;
    meeting at = {0};
    rank ranks[2] = {0};
    pthread_t threads[2];
    training parts = open_training(build_unet, 2, &on_ref);
    assert_int_equal(pthread_barrier_init(&at.barrier, NULL, 2), 0);
    for (int i = 0; i < 2; i++) {
        ranks[i] = (rank){.at = &at, .index = i};
        ranks[i].comm =
            (duet_comm){.rank = i, .size = 2, .all_reduce = sum_ranks, .user = &ranks[i]};
        const duet_plan_options options = {.device = "ref", .threads = 1, .comm = &ranks[i].comm};
        ranks[i].t = open_training(build_unet, 1, &options);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, train_rank, &ranks[i]), 0);
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int64_t k = 0; k < RUNS; k++) (void)step_of(&parts, k, 2, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ranks[i].sums, 2 * RUNS); /* the gradient, and whether losses are finite */
        same_slots(&ranks[i].t, &parts);
        close_training(&ranks[i].t);
    }
    close_training(&parts);
    pthread_barrier_destroy(&at.barrier);
}

static duet_status sum_one(void *user, float *block, int64_t count) {
    (void)block;
    *(int64_t *)user += count;
    return DUET_OK;
}

static void one_rank_changes_no_bit(void **state) {
    (void)state;
    int64_t reduced = 0;
    const duet_comm comm = {.size = 1, .all_reduce = sum_one, .user = &reduced};
    const duet_plan_options alone = {.threads = 2}, ranked = {.threads = 2, .comm = &comm};
    training a = open_training(build_unet, 2, &alone), b = open_training(build_unet, 2, &ranked);
    for (int64_t k = 0; k < RUNS; k++) {
        (void)step_of(&a, k, 2, 0);
        (void)step_of(&b, k, 2, 0);
    }
    assert_int_equal(reduced, RUNS * (duet_plan_grad_size(duet_program_plan(b.program)) + 1));
    same_slots(&a, &b);
    close_training(&a);
    close_training(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_step_from_text),
                                       cmocka_unit_test(accumulation_from_text),
                                       cmocka_unit_test(muon_from_text),
                                       cmocka_unit_test(not_finite_on_the_device),
                                       cmocka_unit_test(host_changes_reach_the_device),
                                       cmocka_unit_test(two_ranks_are_two_parts),
                                       cmocka_unit_test(one_rank_changes_no_bit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
