/* SPDX-License-Identifier: MIT
 * head/graph_state.h: the state of a head that is a network. */
#ifndef DUET_HEAD_GRAPH_STATE_H
#define DUET_HEAD_GRAPH_STATE_H

#include "engine/graph/plan.h"

typedef struct duet_graph_state {
    duet_slots *slots; /* the weights; moments too, once it was trained */
    duet_plan *plan;   /* of the forward pass, at a fixed batch */
    duet_session *session;
} duet_graph_state;

#endif
