/* SPDX-License-Identifier: MIT
 * bench_steps.c: where the time of a training step goes. The parts of a step as train/loop.c does
 * them, each with a clock: loader, feed (noise and copies), session by op kind, of it the updates
 * (norm of the gradients, optimiser, averages). Odd steps run with a clock around every node, even
 * ones whole, so that what the clocks cost is seen too. Medians over the steps, in milliseconds; of
 * steps, op kinds and nodes the best too, which a busy machine disturbs less. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "bench.h"
#include "train/trainer.h"

enum { STEPS = 15, WARM = 3, MOST_KINDS = 64 };
enum { PART_LOADER, PART_FEED, PART_SESSION, PART_UPDATES, PARTS };
static const char *const part_names[PARTS] = {"loader", "feed", "session", "updates"};

typedef struct kind {
    const char *op;
    double ms[STEPS];
    double gigabytes, gigaflops; /* of a step */
    int64_t nodes;
} kind;

typedef struct record {
    kind kinds[MOST_KINDS];
    int count;
    double part[PARTS][STEPS], whole[STEPS];
    double *seconds, *best; /* [nodes]; best: over the steps */
} record;

static kind *kind_of(record *r, const char *op) {
    for (int i = 0; i < r->count; i++) {
        if (strcmp(r->kinds[i].op, op) == 0) return &r->kinds[i];
    }
    if (r->count == MOST_KINDS) return &r->kinds[MOST_KINDS - 1];
    r->kinds[r->count].op = op;
    return &r->kinds[r->count++];
}

static void add_nodes(record *r, const duet_plan *plan, int step) {
    for (int64_t i = 0; i < duet_plan_rows(plan); i++) {
        duet_plan_row row;
        duet_plan_row_at(plan, i, &row);
        kind *k = kind_of(r, row.op);
        k->ms[step] += 1e3 * r->seconds[i];
        if (step == 0 || r->seconds[i] < r->best[i]) r->best[i] = r->seconds[i];
        if (step > 0) continue;
        k->nodes++;
        k->gigabytes += 1e-9 * (double)row.bytes;
        k->gigaflops += 1e-9 * row.flops;
    }
}

/* seconds: NULL = the session runs without clocks; otherwise the updates have one too. */
static duet_status one_step(duet_trainer *t, double *seconds, double *part[PARTS]) {
    duet_session *const session = duet_program_session(duet_trainer_program(t));
    duet_batch batch = {0};
    double clock = duet_clock();
    DUET_TRY(duet_loader_next(t->loader, &batch));
    *part[PART_LOADER] = duet_clock() - clock;
    clock = duet_clock();
    DUET_TRY(t->task->feed(
        &t->task_choice.options, &t->setup, 0,
        &(duet_task_feed){
            .batch = &batch, .scratch = t->scratch, .session = session, .column = t->row_column}));
    *part[PART_FEED] = duet_clock() - clock;
    duet_session_seed(session, t->options.seed, (uint64_t)t->steps);
    clock = duet_clock();
    duet_program_prepare(duet_trainer_program(t), 0, (double[]){1.0}, t->steps + 1);
    DUET_TRY(seconds != NULL ? duet_session_profile(session, seconds, part[PART_UPDATES])
                             : duet_session_run(session));
    if (seconds == NULL) *part[PART_SESSION] = duet_clock() - clock;
    t->steps++;
    return DUET_OK;
}

static duet_status measure(duet_trainer *t, record *r) {
    double unused[PARTS];
    double *nowhere[PARTS];
    for (int p = 0; p < PARTS; p++) nowhere[p] = &unused[p];
    for (int step = 0; step < WARM; step++) DUET_TRY(one_step(t, NULL, nowhere));
    for (int step = 0; step < STEPS; step++) {
        double *part[PARTS];
        for (int p = 0; p < PARTS; p++) part[p] = &r->part[p][step];
        const double began = duet_clock();
        DUET_TRY(one_step(t, NULL, part));
        r->whole[step] = 1e3 * (duet_clock() - began);
        nowhere[PART_UPDATES] = part[PART_UPDATES];
        DUET_TRY(one_step(t, r->seconds, nowhere));
        for (int p = 0; p < PARTS; p++) r->part[p][step] *= 1e3;
        add_nodes(r, duet_program_plan(duet_trainer_program(t)), step);
    }
    return DUET_OK;
}

