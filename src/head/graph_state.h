/* SPDX-License-Identifier: MIT
 * head/graph_state.h: the state of a head that is a network. */
#ifndef DUET_HEAD_GRAPH_STATE_H
#define DUET_HEAD_GRAPH_STATE_H

#include "engine/graph/plan.h"

/* Plans of the forward pass: of many rows, and of one, which answers alone. Being exact, both give
 * the same bits. */
enum { DUET_GRAPH_MANY, DUET_GRAPH_ONE, DUET_GRAPH_PASSES };

typedef struct duet_graph_state {
    duet_slots *slots; /* the weights; moments too, once it was trained */
    duet_plan *plan[DUET_GRAPH_PASSES];
    duet_session *session[DUET_GRAPH_PASSES];
} duet_graph_state;

#endif
