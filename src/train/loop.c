/* SPDX-License-Identifier: MIT
 * The training loop: mini-batch, noise, loss and gradients, gradient norm, optimiser, EMA; and when
 * it ends. Budget: steps and images give the exact number of steps. For minutes the number is
 * estimated once from the measured speed (after 20 seconds or 3 % of the budget) and then kept, in
 * the state too, so that a resumed run follows the same learning-rate schedule; when the time is
 * up, the run ends in any case. */
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/str.h"
#include "train/snapshots.h"
#include "train/trainer.h"

#define LINE_SECONDS    2.0
#define REPORT_SECONDS  0.1
#define MEASURE_SECONDS 20.0
#define MEASURE_PART    0.03
#define MEASURE_SKIP    2 /* first steps are slower */
#define MEASURE_STEPS   3 /* lower bound */
/* Saving and slower phases must fit too; otherwise the end of the learning-rate schedule would be
 * cut off. */
#define MEASURE_MARGIN 0.98

/* ---- budget ---- */

int64_t duet_budget_steps(const duet_train_options *options) {
    const int64_t of_images =
        options->images > 0 ? (options->images + options->batch - 1) / options->batch : 0;
    if (options->steps > 0 && of_images > 0)
        return options->steps < of_images ? options->steps : of_images;
    return options->steps > 0 ? options->steps : of_images;
}

/* Fixes the total of a budget in minutes once enough steps are measured. */
static void estimate_total(duet_trainer *trainer, int64_t first_step) {
    const double budget = 60.0 * trainer->options.minutes, spent = duet_trainer_seconds(trainer);
    if (trainer->total > 0 || budget <= 0.0) return;
    if (trainer->measure_step < 0) {
        if (trainer->steps - first_step < MEASURE_SKIP) return;
        trainer->measure_step = trainer->steps;
        trainer->measure_seconds = spent;
        return;
    }
    const double wanted =
        MEASURE_PART * budget < MEASURE_SECONDS ? MEASURE_PART * budget : MEASURE_SECONDS;
    const double measured = spent - trainer->measure_seconds;
    const int64_t steps = trainer->steps - trainer->measure_step;
    if (measured < wanted || steps < MEASURE_STEPS || measured <= 0.0) return;
    const double more = (budget - spent) * MEASURE_MARGIN * (double)steps / measured;
    const int64_t total = trainer->steps + (more > 1.0 ? (int64_t)more : 1),
                  exact = duet_budget_steps(&trainer->options);
    trainer->total = exact > 0 && exact < total ? exact : total;
    duet_log(trainer->ctx, DUET_LOG_DEBUG, "%g minutes are about %lld steps",
             trainer->options.minutes, (long long)trainer->total);
}

static bool finished(const duet_trainer *trainer) {
    const double budget = 60.0 * trainer->options.minutes;
    if (budget > 0.0 && duet_trainer_seconds(trainer) >= budget) return true;
    const int64_t exact = duet_budget_steps(&trainer->options);
    return (trainer->total > 0 && trainer->steps >= trainer->total) ||
           (exact > 0 && trainer->steps >= exact);
}

/* ---- one step ---- */

/* Names the first tensor that holds a NaN or an infinity. */
static duet_status fail_diverged(const duet_trainer *trainer, int program) {
    static const char advice[] = "the last checkpoint is kept; lower 'rate' of the optimiser or "
                                 "raise 'warmup' of the learning rate";
    bool gradient = false;
    DUET_TRY(duet_slots_pull(trainer->slots));
    const char *const name = duet_program_first_bad(trainer->programs[program].program, &gradient);
    if (name == NULL)
        return duet_fail(DUET_NUMERIC, "training diverged at step %lld: the loss is not finite; %s",
                         (long long)trainer->steps, advice);
    return duet_fail(DUET_NUMERIC, "training diverged at step %lld: the %s '%s' %s not finite; %s",
                     (long long)trainer->steps, gradient ? "gradient of" : "weights", name,
                     gradient ? "is" : "are", advice);
}

/* Part `part` of a batch: its rows with their positions, so that they draw the same random numbers
 * as in the whole batch. */
