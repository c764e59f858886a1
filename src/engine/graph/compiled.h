/* SPDX-License-Identifier: MIT
 * engine/graph/compiled.h: plans and sessions of backends that compile whole graphs. The slab of
 * such a session holds its inputs and outputs only, as the host writes and reads them. */
#ifndef DUET_ENGINE_COMPILED_H
#define DUET_ENGINE_COMPILED_H

#include "engine/graph/plan_internal.h"

/* Inputs, outputs, and the program of the backend. */
DUET_NODISCARD duet_status duet_compiled_plan(duet_plan *plan, const duet_graph *graph,
                                              const duet_slots *slots, const duet_value *outputs,
                                              int64_t output_count);
/* Gives the inputs of the slab to the backend and runs. */
DUET_NODISCARD duet_status duet_compiled_run(const duet_plan *plan, void *state,
                                             const uint8_t *slab, uint64_t seed, uint64_t step);

#endif
