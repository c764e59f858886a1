/* SPDX-License-Identifier: MIT
 * duet/train.h: the parameter table and the course of a run: open or resume, pictures, loop,
 * pictures, status. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "train/trainer.h"

#define DEFAULT_MINUTES 20.0

/* The fields on_bad and recompute are shorter than those of a text parameter; all of their choices
 * fit. */
static const duet_param rows[] = {
    DUET_TEXT(duet_train_options, arch, "", NULL,
              "architecture; empty = a small U-Net for the size of the images; +key=value: that of "
              "the model trained on with another option"),
    DUET_TEXT(duet_train_options, noise, "", NULL,
              "noise schedule; empty = linear, or that of the model trained on"),
    DUET_TEXT(duet_train_options, predict, "", NULL,
              "what the network's output means; empty = eps, or as the model trained on"),
    DUET_TEXT(duet_train_options, task, "denoise", NULL, "what is trained"),
    DUET_TEXT(duet_train_options, optim, "", NULL,
              "optimiser; empty = the usual one of the task (muon to denoise)"),
    DUET_TEXT(duet_train_options, lr, "cosine", NULL, "learning rate over the whole budget"),
    DUET_TEXT(duet_train_options, augment, "", NULL,
              "changes to training images, joined by '+': flip+crop:pad=2"),
    DUET_INT(duet_train_options, size, "0", 0, 1024,
             "side of the images; 0 = the data set's, at most 64"),
    DUET_FLOAT(duet_train_options, minutes, "0", 0, 1e7,
               "budget in minutes; the first budget reached ends the run"),
    DUET_INT(duet_train_options, images, "0", 0, 1e15, "budget in images"),
    DUET_INT(duet_train_options, steps, "0", 0, 1e12, "budget in steps"),
    DUET_INT(duet_train_options, batch, "32", 1, 65536, "images per step"),
    DUET_INT(duet_train_options, accumulate, "1", 1, 65536,
             "parts of a batch, one after the other, whose gradients add up: less memory"),
    DUET_TEXT(duet_train_options, recompute, "off", "off|blocks",
              "blocks: what is inside a block is computed again: less memory, slower"),
    DUET_TEXT(
        duet_train_options, ema, "0.999", NULL,
        "averages of the weights, joined by '+': a decay per step, or power:std=0.1; the first "
        "is the model"),
    DUET_FLOAT(duet_train_options, clip, "1", 0, 1e30, "largest norm of the gradient; 0 = any"),
    DUET_FLOAT(duet_train_options, save_minutes, "5", 0, 1e7,
               "minutes between checkpoints; 0 = only at the end"),
    DUET_FLOAT(duet_train_options, meter_minutes, "3", 0, 1e7,
               "minutes between measurements while training, at most 3 % of the time; 0 = none"),
    DUET_TEXT(
        duet_train_options, stop, "no", "no|auto",
        "auto: ends where drawn images are copies of training images, and keeps the model from "
        "before"),
    DUET_TEXT(duet_train_options, judge, "", NULL,
              "model on whose features drawn images are compared with real ones while training"),
    DUET_TEXT(duet_train_options, precision, "f32", "f32|bf16",
              "of activations and their gradients; weights, statistics and sums stay f32"),
    DUET_SEED(duet_train_options, seed, "0", "seed of weights, order and noise"),
    DUET_TEXT(duet_train_options, on_bad, "stop", "stop|skip",
              "images that cannot be read: stop at the first, or leave them out and say so"),
    DUET_INT(duet_train_options, hold_out, "0", 0, 1e9,
             "training images that are never trained on, to measure with; 0 = none"),
    DUET_TEXT(duet_train_options, labels, "", NULL,
              "training images with their labels, drawn by class, where a task learns from them: a "
              "share, 10%, or a number; the others are left out"),
    DUET_INT(duet_train_options, shots, "0", 0, 1e9, "the same: images of each class; 0 = all"),
    DUET_TEXT(duet_train_options, label_list, "", NULL,
              "the same: a file that names them, one per line, with or without folder and ending"),
    DUET_TEXT(duet_train_options, groups, "", NULL,
              "weights with an optimiser of their own, joined by '+': out.*=adamw:rate=1e-4"),
    DUET_FLOAT(
        duet_train_options, layer_decay, "1", 1e-3, 1,
        "the rate falls by this factor from each block to the one before it; 1 = it does not"),
    DUET_TEXT(
        duet_train_options, freeze, "", NULL,
        "weights that stay as they are, joined by '+': input_blocks.*+time_embed.*; init: those of "
        "the model trained on"),
};

