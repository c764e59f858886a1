/* SPDX-License-Identifier: MIT
 * Putting a trainer together: members of the families, what it begins with (begin.c), the training
 * plan: build, fuse, gradient of every weight that is trained, plan. */
#include "train/trainer.h"

#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/str.h"

/* ---- choices ---- */

duet_status duet_choice_parse(duet_choice *out, const duet_family *family, const char *spec) {
    return duet_family_parse(family, &out->entry, &out->options, sizeof out->options, spec);
}

duet_status duet_choice_spell(const duet_choice *choice, char out[DUET_TEXT_SIZE]) {
    const duet_param_table *table = &choice->entry->params;
    char text[4 * DUET_TEXT_SIZE];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", choice->entry->name);
    for (int i = 0; i < table->count; i++) {
        char value[DUET_LIST_SIZE * 24];
        duet_params_print(table, &choice->options, i, value, sizeof value);
        for (char *c = value; *c != '\0'; c++) {
            if (*c == ',') *c = '/'; /* ',' ends the pair in a spec */
        }
        if (used < sizeof text) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%c%s=%s", i == 0 ? ':' : ',',
                                     table->rows[i].name, value);
        }
    }
    if (used >= DUET_TEXT_SIZE) {
        return duet_fail(DUET_ARG, "the options of '%s' are too long to be written down",
                         choice->entry->name);
    }
    duet_copy_text(out, DUET_TEXT_SIZE, text);
    return DUET_OK;
}

static duet_status choose_members(duet_trainer *trainer) {
    const duet_train_options *o = &trainer->options;
    DUET_TRY(duet_trainer_fill_options(trainer));
    DUET_TRY(duet_noise_new(&trainer->noise, o->noise));
    DUET_TRY(duet_choice_parse(&trainer->predict, &duet_family_predict, o->predict));
    DUET_TRY(duet_choice_parse(&trainer->task_choice, &duet_family_task, o->task));
    DUET_TRY(duet_choice_parse(&trainer->optim_choice, &duet_family_optim, o->optim));
    DUET_TRY(duet_choice_parse(&trainer->lr_choice, &duet_family_lr, o->lr));
    /* info is the first member of each */
    trainer->task = (const duet_task *)(const void *)trainer->task_choice.entry;
    trainer->optim = (const duet_optim *)(const void *)trainer->optim_choice.entry;
    trainer->lr = (const duet_lr *)(const void *)trainer->lr_choice.entry;
    return DUET_OK;
}

/* ---- plan ---- */

typedef struct gradients {
    duet_value *wrt, *grad; /* [params of the graph] */
    duet_plan_grad *list;
    int64_t count;
} gradients;

static duet_status differentiate(gradients *g, const duet_trainer *trainer, duet_graph *graph,
                                 duet_value loss) {
    const int64_t count = graph->param_count;
    int64_t weights = 0;
    DUET_TRY(duet_alloc(&g->wrt, count, sizeof *g->wrt));
    DUET_TRY(duet_alloc(&g->grad, count, sizeof *g->grad));
    DUET_TRY(duet_alloc(&g->list, count, sizeof *g->list));
    int64_t *slots = NULL;
    DUET_TRY(duet_alloc(&slots, count, sizeof *slots));
    for (int64_t i = 0; i < count; i++) {
        const int64_t slot = duet_slots_bind(trainer->slots, &graph->params[i], NULL);
        if (slot < 0 || !duet_trainer_trains(trainer, slot)) continue;
        slots[weights] = slot;
        g->wrt[weights++] = graph->params[i].value;
    }
    const duet_status status = duet_grad(graph, loss, g->wrt, weights, g->grad);
    for (int64_t i = 0; status == DUET_OK && i < weights; i++) {
        if (g->grad[i] != DUET_NONE)
            g->list[g->count++] = (duet_plan_grad){.value = g->grad[i], .slot = slots[i]};
    }
    duet_release(slots);
    return status;
}

/* For the passes after the gradient: gradients of parameters are outputs, as the losses are. */
static duet_status run_pass(const char *name, const gradients *g, duet_graph *graph,
                            const duet_value *out) {
    duet_value *keep = NULL;
    DUET_TRY(duet_alloc(&keep, g->count + 2, sizeof *keep));
    for (int64_t i = 0; i < g->count; i++) keep[i] = g->list[i].value;
    keep[g->count] = out[0];
    keep[g->count + 1] = out[1];
    const duet_status status = duet_pass_run(graph, name, keep, g->count + 2);
    duet_release(keep);
    return status;
}

