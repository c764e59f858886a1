/* SPDX-License-Identifier: MIT
 * io/apng.c: APNG (PNG 3, section 11.3.4.2): a PNG of the first frame with the chunks
 *   acTL frames.4 plays.4, 0 = for ever, before its pixels
 *   fcTL number.4 width.4 height.4 x.4 y.4 delay.2 parts.2 dispose.1 blend.1, before each frame
 *   fdAT number.4 and what an IDAT would hold, for the frames after the first
 * Numbers count both kinds of chunks. libpng makes each frame; its IDATs are taken over. */
#include <string.h>

#include <zlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/animation.h"

enum { SIGNATURE = 8, CHUNK = 12 };

typedef struct writer {
    duet_str out;
    uint32_t number; /* of the next fcTL or fdAT */
} writer;

static void big(uint8_t *out, int bytes, uint32_t value) {
    for (int i = 0; i < bytes; i++) out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static uint32_t read_big(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A chunk of head and body. */
static void put_chunk(writer *w, const char *name, const uint8_t *head, int64_t head_size,
                      const uint8_t *body, int64_t body_size) {
    uint8_t field[4];
    big(field, 4, (uint32_t)(head_size + body_size));
    duet_str_bytes(&w->out, field, 4);
    duet_str_bytes(&w->out, name, 4);
    duet_str_bytes(&w->out, head, head_size);
    duet_str_bytes(&w->out, body, body_size);
    uLong crc = crc32(0, (const Bytef *)name, 4);
    crc = crc32(crc, head, (uInt)head_size);
    if (body_size > 0) crc = crc32(crc, body, (uInt)body_size);
    big(field, 4, (uint32_t)crc);
    duet_str_bytes(&w->out, field, 4);
}

static void put_control(writer *w, const duet_frames *frames, int ms) {
    uint8_t bytes[26] = {0};
    big(bytes, 4, w->number++);
    big(bytes + 4, 4, (uint32_t)frames->width);
    big(bytes + 8, 4, (uint32_t)frames->height);
    big(bytes + 20, 2, (uint32_t)ms);
    big(bytes + 22, 2, 1000);
    put_chunk(w, "fcTL", bytes, sizeof bytes, NULL, 0);
}

/* Of the first frame all chunks but the last, of the others the pixels. */
static void put_frame(writer *w, const duet_frames *frames, int64_t i, const duet_bytes *png) {
    const bool first = i == 0;
    bool controlled = false;
    if (first) duet_str_bytes(&w->out, png->data, SIGNATURE);
    for (int64_t at = SIGNATURE; at + CHUNK <= png->size;) {
        const uint8_t *const chunk = png->data + at;
        const int64_t size = read_big(chunk);
        const bool pixels = memcmp(chunk + 4, "IDAT", 4) == 0;
        uint8_t number[4];
        if (pixels && !controlled) put_control(w, frames, frames->ms[i]);
        controlled = controlled || pixels;
        if (first && memcmp(chunk + 4, "IEND", 4) != 0)
            duet_str_bytes(&w->out, chunk, size + CHUNK);
        if (first && memcmp(chunk + 4, "IHDR", 4) == 0) {
            uint8_t control[8] = {0};
            big(control, 4, (uint32_t)frames->count);
            put_chunk(w, "acTL", control, sizeof control, NULL, 0);
        }
        if (!first && pixels) {
            big(number, 4, w->number++);
            put_chunk(w, "fdAT", number, sizeof number, chunk + 8, size);
        }
        at += size + CHUNK;
    }
}

static duet_status encode(writer *w, const duet_frames *frames, const duet_image_text *texts,
                          int text_count) {
    const int64_t bytes = frames->height * frames->width * frames->channels;
    for (int64_t i = 0; i < frames->count && !w->out.failed; i++) {
        duet_bytes png = {0};
        const duet_image image = {.width = frames->width,
                                  .height = frames->height,
                                  .channels = frames->channels,
                                  .pixels = (uint8_t *)(uintptr_t)(frames->pixels + i * bytes)};
        DUET_TRY(duet_image_encode_png(&png, &image, texts, i == 0 ? text_count : 0));
        put_frame(w, frames, i, &png);
        duet_bytes_free(&png);
    }
    put_chunk(w, "IEND", (const uint8_t *)"", 0, NULL, 0);
    return duet_str_status(&w->out);
}

duet_status duet_apng_encode(duet_bytes *out, const duet_frames *frames,
                             const duet_image_text *texts, int text_count) {
    writer w = {0};
    if (frames->count < 1) return duet_fail(DUET_ARG, "an animation needs at least one frame");
    const duet_status status = encode(&w, frames, texts, text_count);
    if (status == DUET_OK)
        *out = (duet_bytes){.data = (uint8_t *)w.out.text, .size = w.out.size};
    else
        duet_str_free(&w.out);
    return status;
}