const duet_param_table duet_train_params = DUET_TABLE(rows, duet_train_options);

static duet_status check_options(duet_train_options *o) {
    if (o->batch < 1)
        return duet_fail(DUET_ARG, "batch size %lld is not possible", (long long)o->batch);
    if (o->accumulate < 1) o->accumulate = 1;
    if (o->batch % o->accumulate != 0) {
        return duet_fail(DUET_ARG,
                         "a batch of %lld images cannot be divided into %lld equal parts; choose a "
                         "divisor for 'accumulate'",
                         (long long)o->batch, (long long)o->accumulate);
    }
    if (o->recompute[0] == '\0') duet_copy_text(o->recompute, sizeof o->recompute, "off");
    if (o->minutes < 0.0 || o->images < 0 || o->steps < 0)
        return duet_fail(DUET_ARG, "a budget cannot be negative");
    if (o->minutes <= 0.0 && o->images == 0 && o->steps == 0) o->minutes = DEFAULT_MINUTES;
    if (strcmp(o->stop, "auto") == 0 && (o->meter == NULL || o->meter_minutes <= 0.0))
        return duet_fail(DUET_ARG, "stopping by itself needs measurements; give meter_minutes");
    if (o->on_bad[0] == '\0') duet_copy_text(o->on_bad, sizeof o->on_bad, "stop");
    if (o->ema[0] == '\0') duet_copy_text(o->ema, sizeof o->ema, "0.999");
    return DUET_OK;
}

static duet_status check_folder(const char *run, bool resume) {
    bool found = false;
    if (!duet_path_is_folder(run))
        return duet_fail(DUET_NOT_FOUND, "the run folder '%s' does not exist", run);
    DUET_TRY(duet_checkpoint_any(run, &found));
    if (found && !resume)
        return duet_fail(DUET_ARG,
                         "'%s' holds a training already; resume it, or choose another folder", run);
    return DUET_OK;
}

/* A run keeps its kernels, whatever table the caller has now: others would change the last bits. */
static duet_status load_tuning(duet_trainer *trainer, duet_tuning **own) {
    char path[DUET_PATH_SIZE];
    uint64_t hash = 0;
    trainer->tuning = NULL;
    DUET_TRY(duet_run_file_tuning(trainer->run, &hash));
    if (hash == 0) return DUET_OK;
    DUET_TRY(duet_path_join(path, trainer->run, DUET_RUN_TUNING));
    const duet_status status = duet_tuning_load(trainer->ctx, own, path);
    if (status == DUET_NOT_FOUND) {
        return duet_fail(status,
                         "'%s' is missing: it names the kernels of this run, and others give other "
                         "bits; put it back, or remove "
                         "\"tuning\" from run.json to go on with the usual ones",
                         path);
    }
    if (status == DUET_OK && duet_tuning_hash(*own) != hash) {
        duet_log(
            trainer->ctx, DUET_LOG_WARNING,
            "the kernels of '%s' are not those that the run began with: its last bits will differ",
            path);
    }
    trainer->tuning = *own;
    return status;
}

static duet_status save_tuning(const duet_trainer *trainer) {
    char path[DUET_PATH_SIZE];
    if (duet_plan_tuned(duet_program_plan(duet_trainer_program(trainer))) == 0) return DUET_OK;
    DUET_TRY(duet_path_join(path, trainer->run, DUET_RUN_TUNING));
    return duet_tuning_save(trainer->tuning, path);
}

