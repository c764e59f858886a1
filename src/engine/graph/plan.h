/* SPDX-License-Identifier: MIT
 * engine/graph/plan.h: a plan is a compiled graph (kernel per node, offsets by lifetime, scratch);
 * a session is a plan with its memory. Parameters live in slots shared by sessions. Running
 * allocates nothing. */
#ifndef DUET_ENGINE_PLAN_H
#define DUET_ENGINE_PLAN_H

#include "engine/backend/backend.h"
#include "engine/graph/slots.h"

/* ---- plan ---- */
typedef struct duet_plan_options {
    const char *device;          /* of the family `backend`; NULL = "cpu" */
    const duet_backend *backend; /* that one instead; NULL = the device */
    int threads;
    bool exact;
    const duet_tuning *tuning; /* read while planning; NULL = none */
    duet_bindings bindings;    /* of the parts of the graph; read while planning */
    const duet_comm *comm;     /* ranks that train together; NULL = this one alone */
} duet_plan_options;

typedef struct duet_plan_grad { /* gradient `value` of the parameter slot `slot` */
    duet_value value;
    int64_t slot;
} duet_plan_grad;

typedef struct duet_plan duet_plan;
/* outputs: values that duet_session_get reads. grads (may be NULL): land in one block, ordered by
 * when they become final. Nodes that nothing of this needs are not run, and their parameters not
 * read. The graph may be freed afterwards. */
DUET_NODISCARD duet_status duet_plan_new(duet_plan **out, const duet_graph *graph,
                                         const duet_slots *slots, const duet_value *outputs,
                                         int64_t output_count, const duet_plan_grad *grads,
                                         int64_t grad_count, const duet_plan_options *options);
void duet_plan_free(duet_plan *plan);

/* Threads, exactness and table of kernels as the context has them; the backend is "cpu". */
duet_plan_options duet_plan_options_of(const duet_context *ctx);
/* The passes of a forward pass: fuse, and bf16 where the context's precision is that. */
DUET_NODISCARD duet_status duet_forward_passes(duet_context *ctx, duet_graph *graph,
                                               const duet_value *outputs, int64_t count);

typedef struct duet_plan_row { /* one node, for `info --plan` and `bench` */
    const char *op, *scope, *kernel, *impl;
    duet_shape out;
    double flops;
    int64_t bytes; /* read + written */
    bool fallback; /* the reference runs although the backend is not "ref" */
    bool tuned;    /* the kernel is one that the tuning table names */
} duet_plan_row;
int64_t duet_plan_rows(const duet_plan *plan);
void duet_plan_row_at(const duet_plan *plan, int64_t index, duet_plan_row *out);
/* bytes of a session: activations, scratch, kept */
int64_t duet_plan_memory(const duet_plan *plan);
int64_t duet_plan_slab(const duet_plan *plan); /* of these: activations */
int64_t duet_plan_scratch(const duet_plan *plan);
int64_t duet_plan_kept(const duet_plan *plan); /* between runs: packed weights */
int64_t duet_plan_fallbacks(const duet_plan *plan);
int64_t duet_plan_tuned(const duet_plan *plan); /* nodes whose kernel the tuning table names */
/* Where the gradient of a slot stands in the gradient block, -1 = none. */
int64_t duet_plan_grad_offset(const duet_plan *plan, int64_t slot);
int64_t duet_plan_grad_size(const duet_plan *plan); /* floats */

/* ---- session ---- */
typedef struct duet_session duet_session;
DUET_NODISCARD duet_status duet_session_new(duet_session **out, const duet_plan *plan,
                                            duet_slots *slots);
void duet_session_free(duet_session *session);
/* Sessions that train and run one after the other share the memory of their activations: inputs
 * and outputs of one are lost when another is fed. */
DUET_NODISCARD duet_status duet_session_share(duet_session *const *list, int count);
/* Copies a whole input (dtype and size as declared). DUET_NOT_FOUND when the plan does not read it.
 */
DUET_NODISCARD duet_status duet_session_set(duet_session *session, const char *input,
                                            const void *data);
bool duet_session_has_input(const duet_session *session, const char *input);
/* The place of an input in the session, to be written in full before each run: a run may use it for
 * other values. NULL when the plan does not read it. */
void *duet_session_input(const duet_session *session, const char *input);
void duet_session_seed(duet_session *session, uint64_t seed, uint64_t step);
DUET_NODISCARD duet_status duet_session_run(duet_session *session);
/* Of a graph with updates, after a run that ended a step: were the losses and norms finite, so that
 * slots have changed? */
bool duet_session_ok(const duet_session *session);
/* Norm of the gradient of update `index`, before clipping. */
double duet_session_norm(const duet_session *session, int64_t index);
/* Copies output `index` (order of duet_plan_new). `rows` < 0: all; else only the first rows of the
 * first axis. */
DUET_NODISCARD duet_status duet_session_get(const duet_session *session, int64_t index,
                                            int64_t rows, void *data);
/* The place of an output, until the next run or the next writing of an input; NULL where a device
 * could not be read. */
const void *duet_session_output(const duet_session *session, int64_t index);
/* The gradient block; of a step in several runs, their sum. Not of backends that compile. */
float *duet_session_gradients(duet_session *session);
/* Runs with a clock around each node, seconds[duet_plan_rows], and around the updates,
 * *updates_seconds, which may be NULL. */
DUET_NODISCARD duet_status duet_session_profile(duet_session *session, double *seconds,
                                                double *updates_seconds);

#endif
