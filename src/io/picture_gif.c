/* SPDX-License-Identifier: MIT
 * io/picture_gif.c: the blocks of a GIF (see gif.c): frames are counted, comments are texts. A file
 * that is cut off gives what is before the cut. */
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "io/picture.h"

enum { SCREEN = 13, FRAME = 10, COMMENT = 0xFE };

typedef struct reader {
    const duet_bytes *file;
    int64_t at;
} reader;

/* Skips blocks of a length and that many bytes, up to one of length 0; text gets them, or NULL. */
static bool take_blocks(reader *r, duet_str *text) {
    while (r->at < r->file->size) {
        const int64_t length = r->file->data[r->at];
        if (r->at + 1 + length > r->file->size) return false;
        if (length > 0 && text != NULL && text->size <= DUET_PICTURE_TEXT_MOST)
            duet_str_bytes(text, r->file->data + r->at + 1, length);
        r->at += 1 + length;
        if (length == 0) return true;
    }
    return false;
}

static int64_t palette_bytes(int packed) {
    return (packed & 0x80) != 0 ? 3 << ((packed & 7) + 1) : 0;
}

static bool take_extension(duet_picture_reader *out, reader *r) {
    duet_str text = {0};
    if (r->at + 2 > r->file->size) return false;
    const bool comment = r->file->data[r->at + 1] == COMMENT;
    r->at += 2;
    const bool whole = take_blocks(r, comment ? &text : NULL);
    if (comment && whole && text.text != NULL)
        duet_picture_keep(out, "Comment", (const uint8_t *)text.text, text.size);
    duet_str_free(&text);
    return whole;
}

static bool take_frame(reader *r) {
    if (r->at + FRAME + 1 > r->file->size) return false;
    r->at += FRAME + palette_bytes(r->file->data[r->at + 9]) + 1;
    return take_blocks(r, NULL);
}

duet_status duet_picture_gif(duet_picture_reader *out, const duet_bytes *file) {
    reader r = {.file = file, .at = SCREEN};
    int64_t frames = 0;
    bool more = true;
    if (file->size < SCREEN) return duet_fail(DUET_FORMAT, "its header is cut off");
    out->is.format = "gif";
    out->is.width = file->data[6] | file->data[7] << 8;
    out->is.height = file->data[8] | file->data[9] << 8;
    out->is.channels = 3;
    out->is.bits = 8;
    out->is.palette = true;
    r.at += palette_bytes(file->data[10]);
    while (more && r.at < file->size) {
        const int kind = file->data[r.at];
        more = kind == 0x21 ? take_extension(out, &r) : kind == 0x2C && take_frame(&r);
        frames += kind == 0x2C && more;
    }
    out->is.frames = frames > 0 ? frames : 1;
    return DUET_OK;
}
