/* SPDX-License-Identifier: MIT
 * kitty's graphics protocol: a PNG in base64, in escape codes of at most 4096 digits:
 *   ESC _G keys ; digits ESC \
 * a=T: transmit and show, f=100: PNG, q=2: no answer, m=1: more follows. */
#include "base/error.h"
#include "io/terminal/terminal.h"

enum { DIGITS = 4096 };

static duet_status show(duet_str *out, const duet_image *image) {
    duet_bytes png = {0};
    duet_str code = {0};
    DUET_TRY(duet_image_encode_png(&png, image, NULL, 0));
    duet_str_base64(&code, png.data, png.size);
    duet_bytes_free(&png);
    for (int64_t i = 0; i < code.size && !code.failed; i += DIGITS) {
        const int64_t n = code.size - i < DIGITS ? code.size - i : DIGITS;
        duet_str_format(out, "\x1b_G%sm=%d;", i == 0 ? "a=T,f=100,q=2," : "", i + n < code.size);
        duet_str_bytes(out, code.text + i, n);
        duet_str_add(out, "\x1b\\");
    }
    duet_str_add(out, "\n");
    out->failed = out->failed || code.failed;
    duet_str_free(&code);
    return duet_str_status(out);
}

const duet_terminal duet_terminal_kitty = {
    .info = {.name = "kitty",
             .help = "kitty's graphics protocol: kitty, Ghostty, WezTerm, Konsole",
             .params = DUET_TABLE_EMPTY},
    .show = show,
};
