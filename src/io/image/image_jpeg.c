/* SPDX-License-Identifier: MIT
 * JPEG through libjpeg-turbo with the settings of Pillow: accurate integer DCT, fancy upsampling.
 * Grey stays grey, YCbCr and RGB become RGB; CMYK and YCCK are taken as Adobe writes them
 * (inverted) and become RGB by c = k - (255 - c) * k / 255 with the stored, inverted values. A
 * warning that means wrong pixels (truncation, bad codes, a lost restart marker) fails the image;
 * harmless ones are ignored. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "base/error.h"
#include "base/mem.h"
#include "io/image/pixels.h"

#define MAX_SCANS 500 /* a progressive file with thousands of empty scans would take hours */

typedef struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    char message[JMSG_LENGTH_MAX];
    uint8_t *pixels; /* H W S, S = samples of the decoded colour space */
    duet_status status;
} decoder;

static void on_error(j_common_ptr common) {
    decoder *d = common->client_data;
    common->err->format_message(common, d->message);
    longjmp(d->escape, 1);
}

static bool is_harmful(int code) {
    return code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
           code == JWRN_ARITH_BAD_CODE || code == JWRN_MUST_RESYNC ||
           code == JWRN_BOGUS_PROGRESSION;
}

static void on_message(j_common_ptr common, int level) {
    if (level < 0 && is_harmful(common->err->msg_code)) on_error(common);
}

static void on_output(j_common_ptr common) {
    (void)common;
}

static void on_progress(j_common_ptr common) {
    decoder *d = common->client_data;
    if (d->jpeg.input_scan_number <= MAX_SCANS) return;
    snprintf(d->message, sizeof d->message, "more than %d scans", MAX_SCANS);
    longjmp(d->escape, 1);
}

static bool detect(const uint8_t *bytes, int64_t size) {
    return size >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

static uint8_t times255(unsigned a, unsigned b) {
    const unsigned t = a * b + 128;
    return (uint8_t)(((t >> 8) + t) >> 8);
}

/* Converts four inverted samples per pixel to three, in place. */
static void rgb_from_cmyk(uint8_t *pixels, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *s = pixels + 4 * i;
        const uint8_t k = s[3];
        const uint8_t c[3] = {s[0], s[1], s[2]};
        for (int j = 0; j < 3; j++) pixels[3 * i + j] = (uint8_t)(k - times255(255u - c[j], k));
    }
}

/* With Huffman codes a block of 64 pixels takes at least one bit, so a byte holds at most 512
 * pixels. A file that claims eight times as many is a bomb: with arithmetic coding it would decode
 * from almost nothing. */
static duet_status check_density(int64_t pixels, int64_t size, const char *name) {
    if (pixels <= 4096 * size || pixels <= 1 << 16) return DUET_OK;
    return duet_fail(
        DUET_FORMAT,
        "image '%s': damaged JPEG: %lld bytes cannot hold the %lld pixels that it claims", name,
        (long long)size, (long long)pixels);
}

/* Everything that may longjmp; the state that survives is in `d`. Returns the number of samples per
 * pixel, or 0 with d->status set. */
static int decode_rows(decoder *d, const uint8_t *bytes, int64_t size, const char *name) {
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg->client_data = d;
    jpeg->progress = &d->progress;
    jpeg_mem_src(jpeg, bytes, (unsigned long)size);
    jpeg_read_header(jpeg, TRUE);
    d->status = duet_image_check((int64_t)jpeg->image_width, (int64_t)jpeg->image_height, name);
    if (d->status == DUET_OK)
        d->status =
            check_density((int64_t)jpeg->image_width * (int64_t)jpeg->image_height, size, name);
    if (d->status != DUET_OK) return 0;
    if (jpeg->num_components == 1)
        jpeg->out_color_space = JCS_GRAYSCALE;
    else if (jpeg->num_components == 4)
        jpeg->out_color_space = JCS_CMYK;
    else
        jpeg->out_color_space = JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW;
    jpeg->do_fancy_upsampling = TRUE;
    jpeg_start_decompress(jpeg);
    const int samples = jpeg->output_components;
    const int64_t stride = (int64_t)jpeg->output_width * samples;
    d->status = duet_alloc(&d->pixels, stride * (int64_t)jpeg->output_height, 1);
    if (d->status != DUET_OK) return 0;
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = d->pixels + stride * (int64_t)jpeg->output_scanline;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
    return samples;
}

/* setjmp stands in a function that owns nothing: what `d` holds stays defined after a jump. */
static duet_status decode_guarded(decoder *d, duet_image *out, const uint8_t *bytes, int64_t size,
                                  int channels, const char *name) {
    if (setjmp(d->escape))
        return duet_fail(DUET_FORMAT, "image '%s': damaged or cut-off JPEG: %s", name, d->message);
    const int samples = decode_rows(d, bytes, size, name);
    if (!samples) return d->status;
    const int64_t width = (int64_t)d->jpeg.output_width, height = (int64_t)d->jpeg.output_height;
    if (samples == 4) rgb_from_cmyk(d->pixels, width * height);
    return duet_image_from_pixels(out, d->pixels, width, height, samples == 4 ? 3 : samples,
                                  channels);
}

static duet_status decode(duet_image *out, const uint8_t *bytes, int64_t size, int channels,
                          const char *name) {
    decoder d = {0};
    d.jpeg.err = jpeg_std_error(&d.errors);
    d.jpeg.client_data = &d;
    d.errors.error_exit = on_error;
    d.errors.emit_message = on_message;
    d.errors.output_message = on_output;
    d.progress.progress_monitor = on_progress;
    const duet_status status = decode_guarded(&d, out, bytes, size, channels, name);
    jpeg_destroy_decompress(&d.jpeg);
    duet_release(d.pixels);
    return status;
}

const duet_image_format duet_image_jpeg = {
    .info = {.name = "jpeg", .help = "JPEG, baseline and progressive", .params = DUET_TABLE_EMPTY},
    .detect = detect,
    .decode = decode,
    .extensions = "jpg|jpeg|jpe|jfif|pjpeg|pjp",
};
