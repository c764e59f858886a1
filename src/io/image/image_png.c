/* SPDX-License-Identifier: MIT
 * PNG through libpng. Reading gives 8 bits: palettes and low bit depths are expanded, 16-bit
 * samples keep their high byte (v >> 8, as Pillow does for colour), tRNS becomes alpha, alpha is
 * composed over white; gamma and profiles are ignored. The whole file is read, so that truncation
 * anywhere, or a wrong CRC in a critical chunk, is an error. Writing: 8-bit grey or RGB; ASCII text
 * as tEXt, other UTF-8 text as iTXt. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <png.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/image/pixels.h"

#define MAX_CHUNK_BYTES (16u << 20) /* most text and profile chunks that libpng keeps */

typedef struct codec {
    jmp_buf escape;
    char message[160];
    const uint8_t *bytes; /* reading */
    int64_t size, at;
    uint8_t *pixels;
    png_bytep *rows;
    duet_bytes out; /* writing */
    int64_t capacity;
    duet_status status; /* a failure inside one of our callbacks */
} codec;

static void on_error(png_structp png, png_const_charp message) {
    codec *c = png_get_error_ptr(png);
    duet_copy_text(c->message, sizeof c->message, message);
    longjmp(c->escape, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void on_read(png_structp png, png_bytep dst, size_t count) {
    codec *c = png_get_io_ptr(png);
    if (count > (size_t)(c->size - c->at)) png_error(png, "the file ends early");
    memcpy(dst, c->bytes + c->at, count);
    c->at += (int64_t)count;
}

static void on_write(png_structp png, png_bytep src, size_t count) {
    codec *c = png_get_io_ptr(png);
    if (c->status == DUET_OK)
        c->status = duet_grow(&c->out.data, &c->capacity, c->out.size + (int64_t)count, 1);
    if (c->status != DUET_OK) png_error(png, "out of memory");
    memcpy(c->out.data + c->out.size, src, count);
    c->out.size += (int64_t)count;
}

static void on_flush(png_structp png) {
    (void)png;
}

static bool detect(const uint8_t *bytes, int64_t size) {
    static const uint8_t magic[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    return size >= 8 && memcmp(bytes, magic, 8) == 0;
}

static void ask_for_8_bits(png_structp png, png_infop info) {
    const int type = png_get_color_type(png, info);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (type == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, info) < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    if (png_get_valid(png, info, PNG_INFO_tRNS)) png_set_tRNS_to_alpha(png);
    png_set_strip_16(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

/* Everything that may longjmp. Returns the number of samples per pixel, or 0 with c->status set. */
static int read_rows(codec *c, png_structp png, png_infop info, const char *name) {
    png_set_read_fn(png, c, on_read);
    png_set_user_limits(png, 0x7FFFFFFF,
                        0x7FFFFFFF); /* the limits are checked by duet, whose message names them */
    png_set_chunk_malloc_max(png, MAX_CHUNK_BYTES);
    png_read_info(png, info);
    const int64_t height = (int64_t)png_get_image_height(png, info);
    c->status = duet_image_check((int64_t)png_get_image_width(png, info), height, name);
    if (c->status != DUET_OK) return 0;
    ask_for_8_bits(png, info);
    const int64_t stride = (int64_t)png_get_rowbytes(png, info);
    c->status = duet_alloc(&c->pixels, stride * height, 1);
    if (c->status == DUET_OK) c->status = duet_alloc(&c->rows, height, sizeof(png_bytep));
    if (c->status != DUET_OK) return 0;
    for (int64_t y = 0; y < height; y++) c->rows[y] = c->pixels + y * stride;
    png_read_image(png, c->rows);
    png_read_end(png, NULL);
    return png_get_channels(png, info);
}

/* setjmp stands in a function that owns nothing: what `c` holds stays defined after a jump. */
static duet_status decode_guarded(codec *c, png_structp png, png_infop info, duet_image *out,
                                  int channels, const char *name) {
    if (setjmp(c->escape))
        return duet_fail(DUET_FORMAT, "image '%s': damaged or cut-off PNG: %s", name, c->message);
    const int samples = read_rows(c, png, info, name);
    if (!samples) return c->status;
    return duet_image_from_pixels(out, c->pixels, (int64_t)png_get_image_width(png, info),
                                  (int64_t)png_get_image_height(png, info), samples, channels);
}

static duet_status decode(duet_image *out, const uint8_t *bytes, int64_t size, int channels,
                          const char *name) {
    codec c = {.bytes = bytes, .size = size};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &c, on_error, on_warning);
    png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
    const duet_status status = info != NULL ? decode_guarded(&c, png, info, out, channels, name)
                                            : duet_fail(DUET_NO_MEMORY, "out of memory in libpng");
    png_destroy_read_struct(&png, &info, NULL);
    duet_release(c.rows);
    duet_release(c.pixels);
    return status;
}

const duet_image_format duet_image_png = {
    .info = {.name = "png", .help = "PNG, every colour type and depth", .params = DUET_TABLE_EMPTY},
    .detect = detect,
    .decode = decode,
    .extensions = "png",
};

static bool is_ascii(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text > 126 || ((unsigned char)*text < 32 && *text != '\n'))
            return false;
    return true;
}

static void write_text(png_structp png, png_infop info, const duet_image_text *text) {
    /* libpng's struct is not const-correct; it copies both strings. */
    png_text chunk = {.compression = is_ascii(text->value) ? PNG_TEXT_COMPRESSION_NONE
                                                           : PNG_ITXT_COMPRESSION_NONE};
    char *key = NULL, *value = NULL;
    memcpy(&key, &text->key, sizeof key);
    memcpy(&value, &text->value, sizeof value);
    chunk.key = key;
    chunk.text = value;
    chunk.text_length = chunk.compression == PNG_TEXT_COMPRESSION_NONE ? strlen(value) : 0;
    chunk.itxt_length = chunk.compression == PNG_TEXT_COMPRESSION_NONE ? 0 : strlen(value);
    png_set_text(png, info, &chunk, 1);
}

static duet_status encode_guarded(codec *c, png_structp png, png_infop info,
                                  const duet_image *image, const duet_image_text *texts,
                                  int count) {
    if (setjmp(c->escape))
        return c->status != DUET_OK ? c->status
                                    : duet_fail(DUET_IO, "cannot encode PNG: %s", c->message);
    png_set_write_fn(png, c, on_write, on_flush);
    png_set_IHDR(png, info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
                 image->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    for (int i = 0; i < count; i++) write_text(png, info, &texts[i]);
    png_write_info(png, info);
    for (int64_t y = 0; y < image->height; y++)
        png_write_row(png, image->pixels + y * image->width * image->channels);
    png_write_end(png, NULL);
    return DUET_OK;
}

duet_status duet_image_encode_png(duet_bytes *out, const duet_image *image,
                                  const duet_image_text *texts, int count) {
    DUET_TRY(duet_image_check(image->width, image->height, "to write"));
    for (int i = 0; i < count; i++) {
        const size_t length = strlen(texts[i].key);
        if (length < 1 || length > 79 || !is_ascii(texts[i].key))
            return duet_fail(DUET_ARG, "PNG text key '%s' is not 1 to 79 ASCII characters",
                             texts[i].key);
    }
    codec c = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &c, on_error, on_warning);
    png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
    const duet_status status = info != NULL ? encode_guarded(&c, png, info, image, texts, count)
                                            : duet_fail(DUET_NO_MEMORY, "out of memory in libpng");
    png_destroy_write_struct(&png, &info);
    if (status == DUET_OK)
        *out = c.out;
    else
        duet_release(c.out.data);
    return status;
}
