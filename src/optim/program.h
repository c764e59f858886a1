/* SPDX-License-Identifier: MIT
 * optim/program.h: a program is a training step, planned once: inputs in, loss and other values
 * out. What it changes are slots: the weights of its groups, what optimisers keep beside them,
 * states and averages. A step is one or more runs, whose gradients add up; the last one ends with
 * the updates of the graph (engine/graph/update.h), which leave everything as it was where a loss
 * or a norm is not finite.
 */
#ifndef DUET_OPTIM_PROGRAM_H
#define DUET_OPTIM_PROGRAM_H

#include "base/choice.h"
#include "engine/graph/plan.h"
#include "optim/average/average.h"
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

enum { DUET_PROGRAM_GROUPS = 20 }; /* most groups of a program */

typedef struct duet_program_spec {
    duet_value loss;           /* [1] */
    const duet_value *outputs; /* values that are read; their order is that of duet_session_get */
    int64_t output_count;
    const duet_group *groups;
    int group_count;
    const duet_averages *averages; /* of what it changes and has averages; NULL = none follow */
    bool recompute, bf16;          /* passes behind the gradient */
    int64_t parts; /* runs of a step, whose gradients add up and are divided by it */
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

/* Run number `part` of step `step` (1, 2, …); the last of its runs changes the slots. factors: of
 * the learning-rate rule of each group. */
DUET_NODISCARD duet_status duet_program_run(duet_program *program, int64_t part,
                                            const double *factors, int64_t step);
/* The inputs of such a run, for those who run the session themselves. */
void duet_program_prepare(duet_program *program, int64_t part, const double *factors, int64_t step);
/* Were the losses and norms of the step that ended last finite? Otherwise no slot has changed. */
bool duet_program_ok(const duet_program *program);
/* Norm of the gradient of group `group` in that step; NaN or infinite where the gradient is. */
double duet_program_norm(const duet_program *program, int group);
/* The first tensor of the program that is not finite; NULL = none. *gradient: it is its gradient.
 */
const char *duet_program_first_bad(const duet_program *program, bool *gradient);

#endif
