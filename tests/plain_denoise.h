/* SPDX-License-Identifier: MIT
 * The loss of the task `denoise` with its usual options, in a graph of the caller's. */
#ifndef DUET_TESTS_PLAIN_DENOISE_H
#define DUET_TESTS_PLAIN_DENOISE_H

#include "base/choice.h"
#include "base/error.h"
#include "train/task/task.h"

static inline duet_status plain_denoise(const duet_model *model, int64_t batch, duet_graph *graph,
                                        duet_task_values *out) {
    duet_choice choice;
    duet_noise *noise = NULL;
    void *prepared = NULL;
    duet_status status = DUET_OK;
    *out = (duet_task_values){.rows = DUET_NONE};
    DUET_DO(duet_choice_parse(&choice, &duet_family_task, "denoise"));
    const duet_task *const task = duet_task_of(choice.entry);
    DUET_DO(duet_noise_new(&noise, "linear"));
    duet_task_setup setup = {
        .model = model, .noise = noise, .batch = batch, .parts = 1, .threads = 1};
    DUET_DO(duet_alloc(&prepared, 1, task->prepared_size));
    DUET_DO(task->prepare(&choice.options, &setup, prepared));
    setup.prepared = prepared;
    DUET_DO(task->build(&choice.options, &setup, 0, graph, out));
done:
    duet_release(prepared);
    duet_noise_free(noise);
    return status;
}

#endif
