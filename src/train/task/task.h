/* SPDX-License-Identifier: MIT
 * train/task/task.h: a task is a training objective. A step of it runs one or more programs in
 * order (a GAN: discriminator, discriminator, generator), each a graph of its own over the same
 * slots. The task builds their losses, says how a batch becomes their inputs, and which numbers are
 * columns of the curve. All random numbers are drawn from (seed, position of the row), so that a
 * resumed run gets the same ones as an uninterrupted run. */
#ifndef DUET_TRAIN_TASK_TASK_H
#define DUET_TRAIN_TASK_TASK_H

#include <duet/data.h>

#include "diffusion/denoiser.h"
#include "head/head.h"

enum { DUET_TASK_PROGRAMS = 4, DUET_TASK_COLUMNS = 8 }; /* at most */

typedef struct duet_task_setup {
    const duet_model *model;
    const duet_noise *noise;
    const duet_predict *predict; /* NULL where the task does not denoise */
    const void *predict_options;
    int classes; /* of the labels; 0 = there are none */
    int64_t batch;
    int64_t parts; /* of a step, whose gradients add up; batch is that of a part */
    uint64_t seed;
    int threads;
    const void *prepared; /* what the task's `prepare` has made of its options */
    float *kept;          /* [kept] what the task carries from step to step; saved with a state */
} duet_task_setup;

/* What a program computes. A column of the curve is the mean of a scalar over the steps, or of the
 * losses of those rows that feed gave its number. */
typedef struct duet_task_values {
    duet_value loss;                       /* [1] */
    duet_value rows;                       /* [B] losses; DUET_NONE = not told */
    duet_value extra;                      /* what `after` reads; DUET_NONE = nothing */
    duet_value scalars[DUET_TASK_COLUMNS]; /* [1] of column k; DUET_NONE = another makes it */
} duet_task_values;

typedef struct duet_task_program {
    const char *name;   /* "d"; stands in the curve's columns where there are several programs */
    const char *trains; /* weights, joined by '+': "generator.*"; NULL = all */
    int runs;           /* in a step, one after the other; 0 = 1 */
} duet_task_program;

/* A batch on its way into a program. */
typedef struct duet_task_feed {
    const duet_batch *batch;
    int run;        /* of the program in this step: 0, 1, … */
    float *scratch; /* [room] */
    duet_session *session;
    int32_t *column; /* [B] number of the column of each row's loss; -1, as it comes, = none */
    int extra;       /* index of the output `extra` of the session; -1 = none */
    const float *row_loss; /* [B] for `after` */
} duet_task_feed;

typedef struct duet_task {
    duet_entry info;
    duet_ability needs; /* of the model */
    bool labels; /* learns from labels: the data must have some; a network that classifies has
                    as many outputs */
    /* What is usual: of what is trained, NULL = a U-Net for the size of the images; of the
     * optimiser, NULL = muon; of the augmentation, NULL = none. */
    const char *arch, *optim, *augment;
    duet_task_program programs[DUET_TASK_PROGRAMS];
    int program_count;
    int views; /* of each row of a batch, augmented by draws of their own; 0 = 1 */
    const char *columns[DUET_TASK_COLUMNS]; /* behind 'loss'; NULL ends them */
    /* Reads and judges the options once: fills `prepared_size` bytes. NULL = nothing to do. */
    duet_status (*prepare)(const void *options, const duet_task_setup *setup, void *prepared);
    size_t prepared_size;
    void (*describe)(const void *options, duet_card *card); /* says on the card what it did */
    int64_t (*kept)(const void *options, const duet_task_setup *setup); /* floats; NULL = none */
    duet_status (*build)(const void *options, const duet_task_setup *setup, int program,
                         duet_graph *graph, duet_task_values *out);
    /* floats of scratch memory that feed needs; NULL = none */
    int64_t (*room)(const duet_task_setup *setup);
    /* Behind a run, with the losses of the rows that were fed: changes setup->kept. NULL = nothing
     * to do. */
    duet_status (*after)(const void *options, const duet_task_setup *setup, int program,
                         const duet_task_feed *from);
    /* Makes the head that it trains, with the averaged values where there are such, and says whose
     * features it takes; NULL = it trains none. */
    duet_status (*head)(duet_context *ctx, const duet_task_setup *setup, const duet_slots *slots,
                        duet_head **out, duet_settings *settings);
    /* Sets the inputs of program `program` from a full batch. */
    duet_status (*feed)(const void *options, const duet_task_setup *setup, int program,
                        const duet_task_feed *to);
} duet_task;
DUET_FAMILY_OF(task, duet_task);

static inline int duet_task_runs(const duet_task *task, int program) {
    return task->programs[program].runs > 1 ? task->programs[program].runs : 1;
}

#endif
