/* SPDX-License-Identifier: MIT
 * io/pickle_object.h: the opcodes that name something of Python and would call it. Names are
 * checked against the reader's list (io/pickle.h); nothing is called. */
#ifndef DUET_IO_PICKLE_OBJECT_H
#define DUET_IO_PICKLE_OBJECT_H

#include "io/pickle_machine.h"

/* Pushes a name: module and name are two lines of the data, or two texts on the stack.
 * DUET_UNSUPPORTED where the list does not allow it. */
DUET_NODISCARD duet_status duet_pickle_global_of_lines(duet_pickle_machine *m);
DUET_NODISCARD duet_status duet_pickle_global_of_stack(duet_pickle_machine *m);
/* Whether the name of this value, or of what made it, is not on the list. */
bool duet_pickle_is_unknown(const duet_pickle_node *n);

/* REDUCE and NEWOBJ: takes arguments and callee from the stack and pushes what they would make. */
DUET_NODISCARD duet_status duet_pickle_reduce(duet_pickle_machine *m);
/* NEWOBJ_EX: the same with named arguments, which are left out. */
DUET_NODISCARD duet_status duet_pickle_new_object(duet_pickle_machine *m);
/* BUILD: the top of the stack holds the attributes of the object below it. */
DUET_NODISCARD duet_status duet_pickle_build(duet_pickle_machine *m);
/* BINPERSID: the id on the stack becomes a value that refers to something outside the pickle. */
DUET_NODISCARD duet_status duet_pickle_persistent(duet_pickle_machine *m);

#endif
