/* SPDX-License-Identifier: MIT
 * engine/graph/graph.h: the builder. A graph is a list of nodes in an order in which they can run.
 * Values are small integers; the first error sticks with its scope name, later calls are no-ops,
 * and the caller checks once. */
#ifndef DUET_ENGINE_GRAPH_H
#define DUET_ENGINE_GRAPH_H

#include "base/mem.h"
#include "engine/graph/update.h"
#include "engine/op/op.h"
#include "engine/op/ops.h"

/* Of a tensor. Graphs ask for the first four; the others accompany them (slots.h). */
typedef enum duet_role {
    DUET_WEIGHT,    /* trained */
    DUET_STATE,     /* written by the graph: vectors of spectral norms; its average is a copy */
    DUET_STATISTIC, /* a state that is an average of the data (of batch norm); its average follows
                       as that of the weights it belongs to */
    DUET_CONSTANT,  /* read only */
    DUET_MOMENT,    /* of an optimiser */
    DUET_AVERAGE,   /* over training (EMA) */
    DUET_SCRATCH    /* sums of gradients: never saved, hashed or sent */
} duet_role;

/* Does the average of such a tensor follow it slowly? Else it is a copy. */
static inline bool duet_role_averaged(duet_role role) {
    return role == DUET_WEIGHT || role == DUET_STATISTIC;
}

typedef enum duet_init_kind {
    DUET_INIT_ZERO,
    DUET_INIT_ONE,
    DUET_INIT_UNIFORM,
    DUET_INIT_NORMAL
} duet_init_kind;
typedef struct duet_init {
    duet_init_kind kind;
    double scale; /* bound of uniform, standard deviation of normal */
    /* the same for an untrained but everywhere non-zero network (reader `random`); 0 = as kind
     * says */
    double random_scale;
} duet_init;

typedef struct duet_param_value { /* a named tensor of the model */
    const char *part;             /* of the graph that asked for it, "" = the first */
    const char *name;             /* within its part */
    duet_role role;
    duet_init init;
    duet_value value;
    bool unit; /* after each step of training its rows have root mean square 1 */
} duet_param_value;

typedef enum duet_value_kind {
    DUET_VALUE_INPUT,
    DUET_VALUE_PARAM,
    DUET_VALUE_NODE
} duet_value_kind;
typedef struct duet_value_info {
    duet_value_kind kind;
    duet_arg arg;
    const char *name; /* of inputs and parameters */
    int32_t source;   /* node, or index of the parameter or input */
    int32_t port;     /* output of the node */
} duet_value_info;

typedef struct duet_node {
    const duet_op *op;
    void *attr;
    const char *scope;
    duet_value in[DUET_MAX_INPUTS];
    duet_value out[DUET_MAX_OUTPUTS];
    bool dead;     /* removed by a pass */
    bool gradient; /* made by duet_grad */
} duet_node;

/* Called for every tap the model passes, in order: may record the value, replace it, add to it. */
typedef struct duet_tap_info {
    int block;        /* b = 1..n as in the literature */
    const char *name; /* "middle_block" */
    const char *part; /* of the graph */
    int pass;         /* of that part's network: 0, 1, … */
} duet_tap_info;
typedef duet_value (*duet_tap_hook)(duet_graph *graph, const duet_tap_info *tap, duet_value x,
                                    void *user);

struct duet_graph {
    duet_arena *arena;
    duet_status status;
    char message[512];
    duet_value_info *values;
    int64_t value_count, value_capacity;
    duet_node *nodes;
    int64_t node_count, node_capacity;
    duet_param_value *params;
    int64_t param_count, param_capacity;
    duet_value *inputs;
    int64_t input_count, input_capacity;
    struct duet_assignment {
        int32_t param;
        duet_value value;
    } * assigns;
    int64_t assign_count, assign_capacity;
    duet_tail tail; /* updates: what ends a training step */
    char scope[256];
    const char *part; /* of the parameters asked for now */
    int pass;         /* of the network built now: 0, 1, … */
    size_t local;     /* where the names of its parameters begin in the scope */
    duet_value *taps; /* the values that went through duet_tap */
    int64_t tap_count, tap_capacity;
    bool differentiating; /* nodes that are added belong to a gradient */
    bool bf16;            /* the precision is that (pass bf16) */
    duet_tap_hook tap_hook;
    void *tap_user;
};

