/* SPDX-License-Identifier: MIT
 * train/trainer.h: the internals of a training. A trainer owns everything a run needs; its parts
 * are in one file each: trainer.c (assembly), begin.c (first weights), groups.c (who is
 * trained by what), loop.c (steps and budget),
 * checkpoint.c, snapshots.c (averages on disk), run_file.c (run.json), curve.c (loss.csv),
 * pictures.c (real.png, denoise.png), validate.c (rows held out, accuracy), metering.c (calls of
 * the meter), preset.c. */
#ifndef DUET_TRAIN_TRAINER_H
#define DUET_TRAIN_TRAINER_H

#include <duet/train.h>
#include <duet/tune.h>

#include "data/augment/augment.h"
#include "optim/average/average.h"
#include "optim/lr/lr.h"
#include "optim/program.h"
#include "train/groups.h"
#include "train/task/task.h"

/* Sums since the last line of loss.csv. */
typedef struct duet_curve {
    double begun; /* clock */
    int64_t steps;
    double loss, grad_norm[DUET_TASK_PROGRAMS];
    double column[DUET_TASK_COLUMNS]; /* and the number of summands */
    int64_t summands[DUET_TASK_COLUMNS];
} duet_curve;

/* A program of the task. */
typedef struct duet_training {
    duet_program *program;
    duet_train_members members[DUET_PROGRAM_GROUPS];
    /* indices of outputs; -1 = none. The loss is output 0 */
    int rows, extra, scalars[DUET_TASK_COLUMNS];
} duet_training;

typedef struct duet_trainer {
    duet_context *ctx;
    const duet_dataset *dataset;
    const char *run;
    /* the kernels of the run, from its first step to its last; NULL = by rule */
    const duet_tuning *tuning;
    duet_train_options options; /* complete options: arch, size and budget are filled in */
    char created[32];           /* UTC, of run.json */

    duet_choice predict, task_choice, lr_choice;
    duet_train_groups groups;
    duet_averages averages;
    duet_augment_chain augment;
    const duet_task *task; /* NULL = that of the options; one that is no member may stand here */
    const duet_lr *lr;
    duet_noise *noise;
    duet_slots *slots; /* weights, their averages, the optimiser's moments */
    duet_model *model; /* the weights */
    duet_model *ema;   /* their first averages: what is saved as the model */
    duet_task_setup setup;
    duet_view view;       /* training rows */
    duet_view validation; /* rows to measure with, which are not trained on; may be empty */
    double top1;          /* of the trained model on them, percent; what was counted */
    int64_t top1_rows;
    duet_loader *loader;

    duet_training programs[DUET_TASK_PROGRAMS]; /* those of the task */
    float *scratch, *row_loss;                  /* of the task; [rows of a run] */
    void *prepared;                             /* of the task */
    int64_t kept;                               /* floats of setup.kept */
    int32_t *row_column;                        /* [rows of a run] */

    int64_t steps, total;    /* steps done; steps in all, 0 = not known yet */
    double seconds, started; /* seconds spent before this call; clock at the start of training */
    float *losses;           /* [steps] */
    int64_t loss_capacity;
    int64_t saved;        /* steps at the last checkpoint, -1 = none */
    double saved_at;      /* clock */
    int64_t measure_step; /* step from which the speed is measured; -1 = not yet */
    double measure_seconds;
    double metered_at; /* seconds of training at which the meter is due */
    int64_t metered;   /* steps at its last call; -1 = none yet */
    duet_curve curve;
    bool resumes; /* a state will be read */
    bool began;   /* run.json belongs to this call; a refused resume leaves it unchanged */
    bool interrupted;
    int64_t stopped; /* images at which the meter ended the training; 0 = it did not */
} duet_trainer;

/* ---- trainer.c ---- */
/* To be called after weights have changed. */
void duet_trainer_touch(duet_trainer *trainer);
DUET_NODISCARD duet_status duet_trainer_open(duet_trainer *trainer);
void duet_trainer_close(duet_trainer *trainer);
double duet_trainer_seconds(const duet_trainer *trainer);
double duet_trainer_final_loss(const duet_trainer *trainer); /* mean of the last 5 % of the steps */

/* ---- begin.c ---- */
/* What the model that is trained on says, or the usual; then the models, described; then, from the
 * graph of the loss, the slots. */