static duet_status start(duet_trainer *trainer, bool resume) {
    bool found = false;
    DUET_TRY(duet_trainer_open(trainer));
    if (!resume) DUET_TRY(save_tuning(trainer));
    if (resume) DUET_TRY(duet_checkpoint_load(trainer, &found));
    if (resume && !found) {
        duet_log(trainer->ctx, DUET_LOG_WARNING,
                 "'%s' has no checkpoint yet; training starts from the beginning", trainer->run);
    }
    trainer->began = true;
    DUET_TRY(duet_run_file_write(trainer, "running"));
    return duet_picture_real(trainer);
}

/* Programs of a task share the memory of their steps. */
static int64_t memory_of(const duet_trainer *trainer) {
    int64_t own = 0, step = 0;
    for (int64_t k = 0; k < trainer->slots->count; k++)
        own += trainer->slots->list[k].count * (int64_t)sizeof(float);
    for (int p = 0; p < trainer->task->program_count; p++) {
        const int64_t one = duet_plan_memory(duet_program_plan(trainer->programs[p].program));
        step = one > step ? one : step;
    }
    return own + step;
}

static void fill_result(const duet_trainer *trainer, duet_train_result *out) {
    *out = (duet_train_result){
        .images = trainer->steps * trainer->options.batch,
        .steps = trainer->steps,
        .seconds = duet_trainer_seconds(trainer),
        .loss = trainer->steps > 0 ? duet_trainer_final_loss(trainer) : NAN,
        .interrupted = trainer->interrupted,
        .stopped = trainer->stopped,
        .fallbacks = duet_plan_fallbacks(duet_program_plan(duet_trainer_program(trainer))),
        .left_out = trainer->loader != NULL ? duet_loader_skipped(trainer->loader) : 0,
        .memory = memory_of(trainer),
        .top1 = trainer->top1,
        .top1_rows = trainer->top1_rows};
}

static duet_status train(duet_trainer *trainer, bool resume) {
    DUET_TRY(start(trainer, resume));
    DUET_TRY(duet_trainer_loop(trainer));
    trainer->seconds = duet_trainer_seconds(trainer); /* pictures do not count as training time */
    trainer->started = 0.0;
    if (trainer->interrupted) return DUET_OK;
    DUET_TRY(duet_trainer_validate(trainer));
    return duet_picture_result(trainer);
}

/* The failure that ended the run remains the message, whatever happens while the status is
 * written. */
static void note_failure(const duet_trainer *trainer) {
    duet_failure failure;
    if (!trainer->began) return;
    duet_failure_take(&failure);
    if (duet_run_file_write(trainer, "failed") != DUET_OK) {
        duet_log(trainer->ctx, DUET_LOG_WARNING, "%s", duet_error_message());
    }
    duet_failure_put(&failure);
}

duet_status duet_train(duet_context *ctx, duet_train_result *out, const duet_dataset *dataset,
                       const duet_train_options *options, const char *run, bool resume) {
    duet_status status = DUET_OK;
    duet_train_result result = {0};
    duet_tuning *own = NULL;
    duet_trainer trainer = {.ctx = ctx,
                            .dataset = dataset,
                            .run = run,
                            .options = *options,
                            .resumes = resume,
                            .tuning = duet_context_tuning(ctx)};
    DUET_DO(check_options(&trainer.options));
    DUET_DO(check_folder(run, resume));
    duet_run_file_created(trainer.created, run);
    if (resume) DUET_DO(load_tuning(&trainer, &own));
    status = train(&trainer, resume);
    if (status == DUET_CANCELLED) { /* while pictures were made: the checkpoint is written */
        trainer.interrupted = true;
        status = DUET_OK;
    }
    if (status != DUET_OK) {
        note_failure(&trainer);
        goto done;
    }
    DUET_DO(duet_run_file_write(&trainer, trainer.interrupted ? "interrupted" : "done"));
    fill_result(&trainer, &result);
    if (out != NULL) *out = result;
    if (trainer.interrupted) {
        DUET_FAIL(DUET_CANCELLED,
                  "training was interrupted after %lld images; resume the run to go on",
                  (long long)result.images);
    }
done:
    duet_trainer_close(&trainer);
    duet_tuning_free(own);
    return status;
}