static duet_status make_plan(duet_trainer *trainer) {
    duet_status status = DUET_OK;
    duet_graph *graph = NULL;
    gradients g = {0};
    duet_value out[2] = {DUET_NONE, DUET_NONE}; /* loss, per sample */
    const duet_plan_options options = {.threads = duet_context_threads(trainer->ctx),
                                       .exact = duet_context_exact(trainer->ctx),
                                       .tuning = trainer->tuning};
    DUET_DO(duet_graph_new(&graph));
    DUET_DO(trainer->task->build(&trainer->task_choice.options, &trainer->setup, graph, &out[0],
                                 &out[1]));
    DUET_DO(duet_trainer_make_slots(trainer, graph));
    DUET_DO(duet_pass_run(graph, "fuse", out, 2));
    DUET_DO(differentiate(&g, trainer, graph, out[0]));
    if (strcmp(trainer->options.recompute, "blocks") == 0)
        DUET_DO(run_pass("recompute", &g, graph, out));
    if (strcmp(trainer->options.precision, "bf16") == 0) DUET_DO(run_pass("bf16", &g, graph, out));
    DUET_DO(
        duet_plan_new(&trainer->plan, graph, trainer->slots, out, 2, g.list, g.count, &options));
    DUET_DO(duet_session_new(&trainer->session, trainer->plan, trainer->slots));
done:
    duet_release(g.wrt);
    duet_release(g.grad);
    duet_release(g.list);
    duet_graph_free(graph);
    return status;
}

static duet_status make_tiles(duet_trainer *trainer) {
    const duet_slots *slots = trainer->slots;
    for (int64_t k = 0; k < slots->count; k++) {
        const duet_slot *slot = &slots->list[k];
        const int64_t grad = duet_plan_grad_offset(trainer->plan, k);
        if (grad < 0) continue;
        for (int64_t at = 0; at < slot->count; at += DUET_OPTIM_TILE) {
            const int64_t left = slot->count - at;
            DUET_TRY(duet_grow(&trainer->tiles, &trainer->tile_capacity, trainer->tile_count + 1,
                               sizeof *trainer->tiles));
            duet_optim_tile *const tile = &trainer->tiles[trainer->tile_count++];
            *tile = (duet_optim_tile){.slot = k,
                                      .weight = slot->own + at,
                                      .grad = grad + at,
                                      .count = left < DUET_OPTIM_TILE ? left : DUET_OPTIM_TILE,
                                      .decay = slot->shape.rank >= 2};
            for (int i = 0; i < trainer->optim->moments; i++) {
                const int64_t moment = duet_slots_beside(slots, k, trainer->optim->moment_name[i]);
                tile->moment[i] = slots->list[moment].own + at;
            }
        }
    }
    if (trainer->tile_count == 0)
        return duet_fail(DUET_UNSUPPORTED,
                         "the loss does not depend on any weight that is trained");
    return duet_alloc(&trainer->tile_sums, trainer->tile_count, sizeof *trainer->tile_sums);
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
    trainer->setup =
        (duet_task_setup){.model = trainer->model,
                          .noise = trainer->noise,
                          .predict = (const duet_predict *)(const void *)trainer->predict.entry,
                          .predict_options = &trainer->predict.options,
                          .batch = o->batch / o->accumulate,
                          .seed = o->seed,
                          .threads = duet_context_threads(trainer->ctx)};
    DUET_TRY(make_plan(trainer));
    DUET_TRY(make_tiles(trainer));
    if (o->accumulate > 1)
        DUET_TRY(duet_alloc(&trainer->gradient, duet_plan_grad_size(trainer->plan), sizeof(float)));
    DUET_TRY(duet_alloc(&trainer->scratch, trainer->task->room(&trainer->setup), sizeof(float)));
    DUET_TRY(duet_alloc(&trainer->row_loss, o->batch, sizeof(float)));
    DUET_TRY(duet_alloc(&trainer->row_t, o->batch, sizeof(int64_t)));
    trainer->saved = -1;
    trainer->measure_step = -1;
    trainer->total = o->minutes > 0.0 ? 0 : duet_budget_steps(o);
    const int64_t fallbacks = duet_plan_fallbacks(trainer->plan);
    if (fallbacks > 0) {
        duet_log(trainer->ctx, DUET_LOG_WARNING,
                 "%lld of %lld nodes are run by slow reference code", (long long)fallbacks,
                 (long long)duet_plan_rows(trainer->plan));
    }
    return DUET_OK;
}

void duet_trainer_close(duet_trainer *trainer) {
    duet_loader_close(trainer->loader);
    duet_session_free(trainer->session);
    duet_plan_free(trainer->plan);
    duet_model_close(trainer->model);
    duet_model_close(trainer->ema);
    duet_slots_free(trainer->slots);
    duet_noise_free(trainer->noise);
    duet_view_free(&trainer->view);
    duet_release(trainer->trains);
    duet_release(trainer->tiles);
    duet_release(trainer->tile_sums);
    duet_release(trainer->gradient);
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
