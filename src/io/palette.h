/* SPDX-License-Identifier: MIT
 * io/palette.h: at most 256 colours for an image: those it has where they are no more, else by
 * median cut (Heckbert 1982). The same pixels give the same palette. */
#ifndef DUET_IO_PALETTE_H
#define DUET_IO_PALETTE_H

#include <duet/base.h>

enum { DUET_PALETTE_MOST = 256 };

typedef struct duet_palette {
    int count;
    uint8_t colour[DUET_PALETTE_MOST][3];
    uint8_t *places; /* colour of each bin of 6 bits a channel; NULL: the colours are all there */
} duet_palette;

/* pixels [count,channels], 1 or 3 channels. */
DUET_NODISCARD duet_status duet_palette_make(duet_palette *out, const uint8_t *pixels,
                                             int64_t count, int channels);
void duet_palette_free(duet_palette *palette);
/* Numbers of the colours of `count` pixels. */
void duet_palette_apply(const duet_palette *palette, const uint8_t *pixels, int64_t count,
                        int channels, uint8_t *out);

#endif
