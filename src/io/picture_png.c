/* SPDX-License-Identifier: MIT
 * io/picture_png.c: the chunks of a PNG: length.4 name.4 data crc.4, numbers big-endian.
 *   IHDR width.4 height.4 bits.1 colour.1 …, colour: bits palette, colour, transparency
 *   tEXt key 0 text                          zTXt key 0 method.1 deflated text
 *   iTXt key 0 deflated.1 method.1 language 0 translated key 0 text
 *   acTL frames.4 plays.4                    eXIf as in JPEG
 * The first chunk is IHDR. A file that is cut off gives what is before the cut. */
#include <string.h>

#include <zlib.h>

#include "base/error.h"
#include "base/utf8.h"
#include "io/picture.h"

enum { SIGNATURE = 8, CHUNK = 12, MOST_KEY = 79 };

typedef struct span {
    const uint8_t *data;
    int64_t size;
} span;

static int64_t big(const uint8_t *at) {
    return (int64_t)at[0] << 24 | (int64_t)at[1] << 16 | (int64_t)at[2] << 8 | at[3];
}

/* The text up to the next zero, which is skipped; false where there is none. */
static bool take_word(span *from, span *word) {
    const uint8_t *const end = from->size > 0 ? memchr(from->data, 0, (size_t)from->size) : NULL;
    if (end == NULL) return false;
    *word = (span){from->data, end - from->data};
    from->size -= word->size + 1;
    from->data = end + 1;
    return true;
}

/* Inflates at most one byte more than a text may have. */
static bool inflate_text(duet_picture_reader *r, const char *key, span from) {
    uint8_t *out = NULL;
    uLongf size = DUET_PICTURE_TEXT_MOST + 1;
    if (duet_alloc(&out, (int64_t)size, 1) != DUET_OK) return false;
    const bool good = uncompress(out, &size, from.data, (uLong)from.size) == Z_OK;
    if (good) duet_picture_keep(r, key, out, (int64_t)size);
    duet_release(out);
    return good;
}

static bool take_text(duet_picture_reader *r, const uint8_t *name, span data) {
    char key[MOST_KEY + 1];
    span word;
    if (!take_word(&data, &word) || word.size < 1 || word.size > MOST_KEY) return false;
    memcpy(key, word.data, (size_t)word.size);
    key[word.size] = '\0';
    if (!duet_utf8_is(key))
        for (char *c = key; *c != '\0'; c++)
            if ((unsigned char)*c > 126) *c = '?';
    if (name[0] == 't') {
        duet_picture_keep(r, key, data.data, data.size);
        return true;
    }
    if (name[0] == 'z')
        return data.size >= 1 && data.data[0] == 0 &&
               inflate_text(r, key, (span){data.data + 1, data.size - 1});
    if (data.size < 2 || data.data[0] > 1 || data.data[1] != 0) return false;
    const bool deflated = data.data[0] == 1;
    data = (span){data.data + 2, data.size - 2};
    for (int i = 0; i < 2; i++) /* language, translated key */
        if (!take_word(&data, &word)) return false;
    if (deflated) return inflate_text(r, key, data);
    duet_picture_keep(r, key, data.data, data.size);
    return true;
}

static duet_status take_header(duet_picture_reader *r, span data) {
    if (data.size < 13) return duet_fail(DUET_FORMAT, "its header is cut off");
    const int colour = data.data[9];
    r->is.format = "png";
    r->is.width = big(data.data);
    r->is.height = big(data.data + 4);
    r->is.bits = data.data[8];
    r->is.palette = colour == 3;
    r->is.channels = ((colour & 2) != 0 ? 3 : 1) + ((colour & 4) != 0 ? 1 : 0);
    if (r->is.width < 1 || r->is.height < 1)
        return duet_fail(DUET_FORMAT, "it is %lld x %lld pixels", (long long)r->is.width,
                         (long long)r->is.height);
    return DUET_OK;
}

static void take_chunk(duet_picture_reader *r, const uint8_t *chunk, span data) {
    const uint8_t *const name = chunk + 4;
    const bool text = memcmp(name, "tEXt", 4) == 0 || memcmp(name, "zTXt", 4) == 0 ||
                      memcmp(name, "iTXt", 4) == 0;
    const bool whole =
        crc32_z(0, name, (z_size_t)data.size + 4) == (uLong)big(data.data + data.size);
    if (text && (!whole || !take_text(r, name, data))) r->is.texts_left_out++;
    if (whole && memcmp(name, "acTL", 4) == 0 && data.size >= 8) r->is.frames = big(data.data);
    if (whole && memcmp(name, "eXIf", 4) == 0) duet_picture_exif(r, data.data, data.size);
}

duet_status duet_picture_png(duet_picture_reader *reader, const duet_bytes *file) {
    for (int64_t at = SIGNATURE; at + CHUNK <= file->size;) {
        const uint8_t *const chunk = file->data + at;
        const span data = {chunk + 8, big(chunk)};
        if (data.size > file->size - at - CHUNK) break;
        if (at == SIGNATURE) {
            if (memcmp(chunk + 4, "IHDR", 4) != 0) break;
            DUET_TRY(take_header(reader, data));
        } else if (memcmp(chunk + 4, "IDAT", 4) != 0) {
            take_chunk(reader, chunk, data);
        }
        if (memcmp(chunk + 4, "IEND", 4) == 0) break;
        at += CHUNK + data.size;
    }
    return reader->is.width > 0 ? DUET_OK : duet_fail(DUET_FORMAT, "it has no header");
}
