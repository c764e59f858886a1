/* SPDX-License-Identifier: MIT
 * iTerm2's inline images: a file in base64: ESC ] 1337 ; File = arguments : digits BEL. */
#include "base/error.h"
#include "io/terminal/terminal.h"

static duet_status show(duet_str *out, const duet_image *image) {
    duet_bytes png = {0};
    DUET_TRY(duet_image_encode_png(&png, image, NULL, 0));
    duet_str_format(out, "\x1b]1337;File=inline=1;size=%lld;width=%lldpx;height=%lldpx:",
                    (long long)png.size, (long long)image->width, (long long)image->height);
    duet_str_base64(out, png.data, png.size);
    duet_str_add(out, "\a\n");
    duet_bytes_free(&png);
    return duet_str_status(out);
}

const duet_terminal duet_terminal_iterm = {
    .info = {.name = "iterm",
             .help = "iTerm2's inline images: iTerm2, WezTerm, mintty",
             .params = DUET_TABLE_EMPTY},
    .show = show,
};
