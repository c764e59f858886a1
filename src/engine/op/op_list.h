/* SPDX-License-Identifier: MIT
 * engine/op/op_list.h: for the files of this folder: all ops by name, and what shape rules and
 * builders have in common. */
#ifndef DUET_ENGINE_OP_LIST_H
#define DUET_ENGINE_OP_LIST_H

#include "base/error.h"
#include "engine/graph/graph.h"
#include "engine/op/op.def"
#include "engine/op/ops_grad.h"

DUET_OPS(DUET_MEMBER_DECLARED)

/* First line of every shape rule: required inputs are there, types as declared, no empty axis.
 * names: one an input. */
DUET_NODISCARD duet_status duet_op_check(const duet_call *call, const char *const *names);
/* Input k is there (for required inputs behind optional ones). */
DUET_NODISCARD duet_status duet_op_present(const duet_call *call, int k, const char *name);
DUET_NODISCARD duet_status duet_op_rank(const duet_call *call, int k, const char *name, int least,
                                        int most);
/* Input k, where present, has exactly this shape. */
DUET_NODISCARD duet_status duet_op_want(const duet_call *call, int k, const char *name, int rank,
                                        const int64_t *dims);
DUET_NODISCARD duet_status duet_op_want_shape(const duet_call *call, int k, const char *name,
                                              const duet_shape *shape);
/* Input k, where present, has the rows of `shape`: as many elements, the same last axis. */
DUET_NODISCARD duet_status duet_op_want_rows(const duet_call *call, int k, const char *name,
                                             const duet_shape *shape);
/* Fills output k, bf16 where the activations are; refuses what does not fit into memory by far. */
DUET_NODISCARD duet_status duet_op_out(duet_call *call, int k, int rank, const int64_t *dims);
DUET_NODISCARD duet_status duet_op_out_shape(duet_call *call, int k, const duet_shape *shape);

int64_t duet_op_last(const duet_shape *shape);   /* size of the last axis */
int64_t duet_op_rows(const duet_shape *shape);   /* product of all others */
int64_t duet_op_middle(const duet_shape *shape); /* product of all but the first and the last */

/* Adds a node of up to three inputs and returns output 0. */
duet_value duet_op_apply(duet_graph *g, const duet_op *op, const void *attr, duet_value a,
                         duet_value b, duet_value c);

/* Adds a loss of two inputs: out 0 [1], out 1 [B]; either pointer may be NULL. */
void duet_op_apply_loss(duet_graph *g, const duet_op *op, const void *attr, duet_value a,
                        duet_value b, duet_value *loss, duet_value *per_sample);

/* x in the shape of `like`, which has as many elements. */
duet_value duet_op_reshaped(duet_graph *g, duet_value x, duet_value like);
/* x and y side by side along the last axis, for gradients of ops that read them so: one concat for
 * all that ask. */
duet_value duet_op_joined(duet_graph *g, duet_value x, duet_value y);

#endif