DUET_NODISCARD duet_status duet_graph_new(duet_graph **out);
void duet_graph_free(duet_graph *graph);
/* The sticky status; sets the thread's message to the recorded one. */
DUET_NODISCARD duet_status duet_graph_status(const duet_graph *graph);
void duet_graph_fail(duet_graph *graph, duet_status status, const char *format, ...)
    DUET_PRINTF(3, 4);

/* Named scopes join with '.'; push returns the length to give to pop. */
size_t duet_scope_push(duet_graph *graph, const char *format, ...) DUET_PRINTF(2, 3);
void duet_scope_pop(duet_graph *graph, size_t mark);

/* A network in a graph of several: its parameters are those of part `part` ("" = the first, as
 * without a call), with names that begin here. Scopes of nodes, which name random streams, begin
 * with the part where it is not the first and with "#k" in pass k >= 1, so that two passes of one
 * network draw different dropout masks. Pop with what push gave. */
typedef struct duet_part_mark {
    const char *part;
    int pass;
    size_t local, scope;
} duet_part_mark;
duet_part_mark duet_part_push(duet_graph *graph, const char *part, int pass);
void duet_part_pop(duet_graph *graph, duet_part_mark mark);

/* Asking twice for a name gives the same value (shapes must agree). Names of inputs: x, net_t, y,
 * low_res, self_cond, sample_id, … */
duet_value duet_input(duet_graph *graph, const char *name, duet_dtype dtype, int rank,
                      const int64_t *dims);
/* `name` is appended to the scope, of which what duet_part_push added does not count. */
duet_value duet_parameter(duet_graph *graph, const char *name, duet_role role, duet_init init,
                          int rank, const int64_t *dims);
/* Where the parameter is trained, each of its rows (first axis) is scaled to root mean square 1
 * after each step. */
void duet_keep_unit(duet_graph *graph, duet_value parameter);
/* A model passes its block outputs through here: b = 1..n. */
duet_value duet_tap(duet_graph *graph, int block, const char *name, duet_value x);
void duet_graph_set_tap_hook(duet_graph *graph, duet_tap_hook hook, void *user);
/* After a run `value` is copied into the state parameter `state` (what duet_parameter gave). Runs
 * once, at plan end, never in a recompute. From here on, asking for the parameter gives `value`, so
 * that assignments of later passes of the network build on it; the last one is written. */
void duet_assign(duet_graph *graph, duet_value state, duet_value value);

duet_value duet_graph_input(const duet_graph *graph,
                            const char *name); /* DUET_NONE where there is none */
const duet_arg *duet_value_arg(const duet_graph *graph,
                               duet_value value); /* a rank-0 f32 for DUET_NONE */
int64_t duet_dim(const duet_graph *graph, duet_value value,
                 int axis); /* negative axes count from the end; 0 on failure */

/* Adds a node. in: op->inputs values; out: op->outputs values are written (DUET_NONE after a
 * failure). Attributes are copied. Ops' builder functions call this. */
void duet_graph_add(duet_graph *graph, const duet_op *op, const void *attr, const duet_value *in,
                    duet_value *out);
/* The call (shapes, presence) of a node. `used_outputs`: bit k = output k is wanted. */
void duet_graph_call(const duet_graph *graph, const duet_node *node, uint32_t used_outputs,
                     duet_call *out);

/* Reverse mode: out[i] = d loss / d wrt[i] (DUET_NONE where loss does not depend on it). loss has
 * one element. */
DUET_NODISCARD duet_status duet_grad(duet_graph *graph, duet_value loss, const duet_value *wrt,
                                     int64_t count, duet_value *out);

/* Graph passes, the family `pass`: the file says what it rewrites. Order: fuse → gradient
 * (duet_grad) → prune → recompute → bf16 → plan. */
typedef struct duet_pass {
    duet_entry info;
    duet_status (*run)(duet_graph *graph, const duet_value *keep, int64_t keep_count);
} duet_pass;
DUET_NODISCARD duet_status duet_pass_run(duet_graph *graph, const char *name,
                                         const duet_value *keep, int64_t keep_count);
DUET_FAMILY_OF(pass, duet_pass);

#endif
