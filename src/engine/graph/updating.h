/* SPDX-License-Identifier: MIT
 * engine/graph/updating.h: the updates of a session: tiles, sums, norms. */
#ifndef DUET_ENGINE_UPDATING_H
#define DUET_ENGINE_UPDATING_H

#include "engine/graph/plan_internal.h"

typedef struct duet_tiles {
    duet_update_tile *list;
    int64_t count, capacity;
    duet_update_tensor *tensors; /* [slots of the update] */
} duet_tiles;

typedef struct duet_updating {
    const duet_plan *plan;
    duet_slots *slots;
    duet_tiles *tiles; /* [updates] */
    double *norms;     /* [updates] */
    double *sums;      /* [most tiles of an update] */
    float *scratch;    /* [most that a rule needs] */
    float *total;      /* sum of the gradients of a step's runs; NULL = a step is one run */
    bool finite, ok;   /* of the losses so far; of the step that ended last */
} duet_updating;

DUET_NODISCARD duet_status duet_updating_open(duet_updating *u, const duet_plan *plan,
                                              duet_slots *slots);
void duet_updating_close(duet_updating *u);
/* Behind a run, with its loss, its gradient block and the content of the input: sums, all-reduce,
 * norms, and, where the step has ended and all is finite, optimisers; u->ok is what became of it.
 */
DUET_NODISCARD duet_status duet_updating_run(duet_updating *u, float loss, float *gradient,
                                             const float *numbers);
/* Where it is ok, and states have their new values: averages. */
void duet_updating_average(duet_updating *u, const float *numbers);

#endif
