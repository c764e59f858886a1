/* SPDX-License-Identifier: MIT
 * engine/graph/text.h: a graph as text, for backends that compile and for reading. One line each,
 * fields separated by blanks; values are %0, %1, …, and '-' is an absent one:
 *   slot   %V NUMBER TYPE SHAPE NAME        a parameter: slot NUMBER of the store
 *   input  %V NAME TYPE SHAPE
 *   node   OP %V,… = %V,… {KEY=VALUE …} TYPE:SHAPE,… @SCOPE   outputs = inputs; types of outputs
 *   state  NUMBER %V                        after the last node, slot NUMBER takes the value
 *   output %V                               in the order in which they are read
 *   tail   %V PARTS RANKS                   loss; runs of a step, ranks that train together
 *   update RULE {KEY=VALUE …} CLIP AT : NUMBER~%V …    slots with gradients ('-': reads none);
 *                                           '*' behind one: an inner matrix (inner.h);
 *                                           a word before ':' is the kind of the slots beside,
 *                                           where it is not the rule's
 * Types are f32, bf16 and i32; a shape is 8x28x28x1, and of a scalar 1. A scope may be empty, '@'
 * ends the line then. States are assigned, and updates run, as engine/graph/update.h says. */
#ifndef DUET_ENGINE_TEXT_H
#define DUET_ENGINE_TEXT_H

#include "base/str.h"
#include "engine/graph/plan.h"

/* Only nodes that an output, an update or a state needs are written. */
DUET_NODISCARD duet_status duet_graph_text(duet_str *out, const duet_graph *graph,
                                           const duet_slots *slots,
                                           const duet_plan_options *options,
                                           const duet_value *outputs, int64_t output_count);

#endif
