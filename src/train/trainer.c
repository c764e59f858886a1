/* SPDX-License-Identifier: MIT
 * Putting a trainer together: members of the families, what it begins with (begin.c), the training
 * plan: build, fuse, gradient of every weight that is trained, plan. */
#include "train/trainer.h"

#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/str.h"

static duet_status choose_members(duet_trainer *trainer) {
    const duet_train_options *o = &trainer->options;
    DUET_TRY(duet_choice_parse(&trainer->task_choice, &duet_family_task, o->task));
    if (trainer->task == NULL) trainer->task = duet_task_of(trainer->task_choice.entry);
    DUET_TRY(duet_trainer_fill_options(trainer));
    DUET_TRY(duet_noise_new(&trainer->noise, o->noise));
    if (o->predict[0] != '\0')
        DUET_TRY(duet_choice_parse(&trainer->predict, &duet_family_predict, o->predict));
    DUET_TRY(duet_train_groups_parse(&trainer->groups, o));
    DUET_TRY(duet_averages_parse(&trainer->averages, o->ema));
    DUET_TRY(duet_augment_chain_parse(&trainer->augment, o->augment));
    DUET_TRY(duet_choice_parse(&trainer->lr_choice, &duet_family_lr, o->lr));
    trainer->lr = duet_lr_of(trainer->lr_choice.entry);
    return DUET_OK;
}

/* ---- programs ---- */

/* A program of the task while it is put together. */
typedef struct building {
    duet_graph *graph;
    duet_task_values values;
    duet_value outputs[3 + DUET_TASK_COLUMNS];
    duet_group groups[DUET_PROGRAM_GROUPS];
    duet_program_spec spec;
} building;

static int add_output(building *b, duet_value value) {
    if (value == DUET_NONE) return -1;
    b->outputs[b->spec.output_count] = value;
    return (int)b->spec.output_count++;
}

static void describe_program(duet_trainer *trainer, int index, building *b) {
    const duet_train_options *o = &trainer->options;
    duet_training *to = &trainer->programs[index];
    for (int g = 0; g < trainer->groups.count; g++) {
        to->members[g] =
            (duet_train_members){&trainer->groups, g, trainer->task->programs[index].trains};
        b->groups[g] = (duet_group){.optim = &trainer->groups.optim[g],
                                    .has = duet_train_has,
                                    .user = &to->members[g],
                                    .clip = o->clip};
    }
    b->spec = (duet_program_spec){.loss = b->values.loss,
                                  .outputs = b->outputs,
                                  .groups = b->groups,
                                  .group_count = trainer->groups.count,
                                  .averages = &trainer->averages,
                                  .recompute = strcmp(o->recompute, "blocks") == 0,
                                  .bf16 = strcmp(o->precision, "bf16") == 0,
                                  .parts = o->accumulate,
                                  .options = duet_plan_options_of(trainer->ctx)};
    b->spec.options.tuning = trainer->tuning;
    (void)add_output(b, b->values.loss);
    to->rows = add_output(b, b->values.rows);
    to->extra = add_output(b, b->values.extra);
    for (int k = 0; k < DUET_TASK_COLUMNS; k++)
        to->scalars[k] = add_output(b, b->values.scalars[k]);
}

static duet_status build_program(duet_trainer *trainer, int index, building *b) {
    b->values.loss = b->values.rows = b->values.extra = DUET_NONE;
    for (int k = 0; k < DUET_TASK_COLUMNS; k++) b->values.scalars[k] = DUET_NONE;
    DUET_TRY(duet_graph_new(&b->graph));
    DUET_TRY(trainer->task->build(&trainer->task_choice.options, &trainer->setup, index, b->graph,
                                  &b->values));
    describe_program(trainer, index, b);
    return DUET_OK;
}

/* Programs run one after the other. */
static duet_status share_memory(const duet_trainer *trainer) {
    duet_session *list[DUET_TASK_PROGRAMS];
    for (int p = 0; p < trainer->task->program_count; p++)
        list[p] = duet_program_session(trainer->programs[p].program);
    return duet_session_share(list, trainer->task->program_count);
}

static duet_status make_programs(duet_trainer *trainer) {
    const int count = trainer->task->program_count;
    duet_status status = DUET_OK;
    building *list = NULL;
    duet_graph *graphs[DUET_TASK_PROGRAMS] = {NULL};
    DUET_DO(duet_alloc(&list, count, sizeof *list));
    for (int p = 0; p < count; p++) {
        DUET_DO(build_program(trainer, p, &list[p]));
        graphs[p] = list[p].graph;
    }
    DUET_DO(duet_trainer_describe_slots(trainer, graphs));
    for (int p = 0; p < count; p++)
        DUET_DO(duet_program_add_slots(trainer->slots, graphs[p], &list[p].spec));
    DUET_DO(duet_trainer_fill_slots(trainer));
    for (int p = 0; p < count; p++)
        DUET_DO(duet_program_new(&trainer->programs[p].program, graphs[p], trainer->slots,
                                 &list[p].spec));
    if (count > 1) DUET_DO(share_memory(trainer));
done:
    for (int p = 0; list != NULL && p < count; p++) duet_graph_free(list[p].graph);
    duet_release(list);
    return status;
}