static int by_value(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(double *values) {
    qsort(values, STEPS, sizeof *values, by_value);
    return values[STEPS / 2];
}

static json_t *node_list(const record *r, const duet_plan *plan) {
    json_t *nodes = json_array();
    char shape[96];
    for (int64_t i = 0; i < duet_plan_rows(plan); i++) {
        duet_plan_row row;
        duet_plan_row_at(plan, i, &row);
        json_array_append_new(
            nodes, json_pack("{s:s,s:s,s:s,s:s,s:f,s:f,s:I}", "op", row.op, "scope", row.scope,
                             "impl", row.impl != NULL ? row.impl : "", "out",
                             duet_shape_text(&row.out, shape), "best_ms", 1e3 * r->best[i], "gflop",
                             1e-9 * row.flops, "bytes", (json_int_t)row.bytes));
    }
    return nodes;
}

static void say(record *r, const duet_plan *plan, const bench_options *o) {
    json_t *ops = json_array(), *parts = json_object();
    double sum = 0.0;
    for (int i = 0; i < r->count; i++) {
        kind *k = &r->kinds[i];
        const double ms = median(k->ms);
        sum += ms;
        json_array_append_new(
            ops,
            json_pack("{s:s,s:I,s:f,s:f,s:f,s:f}", "op", k->op, "nodes", (json_int_t)k->nodes, "ms",
                      ms, "best_ms", k->ms[0], "gbs", ms > 0.0 ? 1e3 * k->gigabytes / ms : 0.0,
                      "gflops", ms > 0.0 ? 1e3 * k->gigaflops / ms : 0.0)); /* median has sorted */
    }
    for (int p = 0; p < PARTS; p++)
        json_object_set_new(parts, part_names[p], json_real(median(r->part[p])));
    const double step_ms = median(r->whole);
    bench_say(json_pack("{s:I,s:f,s:f,s:f,s:o,s:o,s:o}", "batch", (json_int_t)o->batch, "step_ms",
                        step_ms, "best_ms", r->whole[0], "nodes_ms", sum, "parts", parts, "ops",
                        ops, "nodes", node_list(r, plan)));
}

static duet_status open_trainer(duet_trainer *t, const bench_options *o) {
    duet_params_default(&duet_train_params, &t->options);
    snprintf(t->options.arch, sizeof t->options.arch, "%s", o->arch);
    t->options.size = o->size;
    t->options.batch = o->batch;
    t->options.steps = 1000000;
    DUET_TRY(duet_trainer_open(t));
    const duet_loader_options loader = {.preprocess = duet_model_card(t->ema)->preprocess,
                                        .batch = o->batch,
                                        .shuffle = true,
                                        .workers = 1};
    return duet_loader_open(t->ctx, &t->loader, t->dataset, &t->view, &loader);
}

duet_status bench_steps(duet_context *ctx, const bench_options *o) {
    duet_status status = DUET_OK;
    duet_dataset *dataset = NULL;
    duet_trainer trainer = {.ctx = ctx};
    record *r = NULL;
    DUET_DO(duet_alloc(&r, 1, sizeof *r));
    DUET_DO(duet_dataset_open(ctx, &dataset, o->data));
    trainer.dataset = dataset;
    DUET_DO(open_trainer(&trainer, o));
    DUET_DO(duet_alloc(&r->seconds,
                       duet_plan_rows(duet_program_plan(duet_trainer_program(&trainer))),
                       sizeof *r->seconds));
    DUET_DO(duet_alloc(&r->best, duet_plan_rows(duet_program_plan(duet_trainer_program(&trainer))),
                       sizeof *r->best));
    DUET_DO(measure(&trainer, r));
    say(r, duet_program_plan(duet_trainer_program(&trainer)), o);
done:
    duet_trainer_close(&trainer);
    duet_dataset_close(dataset);
    if (r != NULL) {
        duet_release(r->seconds);
        duet_release(r->best);
    }
    duet_release(r);
    return status;
}
