/* SPDX-License-Identifier: MIT
 * io/terminal/terminal.h: the family `terminal`: a picture as the text that makes a terminal show
 * it, where the cursor is, with the cursor in the line below afterwards. The same picture gives the
 * same text. */
#ifndef DUET_IO_TERMINAL_H
#define DUET_IO_TERMINAL_H

#include "base/str.h"
#include "io/image.h"

typedef struct duet_terminal {
    duet_entry info;
    bool cells; /* a pixel is as wide as a character and half as high; else as on the screen */
    duet_status (*show)(duet_str *out, const duet_image *image);
} duet_terminal;
DUET_FAMILY_OF(terminal, duet_terminal);

#endif
