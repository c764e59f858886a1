/* SPDX-License-Identifier: MIT
 * io/picture.c: see picture.h and duet/picture.h. */
#include "io/picture.h"

#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "base/utf8.h"
#include "io/image.h"
#include "io/kind.h"

enum { MOST_TEXTS = 64, MOST_BYTES = 4 << 20 };

static void add(duet_picture_reader *r, const char *key, const char *value) {
    const int64_t size = (int64_t)strlen(value);
    const bool room = r->is.text_count < MOST_TEXTS && r->bytes + size <= MOST_BYTES;
    char *const own_key = room ? duet_arena_text(r->arena, key) : NULL;
    char *const own = own_key != NULL ? duet_arena_text(r->arena, value) : NULL;
    if (own == NULL ||
        duet_grow(&r->texts, &r->room, r->is.text_count + 1, sizeof *r->texts) != DUET_OK) {
        r->is.texts_left_out++;
        return;
    }
    r->texts[r->is.text_count++] = (duet_picture_text){.key = own_key, .value = own};
    r->bytes += size;
}

/* One character as UTF-8. */
static void put_character(duet_str *out, uint32_t c) {
    const uint8_t two[] = {(uint8_t)(0xC0 | c >> 6), (uint8_t)(0x80 | (c & 63))},
                  three[] = {(uint8_t)(0xE0 | c >> 12), (uint8_t)(0x80 | (c >> 6 & 63)),
                             (uint8_t)(0x80 | (c & 63))},
                  four[] = {(uint8_t)(0xF0 | c >> 18), (uint8_t)(0x80 | (c >> 12 & 63)),
                            (uint8_t)(0x80 | (c >> 6 & 63)), (uint8_t)(0x80 | (c & 63))};
    const uint8_t one = (uint8_t)c;
    if (c < 0x80)
        duet_str_bytes(out, &one, 1);
    else if (c < 0x800)
        duet_str_bytes(out, two, 2);
    else if (c < 0x10000)
        duet_str_bytes(out, three, 3);
    else
        duet_str_bytes(out, four, 4);
}

static void keep(duet_picture_reader *r, const char *key, duet_str *text) {
    if (text->failed)
        r->is.texts_left_out++;
    else
        add(r, key, text->text != NULL ? text->text : "");
    duet_str_free(text);
}

void duet_picture_keep(duet_picture_reader *reader, const char *key, const uint8_t *value,
                       int64_t size) {
    duet_str text = {0};
    const uint8_t *const end = memchr(value, 0, (size_t)size);
    if (end != NULL) size = end - value;
    if (size > DUET_PICTURE_TEXT_MOST) {
        reader->is.texts_left_out++;
        return;
    }
    duet_str_bytes(&text, value, size);
    if (!text.failed && !duet_utf8_is(text.text)) {
        duet_str_free(&text);
        for (int64_t i = 0; i < size; i++) put_character(&text, value[i]);
    }
    keep(reader, key, &text);
}

void duet_picture_keep_utf16(duet_picture_reader *reader, const char *key, const uint8_t *value,
                             int64_t size) {
    duet_str text = {0};
    int64_t zeros[2] = {0};
    if (size > DUET_PICTURE_TEXT_MOST) {
        reader->is.texts_left_out++;
        return;
    }
    for (int64_t i = 0; i < size; i++) zeros[i % 2] += value[i] == 0;
    const int high = zeros[0] >= zeros[1] ? 0 : 1; /* where the upper byte of a pair is */
    for (int64_t i = 0; i + 1 < size; i += 2) {
        uint32_t c = (uint32_t)value[i + high] << 8 | value[i + 1 - high];
        if (c == 0) break;
        if (c >= 0xD800 && c < 0xDC00 && i + 3 < size) { /* a pair of surrogates */
            const uint32_t low = (uint32_t)value[i + 2 + high] << 8 | value[i + 3 - high];
            if (low >= 0xDC00 && low < 0xE000) {
                c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                i += 2;
            }
        }
        put_character(&text, c >= 0xD800 && c < 0xE000 ? 0xFFFD : c);
    }
    keep(reader, key, &text);
}

static duet_status read(duet_picture_reader *r, const duet_bytes *file, const char *path) {
    static const struct {
        const char *signature;
        size_t size;
        duet_status (*read)(duet_picture_reader *reader, const duet_bytes *file);
    } formats[] = {{"\x89PNG\r\n\x1A\n", 8, duet_picture_png},
                   {"\xFF\xD8\xFF", 3, duet_picture_jpeg},
                   {"GIF8", 4, duet_picture_gif}};
    for (int i = 0; i < DUET_COUNT(formats); i++) {
        if (file->size < (int64_t)formats[i].size ||
            memcmp(file->data, formats[i].signature, formats[i].size) != 0)
            continue;
        if (formats[i].read(r, file) == DUET_OK) return DUET_OK;
        return duet_fail(DUET_FORMAT, "'%s' is damaged: %s", path, duet_error_message());
    }
    const char *const words = duet_kind_of_bytes(file->data, file->size).words;
    return duet_fail(DUET_FORMAT, "'%s' is not a PNG, JPEG or GIF picture%s%s", path,
                     words != NULL ? ": it is " : "", words != NULL ? words : "");
}

duet_status duet_picture_open(duet_picture **out, const char *path) {
    duet_status status = DUET_OK;
    duet_bytes file = {0};
    duet_picture_reader *r = NULL;
    DUET_DO(duet_alloc(&r, 1, sizeof *r));
    r->is.frames = 1;
    DUET_DO(duet_arena_new(&r->arena));
    DUET_DO(duet_file_read(&file, path));
    DUET_DO(read(r, &file, path));
    r->is.texts = r->texts;
    *out = &r->is;
    r = NULL;
done:
    duet_bytes_free(&file);
    if (r != NULL) duet_picture_close(&r->is);
    return status;
}

void duet_picture_close(duet_picture *picture) {
    if (picture == NULL) return;
    duet_picture_reader *const r = (duet_picture_reader *)(void *)picture;
    duet_arena_free(r->arena);
    duet_release(r->texts);
    duet_release(r);
}
