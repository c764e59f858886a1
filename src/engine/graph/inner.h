/* SPDX-License-Identifier: MIT
 * engine/graph/inner.h: which weights are matrices within a network, and not at its ends. Some
 * rules of updates treat these in another way. A matrix is a weight of rank >= 2, seen as [first
 * axis, product of the others], with at least two rows and two columns. A layer is a node that
 * brings a matrix, or what is made of it alone (a normalised weight), together with what comes from
 * an input. A matrix is inner where, in one of its layers, what comes from an input has passed
 * another layer before, and what the layer gives passes another one on its way to the loss. So
 * embeddings, the first layer behind each input and the last one before the loss are not inner. */
#ifndef DUET_ENGINE_INNER_H
#define DUET_ENGINE_INNER_H

#include "engine/graph/graph.h"

/* inner[params of the graph]. To be called before passes and gradient, so that who asks twice for
 * the same network gets the same answer. */
DUET_NODISCARD duet_status duet_graph_inner(const duet_graph *graph, duet_value loss, bool *inner);

#endif
