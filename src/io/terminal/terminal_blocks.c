/* SPDX-License-Identifier: MIT
 * Upper half blocks, U+2580, in 24-bit colours: the upper pixel is the colour of the letter, the
 * lower one that of its ground. Works in all terminals with such colours, over all connections. */
#include <string.h>

#include "io/terminal/terminal.h"

typedef struct pen {    /* what is set */
    int letter, ground; /* 0xRRGGBB; -1 = nothing */
} pen;

static int colour_at(const duet_image *image, int64_t x, int64_t y) {
    if (y >= image->height) return -1;
    const uint8_t *const p = image->pixels + (y * image->width + x) * image->channels;
    return image->channels == 3 ? p[0] << 16 | p[1] << 8 | p[2] : p[0] * 0x010101;
}

static void set(duet_str *out, const char *which, int *now, int colour) {
    if (*now == colour) return;
    if (colour < 0)
        duet_str_add(out, "\x1b[49m"); /* only grounds are unset, below an odd last line */
    else
        duet_str_format(out, "\x1b[%s;2;%d;%d;%dm", which, colour >> 16, colour >> 8 & 255,
                        colour & 255);
    *now = colour;
}

static duet_status show(duet_str *out, const duet_image *image) {
    for (int64_t y = 0; y < image->height; y += 2) {
        pen now = {-1, -1};
        for (int64_t x = 0; x < image->width; x++) {
            set(out, "38", &now.letter, colour_at(image, x, y));
            set(out, "48", &now.ground, colour_at(image, x, y + 1));
            duet_str_add(out, "\xE2\x96\x80");
        }
        duet_str_add(out, "\x1b[0m\n");
    }
    return duet_str_status(out);
}

const duet_terminal duet_terminal_blocks = {
    .info = {.name = "blocks",
             .help = "half blocks in 24-bit colours: nearly every terminal, also over ssh and tmux",
             .params = DUET_TABLE_EMPTY},
    .cells = true,
    .show = show,
};
