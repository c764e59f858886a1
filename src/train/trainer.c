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
    DUET_TRY(duet_trainer_fill_options(trainer));
    DUET_TRY(duet_noise_new(&trainer->noise, o->noise));
    DUET_TRY(duet_choice_parse(&trainer->predict, &duet_family_predict, o->predict));
    DUET_TRY(duet_choice_parse(&trainer->task_choice, &duet_family_task, o->task));
    DUET_TRY(duet_choice_parse(&trainer->optim_choice, &duet_family_optim, o->optim));
    DUET_TRY(duet_choice_parse(&trainer->lr_choice, &duet_family_lr, o->lr));
    /* info is the first member of each */
    trainer->task = duet_task_of(trainer->task_choice.entry);
    trainer->lr = duet_lr_of(trainer->lr_choice.entry);
    return DUET_OK;
}

/* ---- program ---- */

static bool is_trained(const duet_slots *slots, int64_t slot, const void *user) {
    const duet_trainer *trainer = user;
    (void)slots;
    return trainer->trains[slot];
}

static duet_status make_program(duet_trainer *trainer) {
    const duet_train_options *o = &trainer->options;
    duet_status status = DUET_OK;
    duet_graph *graph = NULL;
    duet_value out[2] = {DUET_NONE, DUET_NONE}; /* loss, per sample */
    const duet_group group = {
        .optim = &trainer->optim_choice, .has = is_trained, .user = trainer, .clip = o->clip};
    const duet_ema_options average = {.decay = o->ema};
    duet_program_spec spec = {.average = &average,
                              .outputs = out,
                              .output_count = 2,
                              .groups = &group,
                              .group_count = 1,
                              .recompute = strcmp(o->recompute, "blocks") == 0,
                              .bf16 = strcmp(o->precision, "bf16") == 0,
                              .parts = o->accumulate,
                              .options = duet_plan_options_of(trainer->ctx)};
    spec.options.tuning = trainer->tuning;
    DUET_DO(duet_graph_new(&graph));
    DUET_DO(trainer->task->build(&trainer->task_choice.options, &trainer->setup, graph, &out[0],
                                 &out[1]));
    spec.loss = out[0];
    DUET_DO(duet_trainer_make_slots(trainer, graph, &spec));
    DUET_DO(duet_program_new(&trainer->program, graph, trainer->slots, &spec));
done:
    duet_graph_free(graph);
    return status;
}

/* ---- whole ---- */

duet_status duet_trainer_open(duet_trainer *trainer) {
    const duet_train_options *o = &trainer->options;
    DUET_TRY(choose_members(trainer));
    DUET_TRY(duet_trainer_make_models(trainer));
    DUET_TRY(duet_view_all(&trainer->view, trainer->dataset, DUET_TRAIN));
    if (trainer->view.count == 0) {
        return duet_fail(DUET_ARG, "the data set '%s' has no training images",
                         duet_dataset_describe(trainer->dataset)->path);
    }
    trainer->setup = (duet_task_setup){.model = trainer->model,
                                       .noise = trainer->noise,
                                       .predict = duet_predict_of(trainer->predict.entry),
                                       .predict_options = &trainer->predict.options,
                                       .batch = o->batch / o->accumulate,
                                       .seed = o->seed,
                                       .threads = duet_context_threads(trainer->ctx)};
    DUET_TRY(make_program(trainer));
    DUET_TRY(duet_alloc(&trainer->scratch, trainer->task->room(&trainer->setup), sizeof(float)));
    DUET_TRY(duet_alloc(&trainer->row_loss, o->batch, sizeof(float)));
    DUET_TRY(duet_alloc(&trainer->row_t, o->batch, sizeof(int64_t)));
    trainer->saved = -1;
    trainer->measure_step = -1;
    trainer->total = o->minutes > 0.0 ? 0 : duet_budget_steps(o);
    const duet_plan *const plan = duet_program_plan(trainer->program);
    const int64_t fallbacks = duet_plan_fallbacks(plan);
    if (fallbacks > 0) {
        duet_log(trainer->ctx, DUET_LOG_WARNING,
                 "%lld of %lld nodes are run by slow reference code", (long long)fallbacks,
                 (long long)duet_plan_rows(plan));
    }
    return DUET_OK;
}

void duet_trainer_close(duet_trainer *trainer) {
    duet_loader_close(trainer->loader);
    duet_program_free(trainer->program);
    duet_model_close(trainer->model);
    duet_model_close(trainer->ema);
    duet_slots_free(trainer->slots);
    duet_noise_free(trainer->noise);
    duet_view_free(&trainer->view);
    duet_release(trainer->trains);
    duet_release(trainer->scratch);
    duet_release(trainer->row_loss);
    duet_release(trainer->row_t);
    duet_release(trainer->losses);
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
