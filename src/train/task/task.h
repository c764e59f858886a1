/* SPDX-License-Identifier: MIT
 * train/task/task.h: a task is a training objective: the graph of its loss, and how a batch becomes
 * the inputs of the graph. All random numbers are drawn from (seed, position of the row), so that a
 * resumed run gets the same ones as an uninterrupted run. */
#ifndef DUET_TRAIN_TASK_TASK_H
#define DUET_TRAIN_TASK_TASK_H

#include <duet/data.h>

#include "diffusion/denoiser.h"

typedef struct duet_task_setup {
    const duet_model *model;
    const duet_noise *noise;
    const duet_predict *predict;
    const void *predict_options;
    int64_t batch;
    uint64_t seed;
    int threads;
} duet_task_setup;

typedef struct duet_task {
    duet_entry info;
    /* loss[1] and per_sample[B] */
    duet_status (*build)(const void *options, const duet_task_setup *setup, duet_graph *graph,
                         duet_value *loss, duet_value *per_sample);
    int64_t (*room)(const duet_task_setup *setup); /* floats of scratch memory that feed needs */
    /* Sets the session's inputs from a full batch; t[B] = the level of each row. */
    duet_status (*feed)(const void *options, const duet_task_setup *setup, const duet_batch *batch,
                        float *scratch, duet_session *session, int64_t *t);
} duet_task;
DUET_FAMILY_OF(task, duet_task);

#endif
