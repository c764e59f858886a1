/* SPDX-License-Identifier: MIT
 * engine/graph/live.h: what of a graph is needed for the values that are kept: what is planned,
 * and what is written as text. */
#ifndef DUET_ENGINE_LIVE_H
#define DUET_ENGINE_LIVE_H

#include "engine/graph/graph.h"

/* Which values are needed: live[values] is true for those that are kept, and becomes so for what
 * these are computed from. */
void duet_graph_live(const duet_graph *graph, bool *live);
/* Those of states and updates. */
void duet_graph_keep(const duet_graph *graph, bool *live);
/* The input of the updates; DUET_NONE where there is none. */
duet_value duet_graph_numbers(const duet_graph *graph);
/* Does the node compute a value that is needed? */
bool duet_node_needed(const duet_node *node, const bool *live);

#endif