duet_program *duet_trainer_program(const duet_trainer *trainer) {
    return trainer->programs[0].program;
}

/* Nodes without a kernel, where they move more than 1 % of the bytes of a step. */
static void tell_fallbacks(const duet_trainer *trainer) {
    int64_t slow = 0, nodes = 0;
    double bytes = 0.0, all = 0.0;
    for (int p = 0; p < trainer->task->program_count; p++) {
        const duet_plan *const plan = duet_program_plan(trainer->programs[p].program);
        slow += duet_plan_fallbacks(plan);
        nodes += duet_plan_rows(plan);
        for (int64_t i = 0; i < duet_plan_rows(plan); i++) {
            duet_plan_row row;
            duet_plan_row_at(plan, i, &row);
            all += (double)row.bytes;
            if (row.fallback) bytes += (double)row.bytes;
        }
    }
    if (bytes > 0.01 * all)
        duet_log(trainer->ctx, DUET_LOG_WARNING,
                 "%lld of %lld nodes are run by slow reference code", (long long)slow,
                 (long long)nodes);
}

/* What the task makes of its options, and what it carries from step to step. */
static duet_status prepare_task(duet_trainer *trainer) {
    const duet_task *task = trainer->task;
    const void *const options = &trainer->task_choice.options;
    if (task->prepare != NULL) {
        if (task->prepared_size > 0)
            DUET_TRY(duet_alloc(&trainer->prepared, 1, task->prepared_size));
        DUET_TRY(task->prepare(options, &trainer->setup, trainer->prepared));
        trainer->setup.prepared = trainer->prepared;
    }
    if (task->kept != NULL) trainer->kept = task->kept(options, &trainer->setup);
    return trainer->kept > 0
               ? duet_alloc(&trainer->setup.kept, trainer->kept, sizeof *trainer->setup.kept)
               : DUET_OK;
}

/* ---- whole ---- */

duet_status duet_trainer_open(duet_trainer *trainer) {
    const duet_train_options *o = &trainer->options;
    DUET_TRY(choose_members(trainer));
    DUET_TRY(duet_trainer_make_models(trainer));
    DUET_TRY(duet_trainer_choose_rows(trainer));
    trainer->setup = (duet_task_setup){
        .model = trainer->model,
        .noise = trainer->noise,
        .predict = trainer->predict.entry != NULL ? duet_predict_of(trainer->predict.entry) : NULL,
        .predict_options = &trainer->predict.options,
        .classes = duet_dataset_describe(trainer->dataset)->class_count,
        .batch = o->batch / o->accumulate,
        .parts = o->accumulate,
        .seed = o->seed,
        .threads = duet_context_threads(trainer->ctx)};
    DUET_TRY(prepare_task(trainer));
    DUET_TRY(make_programs(trainer));
    const int64_t room = trainer->task->room != NULL ? trainer->task->room(&trainer->setup) : 0;
    DUET_TRY(duet_alloc(&trainer->scratch, room, sizeof(float)));
    DUET_TRY(duet_alloc(&trainer->row_loss, trainer->setup.batch, sizeof(float)));
    DUET_TRY(duet_alloc(&trainer->row_column, trainer->setup.batch, sizeof *trainer->row_column));
    trainer->saved = -1;
    trainer->measure_step = -1;
    trainer->total = o->minutes > 0.0 ? 0 : duet_budget_steps(o);
    tell_fallbacks(trainer);
    return DUET_OK;
}

void duet_trainer_close(duet_trainer *trainer) {
    duet_loader_close(trainer->loader);
    for (int p = 0; p < DUET_TASK_PROGRAMS; p++) duet_program_free(trainer->programs[p].program);
    duet_train_groups_free(&trainer->groups);
    duet_model_close(trainer->model);
    duet_model_close(trainer->ema);
    duet_slots_free(trainer->slots);
    duet_noise_free(trainer->noise);
    duet_view_free(&trainer->view);
    duet_view_free(&trainer->validation);
    duet_release(trainer->scratch);
    duet_release(trainer->row_loss);
    duet_release(trainer->row_column);
    duet_release(trainer->losses);
    duet_release(trainer->prepared);
    duet_release(trainer->setup.kept);
}

double duet_trainer_seconds(const duet_trainer *trainer) {
    return trainer->seconds + (trainer->started > 0.0 ? duet_clock() - trainer->started : 0.0);
}

double duet_trainer_final_loss(const duet_trainer *trainer) {
    const int64_t count = (trainer->steps + 19) / 20;
    double sum = 0.0;
    for (int64_t i = trainer->steps - count; i < trainer->steps; i++)
        sum += (double)trainer->losses[i];
    return count > 0 ? sum / (double)count : 0.0;
}
