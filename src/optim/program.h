/* SPDX-License-Identifier: MIT
 * optim/program.h: a program is a training step, planned once: inputs in, loss and other values
 * out. What it changes are slots: the weights of its groups, and what optimisers keep beside them.
 * A step is one or more runs, whose gradients add up, an update of each group, and the commit of
 * states: a run alone changes no slot, so a step whose loss or norms are not finite can be dropped.
 */
#ifndef DUET_OPTIM_PROGRAM_H
#define DUET_OPTIM_PROGRAM_H

#include "base/choice.h"
#include "engine/graph/plan.h"
#include "optim/optim.h"

/* Weights that are trained in the same way. */
typedef struct duet_group {
    const duet_choice *optim; /* of the family `optim` */
    /* Is this weight of the store one of the group's? A weight belongs to the first group that says
     * so; one of no group stays as it is. */
    bool (*has)(const duet_slots *slots, int64_t slot, const void *user);
    const void *user;
    double clip; /* largest norm of the group's gradient; 0 = any */
} duet_group;

enum { DUET_PROGRAM_GROUPS = 8 }; /* most groups of a program */

typedef struct duet_program_spec {
    duet_value loss;           /* [1] */
    const duet_value *outputs; /* values that are read; their order is that of duet_session_get */
    int64_t output_count;
    const duet_group *groups;
    int group_count;
    bool recompute, bf16; /* passes behind the gradient */
    int64_t parts;        /* runs of a step, whose gradients add up and are divided by it */
    duet_plan_options options;
} duet_program_spec;

typedef struct duet_program duet_program;

/* The slots of the moments that the groups' optimisers keep, without memory; for the parameters of
 * this graph. */
DUET_NODISCARD duet_status duet_program_add_slots(duet_slots *slots, const duet_graph *graph,
                                                  const duet_program_spec *spec);
/* Fuses, differentiates, runs the passes and plans. The slots have memory and outlive it; the graph
 * may be freed afterwards. */
DUET_NODISCARD duet_status duet_program_new(duet_program **out, duet_graph *graph,
                                            duet_slots *slots, const duet_program_spec *spec);
void duet_program_free(duet_program *program);
/* For inputs, outputs and seeds. */
duet_session *duet_program_session(const duet_program *program);
const duet_plan *duet_program_plan(const duet_program *program);

/* Run number `part` of a step: values and gradients. */
DUET_NODISCARD duet_status duet_program_run(duet_program *program, int64_t part);
/* Norm of the gradient of group `group`, over its parts; NaN or infinite where the gradient is. */
double duet_program_norm(duet_program *program, int group);
/* After all parts: clips, and changes the weights of group `group`. norm: of duet_program_norm;
 * factor: of the learning-rate rule; step: 1, 2, … Touches the slots. */
void duet_program_update(duet_program *program, int group, double norm, double factor,
                         int64_t step);
/* After the updates: states (running statistics, vectors of spectral norms) take their values of
 * the last run. */
void duet_program_commit(duet_program *program);
/* The first tensor of the program that is not finite; NULL = none. *gradient: it is its gradient.
 */
const char *duet_program_first_bad(const duet_program *program, bool *gradient);

#endif