static duet_batch part_of(const duet_trainer *trainer, const duet_batch *batch, int64_t part) {
    const duet_arch_shape *shape = &trainer->model->shape;
    const int64_t rows = trainer->setup.batch, first = part * rows;
    return (duet_batch){.count = rows,
                        .pixels =
                            batch->pixels + first * shape->size * shape->size * shape->in_channels,
                        .labels = batch->labels + first,
                        .index = batch->index + first,
                        .position = batch->position + first,
                        .views = batch->views,
                        .view_size = batch->view_size};
}

/* What was done to the images of the rows, where the network is told: a function of seed and
 * position, as the loader's. Zeros where nothing is done. */
static void tell_augment(const duet_trainer *trainer, duet_session *session,
                         const duet_batch *rows) {
    const int64_t width = trainer->model->shape.augment_dim;
    if (width == 0 || !duet_session_has_input(session, "augment")) return;
    float *const out = duet_session_input(session, "augment");
    memset(out, 0, (size_t)(rows->count * width) * sizeof *out);
    for (int64_t r = 0; r < rows->count; r++)
        duet_augment_chain_tell(&trainer->augment, trainer->options.seed,
                                (uint64_t)(rows->position + r), trainer->model->shape.size,
                                out + r * width);
}

/* Part `part` of run number `run` of a program; the last part changes the weights. */
static duet_status run_part(duet_trainer *trainer, int program, int run, const duet_batch *batch,
                            int64_t part, float *loss) {
    const duet_task *task = trainer->task;
    const duet_batch rows = part_of(trainer, batch, part);
    duet_program *const to = trainer->programs[program].program;
    duet_task_feed feed = {.batch = &rows,
                           .run = run,
                           .scratch = trainer->scratch,
                           .session = duet_program_session(to),
                           .column = trainer->row_column,
                           .extra = trainer->programs[program].extra,
                           .row_loss = trainer->row_loss};
    const double factor =
        trainer->lr->factor(&trainer->lr_choice.options, trainer->steps, trainer->total);
    double factors[DUET_PROGRAM_GROUPS];
    for (int g = 0; g < trainer->groups.count; g++) factors[g] = factor * trainer->groups.scale[g];
    for (int64_t r = 0; r < rows.count; r++) trainer->row_column[r] = -1;
    DUET_TRY(task->feed(&trainer->task_choice.options, &trainer->setup, program, &feed));
    tell_augment(trainer, feed.session, &rows);
    DUET_TRY(duet_program_run(to, part, factors,
                              trainer->steps * duet_task_runs(task, program) + run + 1));
    DUET_TRY(duet_session_get(feed.session, 0, -1, loss));
    DUET_TRY(duet_curve_add_run(trainer, program));
    if (task->after == NULL) return DUET_OK;
    return task->after(&trainer->task_choice.options, &trainer->setup, program, &feed);
}

/* All parts of a run; *loss: their mean. */
static duet_status run_program(duet_trainer *trainer, int program, int run, const duet_batch *batch,
                               float *loss) {
    const int64_t parts = trainer->options.accumulate;
    double total = 0.0;
    duet_session_seed(duet_program_session(trainer->programs[program].program),
                      trainer->options.seed + (uint64_t)run, (uint64_t)trainer->steps);
    for (int64_t part = 0; part < parts; part++) {
        float one = 0.0F;
        DUET_TRY(run_part(trainer, program, run, batch, part, &one));
        total += (double)one;
    }
    *loss = (float)(total / (double)parts);
    if (!duet_program_ok(trainer->programs[program].program))
        return fail_diverged(trainer, program);
    duet_trainer_touch(trainer);
    return DUET_OK;
}

duet_status duet_trainer_step(duet_trainer *trainer) {
    duet_batch batch = {0};
    float loss = 0.0F, first = 0.0F;
    DUET_TRY(duet_loader_next(trainer->loader, &batch));
    if (batch.count != trainer->options.batch) {
        return duet_fail(DUET_SHAPE, "the batch has %lld rows, but %lld were requested",
                         (long long)batch.count, (long long)trainer->options.batch);
    }
    DUET_TRY(duet_grow(&trainer->losses, &trainer->loss_capacity, trainer->steps + 1,
                       sizeof *trainer->losses));
    for (int p = 0; p < trainer->task->program_count; p++) {
        for (int run = 0; run < duet_task_runs(trainer->task, p); run++)
            DUET_TRY(run_program(trainer, p, run, &batch, &loss));
        if (p == 0) first = loss;
    }
    trainer->losses[trainer->steps++] = first;
    duet_curve_add_step(trainer, (double)first);
    return DUET_OK;
}

