/* SPDX-License-Identifier: MIT
 * io/gif.c: GIF89a (CompuServe 1990): screen, one palette for all frames, the loop of Netscape 2.0,
 * a comment, and for each frame its time and its pixels in LZW codes of 3 to 12 bits, packed from
 * the lowest bit into blocks of at most 255 bytes. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/animation.h"
#include "io/palette.h"

enum { MOST_CODES = 4096, SLOTS = 8192, MOST_SIDE = 65535, BLOCK = 255 };

typedef struct writer {
    duet_str out;
    uint8_t block[BLOCK]; /* bytes of codes on their way */
    int filled, bits;     /* of the block; of `pending` */
    uint32_t pending;
    int first_size, size, next; /* bits of a colour; of a code; the next free code */
    uint32_t key[SLOTS];        /* (code << 8 | colour) + 1; 0 = free */
    uint16_t code[SLOTS];
} writer;

static void put_byte(writer *w, int value) {
    const uint8_t byte = (uint8_t)value;
    duet_str_bytes(&w->out, &byte, 1);
}

static void put_u16(writer *w, int64_t value) {
    put_byte(w, (int)(value & 255));
    put_byte(w, (int)(value >> 8));
}

/* ---- LZW ---- */

static void end_block(writer *w) {
    if (w->filled == 0) return;
    put_byte(w, w->filled);
    duet_str_bytes(&w->out, w->block, w->filled);
    w->filled = 0;
}

static void emit(writer *w, int code) {
    w->pending |= (uint32_t)code << w->bits;
    w->bits += w->size;
    while (w->bits >= 8) {
        w->block[w->filled++] = (uint8_t)w->pending;
        w->pending >>= 8;
        w->bits -= 8;
        if (w->filled == BLOCK) end_block(w);
    }
}

/* The table has the colours alone, and a code each for starting anew and for the end. */
static void start_anew(writer *w) {
    emit(w, 1 << w->first_size);
    memset(w->key, 0, sizeof w->key);
    w->size = w->first_size + 1;
    w->next = (1 << w->first_size) + 2;
}

/* The slot of the pair, or the free one where it belongs. */
static int slot_of(const writer *w, uint32_t key) {
    int slot = (int)((key * 2654435761U) >> 19);
    while (w->key[slot] != 0 && w->key[slot] != key) slot = (slot + 1) % SLOTS;
    return slot;
}

static void put_codes(writer *w, const uint8_t *colours, int64_t count) {
    int prefix = colours[0];
    w->size = w->first_size + 1;
    start_anew(w);
    for (int64_t i = 1; i < count; i++) {
        const uint32_t key = ((uint32_t)prefix << 8 | colours[i]) + 1;
        const int slot = slot_of(w, key);
        if (w->key[slot] == key) {
            prefix = w->code[slot];
            continue;
        }
        emit(w, prefix);
        prefix = colours[i];
        if (w->next == MOST_CODES) {
            start_anew(w);
            continue;
        }
        w->key[slot] = key;
        w->code[slot] = (uint16_t)w->next++;
        if (w->next > 1 << w->size && w->size < 12) w->size++;
    }
    emit(w, prefix);
    emit(w, (1 << w->first_size) + 1);
    if (w->bits > 0) w->block[w->filled++] = (uint8_t)w->pending;
    w->bits = 0;
    w->pending = 0;
    end_block(w);
    put_byte(w, 0);
}

/* ---- blocks ---- */

static int bits_of(const duet_palette *palette) {
    int bits = 2; /* the fewest that LZW takes */
    while (1 << bits < palette->count) bits++;
    return bits;
}

static void put_head(writer *w, const duet_frames *frames, const duet_palette *palette,
                     const char *comment) {
    const int bits = w->first_size;
    duet_str_bytes(&w->out, "GIF89a", 6);
    put_u16(w, frames->width);
    put_u16(w, frames->height);
    put_byte(w, 0xF0 | (bits - 1)); /* a palette of 2^bits colours of 8 bits */
    duet_str_bytes(&w->out, "\0\0", 2);
    for (int i = 0; i < 1 << bits; i++)
        duet_str_bytes(&w->out, i < palette->count ? palette->colour[i] : palette->colour[0], 3);
    duet_str_bytes(&w->out, "\x21\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0", 19);
    const int64_t length = comment != NULL ? (int64_t)strlen(comment) : 0;
    if (length > 0) duet_str_bytes(&w->out, "\x21\xFE", 2);
    for (int64_t i = 0; i < length; i += BLOCK) {
        const int64_t n = length - i < BLOCK ? length - i : BLOCK;
        put_byte(w, (int)n);
        duet_str_bytes(&w->out, comment + i, n);
    }
    if (length > 0) put_byte(w, 0);
}

static void put_frame(writer *w, const duet_frames *frames, int ms, const uint8_t *colours) {
    duet_str_bytes(&w->out, "\x21\xF9\x04\x04", 4); /* the next frame is drawn over this one */
    put_u16(w, (ms + 5) / 10);
    duet_str_bytes(&w->out, "\0\0\x2C\0\0\0\0", 7);
    put_u16(w, frames->width);
    put_u16(w, frames->height);
    put_byte(w, 0);
    put_byte(w, w->first_size);
    put_codes(w, colours, frames->width * frames->height);
}

static duet_status encode(writer *w, const duet_frames *frames, const duet_palette *palette,
                          const char *comment) {
    const int64_t pixels = frames->height * frames->width;
    uint8_t *colours = NULL; /* [pixels] */
    DUET_TRY(duet_alloc(&colours, pixels, 1));
    w->first_size = bits_of(palette);
    put_head(w, frames, palette, comment);
    for (int64_t i = 0; i < frames->count; i++) {
        duet_palette_apply(palette, frames->pixels + i * pixels * frames->channels, pixels,
                           frames->channels, colours);
        put_frame(w, frames, frames->ms[i], colours);
    }
    put_byte(w, 0x3B);
    duet_release(colours);
    return duet_str_status(&w->out);
}

duet_status duet_gif_encode(duet_bytes *out, const duet_frames *frames, const char *comment) {
    duet_status status = DUET_OK;
    duet_palette palette = {0};
    writer *w = NULL;
    if (frames->count < 1 || frames->width < 1 || frames->height < 1 || frames->width > MOST_SIDE ||
        frames->height > MOST_SIDE)
        return duet_fail(DUET_ARG, "a GIF cannot have %lld frames of %lld x %lld pixels",
                         (long long)frames->count, (long long)frames->width,
                         (long long)frames->height);
    DUET_DO(duet_alloc(&w, 1, sizeof *w));
    DUET_DO(duet_palette_make(&palette, frames->pixels,
                              frames->count * frames->height * frames->width, frames->channels));
    DUET_DO(encode(w, frames, &palette, comment));
    *out = (duet_bytes){.data = (uint8_t *)w->out.text, .size = w->out.size};
    w->out.text = NULL;
done:
    if (w != NULL) duet_str_free(&w->out);
    duet_release(w);
    duet_palette_free(&palette);
    return status;
}