DUET_NODISCARD duet_status duet_trainer_fill_options(duet_trainer *trainer);
DUET_NODISCARD duet_status duet_trainer_make_models(duet_trainer *trainer);
DUET_NODISCARD duet_status duet_trainer_describe_slots(duet_trainer *trainer,
                                                       duet_graph *const *graphs);
DUET_NODISCARD duet_status duet_trainer_fill_slots(duet_trainer *trainer);
/* The first of the task's programs. */
duet_program *duet_trainer_program(const duet_trainer *trainer);

/* ---- loop.c ---- */
DUET_NODISCARD duet_status duet_trainer_loop(duet_trainer *trainer);
/* Trains on one mini-batch of the open loader: noise, gradients, clipping, optimiser, EMA,
 * curve. */
DUET_NODISCARD duet_status duet_trainer_step(duet_trainer *trainer);
/* Steps that the budget in steps and images allows, 0 = no such budget. */
int64_t duet_budget_steps(const duet_train_options *options);

/* ---- checkpoint.c ---- */
DUET_NODISCARD duet_status duet_checkpoint_save(duet_trainer *trainer);
/* Continues from the newest valid state; *found is false where the folder has none. */
DUET_NODISCARD duet_status duet_checkpoint_load(duet_trainer *trainer, bool *found);
/* Whether there is any state file. */
DUET_NODISCARD duet_status duet_checkpoint_any(const char *run, bool *found);

/* ---- run_file.c ---- */
struct json_t;
struct json_t *duet_settings_json(const duet_train_options *options); /* every parameter as text */
DUET_NODISCARD duet_status duet_run_file_write(const duet_trainer *trainer, const char *run_status);
/* Writes the table of the run's kernels into the run folder, where there is one. */
#define DUET_RUN_TUNING "tuning.json"
/* The hash of the table of the run's kernels in run.json; 0 = no table. */
DUET_NODISCARD duet_status duet_run_file_tuning(const char *run, uint64_t *out);
void duet_run_file_created(char out[32],
                           const char *run); /* of the run.json in the folder, else now */

/* ---- curve.c ---- */
/* Writes the header, or keeps the lines up to and including step `steps`. */
DUET_NODISCARD duet_status duet_curve_begin(duet_trainer *trainer);
/* Behind a run of program `program`: what its rows and scalars add to the columns. */
DUET_NODISCARD duet_status duet_curve_add_run(duet_trainer *trainer, int program);
/* Behind a step. */
void duet_curve_add_step(duet_trainer *trainer, double loss);
DUET_NODISCARD duet_status duet_curve_flush(duet_trainer *trainer);

/* ---- pictures.c ---- */
extern const int64_t duet_denoise_t[6];
int duet_denoise_t_count(const duet_noise *noise); /* levels within the schedule */
DUET_NODISCARD duet_status duet_picture_real(duet_trainer *trainer);
/* What the trained model does with some images. */
DUET_NODISCARD duet_status duet_picture_result(duet_trainer *trainer);

/* ---- validate.c ---- */
/* Which rows are trained on, and which measure it. */
DUET_NODISCARD duet_status duet_trainer_choose_rows(duet_trainer *trainer);
/* The accuracy of a trained classifier, where there are rows for it. */
DUET_NODISCARD duet_status duet_trainer_validate(duet_trainer *trainer);

/* ---- trained_head.c ---- */
/* The head that the task trains, as it is now, and its card. */
DUET_NODISCARD duet_status duet_trainer_head(const duet_trainer *trainer, duet_head **out,
                                             duet_head_card *card);
/* RUN/head.safetensors, where the task trains one. */
DUET_NODISCARD duet_status duet_trainer_save_head(const duet_trainer *trainer);

/* ---- metering.c ---- */
/* Seconds of training from one call to the next; cost: seconds of a call. */
double duet_metering_interval(const duet_train_options *options, double cost);
void duet_metering_begin(duet_trainer *trainer);
/* Calls the meter where it is due, or at the `end`; never fails. */
void duet_metering_run(duet_trainer *trainer, bool end);

/* ---- preset.c ---- */
/* The side to which the images of this data set are scaled: their smaller side, rounded to a
 * multiple of 4, at most 64. */
int64_t duet_preset_size(const duet_dataset_info *info);
/* The default architecture for images of this size, as a spec of the family `arch`. */
void duet_preset_arch(char out[DUET_SPEC_SIZE], int64_t size, int channels);

#endif