/* ---- around the steps ---- */

static void report(const duet_trainer *trainer) {
    const double batch = (double)trainer->options.batch, done = (double)trainer->steps * batch;
    const double spent = duet_trainer_seconds(trainer), budget = 60.0 * trainer->options.minutes;
    double total = (double)trainer->total * batch;
    if (trainer->total == 0 && budget > 0.0 && spent > 0.1 * MEASURE_SECONDS)
        total = done * budget / spent;
    char detail[64];
    duet_format(detail, sizeof detail, "loss %.4f", duet_trainer_final_loss(trainer));
    duet_progress_report(trainer->ctx, "training", "images", done, total, detail);
}

static duet_status save(duet_trainer *trainer) {
    DUET_TRY(duet_snapshots_save(trainer));
    DUET_TRY(duet_checkpoint_save(trainer));
    return duet_run_file_write(trainer, "running");
}

static duet_status open_loader(duet_trainer *trainer) {
    const duet_train_options *o = &trainer->options;
    duet_loader_options options = {.preprocess = duet_model_card(trainer->ema)->preprocess,
                                   .batch = o->batch,
                                   .shuffle = true,
                                   .seed = o->seed,
                                   .start = trainer->steps * o->batch,
                                   .workers = 1,
                                   .views = trainer->task->views};
    snprintf(options.augment, sizeof options.augment, "%s", o->augment);
    snprintf(options.on_bad, sizeof options.on_bad, "%s", o->on_bad);
    return duet_loader_open(trainer->ctx, &trainer->loader, trainer->dataset, &trainer->view,
                            &options);
}

/* After a measurement: a checkpoint where all is well, the end where it is not. */
static duet_status keep_or_stop(duet_trainer *trainer) {
    const duet_train_meter *const meter = trainer->options.meter;
    if (trainer->metered != trainer->steps || trainer->saved == trainer->steps) return DUET_OK;
    if (meter->stops == NULL || !meter->stops(meter->user)) return save(trainer);
    trainer->stopped = trainer->steps * trainer->options.batch;
    return DUET_OK;
}

/* The state of the last checkpoint; where there is none yet, what there is is saved. */
static duet_status go_back(duet_trainer *trainer) {
    bool found = false;
    const double seconds = duet_trainer_seconds(trainer);
    DUET_TRY(duet_checkpoint_any(trainer->run, &found));
    if (!found) return save(trainer);
    DUET_TRY(duet_checkpoint_load(trainer, &found));
    duet_trainer_touch(trainer);
    trainer->seconds = seconds;
    trainer->started = 0.0;
    return DUET_OK;
}

duet_status duet_trainer_loop(duet_trainer *trainer) {
    const int64_t first_step = trainer->steps;
    const bool stops = strcmp(trainer->options.stop, "auto") == 0;
    double reported = 0.0;
    DUET_TRY(open_loader(trainer));
    DUET_TRY(duet_curve_begin(trainer));
    trainer->started = duet_clock();
    trainer->saved_at = trainer->started;
    duet_metering_begin(trainer);
    while (!finished(trainer)) {
        if (duet_cancelled(trainer->ctx)) {
            trainer->interrupted = true;
            break;
        }
        DUET_TRY(duet_trainer_step(trainer));
        DUET_TRY(duet_snapshots_step(trainer));
        const double now = duet_clock();
        estimate_total(trainer, first_step);
        if (now - trainer->curve.begun >= LINE_SECONDS) DUET_TRY(duet_curve_flush(trainer));
        if (now - reported >= REPORT_SECONDS) {
            report(trainer);
            reported = now;
        }
        if (!stops && trainer->options.save_minutes > 0.0 &&
            now - trainer->saved_at >= 60.0 * trainer->options.save_minutes) {
            DUET_TRY(save(trainer));
        }
        duet_metering_run(trainer, false);
        if (stops) DUET_TRY(keep_or_stop(trainer));
        if (trainer->stopped > 0) break;
    }
    if (!trainer->interrupted && trainer->stopped == 0) duet_metering_run(trainer, true);
    if (stops && !trainer->interrupted && trainer->stopped == 0) DUET_TRY(keep_or_stop(trainer));
    DUET_TRY(duet_curve_flush(trainer));
    report(trainer);
    if (trainer->stopped > 0) return go_back(trainer);
    return trainer->saved == trainer->steps ? DUET_OK : save(trainer);
}
