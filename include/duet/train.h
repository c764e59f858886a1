/* SPDX-License-Identifier: MIT
 * duet/train.h: training, without labels or with them (the task 'classify'). A run is a folder;
 * from its checkpoints it continues bit for bit. */
#ifndef DUET_TRAIN_H
#define DUET_TRAIN_H

#include <duet/data.h>
#include <duet/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a caller measures while a model is trained. */
typedef struct duet_train_moment {
    int64_t images, steps; /* so far */
    double seconds;        /* of training */
} duet_train_moment;
typedef struct duet_train_meter {
    /* Called between two steps with the averaged weights, which it leaves as they are. Its time is
     * not training time. A failure is a warning of the log and nothing more. */
    duet_status (*measure)(void *user, duet_model *model, const duet_train_moment *moment);
    /* After a measurement: whether the training should have ended before it; NULL = never. */
    bool (*stops)(void *user);
    void *user;
} duet_train_meter;

typedef struct duet_train_options {
    /* spec; empty = that of init, else chosen for the data set's size; "+key=value": that of init
     * with other options, which may add weights and leave out none */
    char arch[DUET_SPEC_SIZE];
    char noise[DUET_TEXT_SIZE];   /* spec; empty = that of init, else "linear" */
    char predict[DUET_TEXT_SIZE]; /* spec; empty = that of init, else "eps" */
    char task[DUET_SPEC_SIZE];    /* "denoise" */
    char optim[DUET_SPEC_SIZE];   /* "adamw:rate=0.0015,…"; empty = the usual one of the task */
    char lr[DUET_TEXT_SIZE];      /* "cosine:warmup=200" */
    char augment[DUET_TEXT_SIZE]; /* "" or "flip+crop:pad=2" */
    int64_t size;                 /* image side; 0 = the data set's (at most 64) */
    /* budget: one of minutes, images, steps must be > 0; the first reached ends the run */
    double minutes;
    int64_t images, steps;
    int64_t batch;
    int64_t accumulate; /* gradient accumulation: parts of a batch that are computed one after the
                           other; divides `batch` */
    /* "off", or "blocks": gradient checkpointing, values inside a block are computed again for the
     * gradient */
    char recompute[8];
    /* averages of the weights that follow, joined by '+', at most 4; the first is the model. A
     * number is a decay per step, with the warm-up min(decay, (1+step)/(10+step)); "power:std=0.1"
     * keeps what duet_train_average needs for averages of other lengths */
    char ema[DUET_TEXT_SIZE];
    double clip;         /* global gradient norm; 0 = none */
    double save_minutes; /* between checkpoints */
    uint64_t seed;
    /* "f32", or "bf16": storage of activations and their gradients; all else is f32 */
    char precision[DUET_TEXT_SIZE];
    char on_bad[8];
    /* training images that are never trained on, drawn at random (seed; as many of each class as it
     * has its share): what a training is measured with. 0 = none, then the split 'val' serves where
     * there is one */
    int64_t hold_out;
    /* a budget of labels, as duet_label_budget: "10%" or "500", images of each class, a file of
     * names; drawn by seed. Other training rows are not trained on. Tasks that learn from labels */
    char labels[DUET_TEXT_SIZE];
    int64_t shots;
    char label_list[4096];
    /* minutes of training between two calls of `meter`, more where it takes over 3 % of the time;
     * then also at the end; 0 = never. Training has the same bits with a meter and without. */
    double meter_minutes;
    /* a model whose features the caller's meter compares; only written down */
    char judge[DUET_SPEC_SIZE];
    const duet_train_meter *meter; /* NULL = none */
    /* "no", or "auto": where the meter says so, the training ends, and the model is that of the
     * last measurement before; checkpoints are then written at measurements */
    char stop[8];
    /* names of weights that stay as they are, joined by '+', with '*' for any part of a name:
     * "input_blocks.*+time_embed.*"; "init": those of init */
    char freeze[DUET_TEXT_SIZE];
    /* weights with an optimiser of their own, "PATTERN=SPEC+PATTERN=SPEC"; the first pattern that
     * fits a name counts, all others are trained by `optim`; at most 7 */
    char groups[DUET_SPEC_SIZE];
    /* rates fall by this factor from each block of the network to the one before it; 1 = none do.
     * Behind a pattern of `groups` they do not. */
    double layer_decay;
    /* a model that makes images, to be trained on: its weights, architecture, size of images and,
     * unless other ones are given, noise and predict are those to begin with; NULL = new weights.
     * It must stay open during the call; resuming needs it no more. */
    const duet_model *init;
} duet_train_options;
extern const duet_param_table duet_train_params; /* rows for all of the above but init */

typedef struct duet_train_result {
    int64_t images, steps;
    double seconds, loss; /* mean of the last 5 % */
    bool interrupted;
    int64_t stopped;   /* images at which the meter ended it; 0 = the budget did */
    int64_t fallbacks; /* number of nodes that the reference computes */
    int64_t left_out;  /* images that could not be read in this call (on_bad "skip") */
    int64_t memory;    /* bytes of weights, what goes with them, and of a step */
    /* of a task that learns from labels: accuracy of the averaged weights, in percent, on the
     * images held out or else on the split 'val', and their number; 0 rows = there are none */
    double top1;
    int64_t top1_rows;
} duet_train_result;

/* Which rows a training with these options takes, and which are left to measure it with: those held
 * out or else the split 'val'; `validation` may be empty. With a budget of labels the first are
 * those that it allows. */
DUET_NODISCARD duet_status duet_train_views(duet_view *train, duet_view *validation,
                                            const duet_dataset *dataset,
                                            const duet_train_options *options);
/* Trains in folder `run` (must exist). resume: goes on from its newest state; then `options` may
 * only extend the budget. */
DUET_NODISCARD duet_status duet_train(duet_context *ctx, duet_train_result *out,
                                      const duet_dataset *dataset,
                                      const duet_train_options *options, const char *run,
                                      bool resume);
/* The newest model of a run that was trained with power averages (`ema`), with weights averaged
 * over another length: std, the standard deviation of the weights of the steps in parts of the run,
 * above 0 and at most 0.288. It is the sum of the run's snapshots that is nearest; *error: the
 * distance that is left, relative to what is wanted (0.01 = 1 %). */
DUET_NODISCARD duet_status duet_train_average(duet_context *ctx, duet_model **out, const char *run,
                                              double std, double *error);
/* The options a run was started with (from its run.json). */
DUET_NODISCARD duet_status duet_train_options_load(duet_train_options *out, char data_path[4096],
                                                   const char *run);

#ifdef __cplusplus
}
#endif
#endif
