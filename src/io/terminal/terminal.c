/* SPDX-License-Identifier: MIT
 * io/terminal/terminal.c: the family; see terminal.h. */
#include "io/terminal/terminal.h"

#include "io/terminal/terminal.def"

DUET_FAMILY(terminal, DUET_TERMINALS, "ways to show a picture in a terminal");
