/* SPDX-License-Identifier: MIT
 * engine/graph/pass/fuse.h: for the rewrites of the pass `fuse`: who reads a value. */
#ifndef DUET_ENGINE_FUSE_H
#define DUET_ENGINE_FUSE_H

#include "engine/graph/graph.h"

typedef struct duet_fuse_uses {
    int32_t *count;  /* [values] readers, kept values count as one more */
    int32_t *reader; /* [values] the last node that reads it */
} duet_fuse_uses;

DUET_NODISCARD duet_status duet_fuse_uses_new(duet_fuse_uses *out, const duet_graph *graph,
                                              const duet_value *keep, int64_t keep_count);
void duet_fuse_uses_free(duet_fuse_uses *uses);

bool duet_fuse_is_op(const duet_node *node, const char *name);
/* The live node of op `name` that makes `value` as its output 0 and whose only reader reads it
 * once; else NULL. */
duet_node *duet_fuse_only_source(duet_graph *graph, const duet_fuse_uses *uses, duet_value value,
                                 const char *name);
/* The only reader of `value`, if it is a node of op `name` that takes it as input 0; else NULL. */
duet_node *duet_fuse_only_reader(duet_graph *graph, const duet_fuse_uses *uses, duet_value value,
                                 const char *name);
/* `value` becomes output `port` of `node`. */
void duet_fuse_set_output(duet_graph *graph, duet_node *node, int port, duet_value value);

/* The rewrites, in the order in which they run. */
void duet_fuse_norm(duet_graph *graph, const duet_fuse_uses *uses);
void duet_fuse_concat(duet_graph *graph, const duet_fuse_uses *uses);
void duet_fuse_residual(duet_graph *graph, const duet_fuse_uses *uses);

#endif
