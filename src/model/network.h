/* SPDX-License-Identifier: MIT
 * model/network.h: a network is a model ready to run forwards at a fixed batch: graph, passes,
 * plan, session, and the places through which values enter and leave. Rows are independent; of a
 * batch that is not full, the rest is to be filled with zeros. */
#ifndef DUET_MODEL_NETWORK_H
#define DUET_MODEL_NETWORK_H

#include "model/model.h"

/* Places of the inputs, to be written in full before each run; NULL where the plan does not read
 * them. S, C: of the model. */
typedef struct duet_network_inputs {
    float *x;           /* [batch,S,S,C] */
    float *net_t;       /* [batch] */
    int32_t *y;         /* [batch] */
    int32_t *sample_id; /* [batch] */
    float *low_res;     /* [batch,S,S,C] */
    float *self_cond;   /* [batch,S,S,C] */
    float *z;           /* [batch,Z] */
} duet_network_inputs;
duet_network_inputs duet_network_inputs_of(duet_session *session);

typedef struct duet_network_spec {
    int64_t batch;
    const duet_ability *part; /* NULL = the first of the model's parts */
    duet_tap_hook tap;        /* sees the taps while the graph is built; NULL = none */
    /* Says what the network gives, once the graph is built, with the raw output at hand; NULL = the
     * raw output. *out stays the caller's. */
    duet_status (*outputs)(duet_graph *graph, duet_value raw, void *user, const duet_value **out,
                           int64_t *count);
    void *user;          /* of both */
    duet_value *gives;   /* [DUET_PART_GIVES] gets all that the part gives; NULL = not wanted */
    bool differentiated; /* `outputs` has fused the graph itself, before it added a gradient */
} duet_network_spec;

typedef struct duet_network duet_network;
/* Nodes that no output needs are not in it. The model must outlive it. */
DUET_NODISCARD duet_status duet_network_open(duet_context *ctx, duet_network **out,
                                             duet_model *model, const duet_network_spec *spec);
void duet_network_close(duet_network *network);

const duet_network_inputs *duet_network_in(const duet_network *network);
/* The place of an input of another name, which a hook has made; NULL where the plan does not read
 * it. */
void *duet_network_input(duet_network *network, const char *name);
/* Labels of the first `rows` rows, each below the model's class count, zeros behind them; nothing
 * where the network takes none. */
DUET_NODISCARD duet_status duet_network_set_labels(duet_network *network, const int32_t *labels,
                                                   int64_t rows);
DUET_NODISCARD duet_status duet_network_run(duet_network *network);
/* Place of output `index`, until the next run or the next writing of an input. */
const float *duet_network_out(const duet_network *network, int64_t index);

const duet_plan *duet_network_plan(const duet_network *network);
/* Runs with a clock around each node: seconds[duet_plan_rows]. */
DUET_NODISCARD duet_status duet_network_profile(duet_network *network, double *seconds);

/* Only the plan, of the raw output: for who measures kernels. */
DUET_NODISCARD duet_status duet_network_compile(duet_context *ctx, duet_plan **out,
                                                const duet_model *model, int64_t batch,
                                                const duet_plan_options *options);

#endif
