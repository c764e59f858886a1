/* SPDX-License-Identifier: MIT
 * engine/graph/tuner.h: measures the kernels that could compute the nodes of a plan. */
#ifndef DUET_ENGINE_TUNER_H
#define DUET_ENGINE_TUNER_H

#include "engine/backend/tuning.h"
#include "engine/graph/plan.h"

typedef struct duet_tuner {
    duet_context *ctx;
    const char *task; /* of the progress: cases done, of those of the plan */
    double seconds;   /* of one case, about; 0: each kernel runs once behind its first time */
    /* A case that has a choice: its row, nodes alike, kernels that can. */
    void (*row)(const duet_call *call, const duet_tuning_row *row, int64_t count, int candidates,
                void *user);
    void *user;
} duet_tuner;

/* Adds the cases of the plan to the table; those that it holds are not measured again, but
 * reported. */
DUET_NODISCARD duet_status duet_tune_plan(const duet_tuner *tuner, const duet_plan *plan,
                                          duet_tuning *table);

#endif
