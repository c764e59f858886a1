/* SPDX-License-Identifier: MIT
 * Sixel (DEC VT330/VT340 manual, chapter 14): ESC P 0;1 q, the size, a palette in percent, and
 * bands of 6 lines. In a band each colour has a row of characters '?' + bits, the top line the
 * lowest bit; '!n' repeats a character, '$' goes back to the left, '-' to the next band; ESC \. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "io/palette.h"
#include "io/terminal/terminal.h"

enum { BAND = 6, SHORTEST_RUN = 4 };

static int percent(int value) {
    return (value * 200 + 255) / 510;
}

static void put_run(duet_str *out, char what, int64_t count) {
    if (count >= SHORTEST_RUN) {
        duet_str_format(out, "!%lld%c", (long long)count, what);
    } else {
        for (int64_t i = 0; i < count; i++) duet_str_bytes(out, &what, 1);
    }
}

/* The row of one colour; lines [lines,width] of colour numbers. Nothing is put behind its last
 * pixel. */
static void put_colour(duet_str *out, const uint8_t *lines, int64_t count, int64_t width,
                       int colour) {
    char run_of = 0;
    int64_t run = 0;
    duet_str_format(out, "#%d", colour);
    for (int64_t x = 0; x < width; x++) {
        int bits = 0;
        for (int64_t y = 0; y < count; y++) bits |= lines[y * width + x] == colour ? 1 << y : 0;
        const char what = (char)('?' + bits);
        if (run > 0 && what != run_of) put_run(out, run_of, run);
        run = what == run_of ? run + 1 : 1;
        run_of = what;
    }
    if (run_of != '?') put_run(out, run_of, run);
}

static void put_band(duet_str *out, const uint8_t *lines, int64_t count, int64_t width,
                     int colours) {
    bool used[DUET_PALETTE_MOST] = {false}, first = true;
    for (int64_t i = 0; i < count * width; i++) used[lines[i]] = true;
    for (int c = 0; c < colours; c++) {
        if (!used[c]) continue;
        if (!first) duet_str_add(out, "$");
        first = false;
        put_colour(out, lines, count, width, c);
    }
}

static duet_status show(duet_str *out, const duet_image *image) {
    const int64_t width = image->width, height = image->height;
    duet_status status = DUET_OK;
    duet_palette palette = {0};
    uint8_t *colours = NULL; /* [height,width] */
    DUET_DO(duet_palette_make(&palette, image->pixels, width * height, image->channels));
    DUET_DO(duet_alloc(&colours, width * height, 1));
    duet_palette_apply(&palette, image->pixels, width * height, image->channels, colours);
    duet_str_format(out, "\x1bP0;1q\"1;1;%lld;%lld", (long long)width, (long long)height);
    for (int i = 0; i < palette.count; i++) {
        const uint8_t *const rgb = palette.colour[i];
        duet_str_format(out, "#%d;2;%d;%d;%d", i, percent(rgb[0]), percent(rgb[1]),
                        percent(rgb[2]));
    }
    for (int64_t y = 0; y < height; y += BAND) {
        if (y > 0) duet_str_add(out, "-");
        put_band(out, colours + y * width, height - y < BAND ? height - y : BAND, width,
                 palette.count);
    }
    duet_str_add(out, "\x1b\\\n");
    status = duet_str_status(out);
done:
    duet_release(colours);
    duet_palette_free(&palette);
    return status;
}

const duet_terminal duet_terminal_sixel = {
    .info = {.name = "sixel",
             .help = "sixels, 256 colours: xterm, foot, mlterm, mintty, Windows Terminal",
             .params = DUET_TABLE_EMPTY},
    .show = show,
};
