/* SPDX-License-Identifier: MIT
 * figure/figure.c: the list of items, colours, and files. */
#include "figure/figure.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "figure/items.h"
#include "figure/letters.h"
#include "io/resize.h"

static const struct {
    const char *role;
    uint32_t rgb;
} roles[] = {
    {"var(--ink)", 0x1b2026},  {"var(--soft)", 0x56606c}, {"var(--faint)", 0x7d8791},
    {"var(--line)", 0xe3e5e8}, {"var(--bg)", 0xffffff},   {"var(--warm)", 0xc05a12},
};

void duet_figure_rgb(uint8_t rgb[3], duet_colour colour) {
    const uint32_t value = colour >= DUET_INK ? roles[colour - DUET_INK].rgb : colour;
    for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(value >> (16 - 8 * c));
}

const char *duet_colour_role(duet_colour colour) {
    return colour >= DUET_INK ? roles[colour - DUET_INK].role : NULL;
}

duet_status duet_figure_new(duet_figure **out, double width, double height, const char *note) {
    duet_figure *figure = NULL;
    DUET_TRY(duet_alloc(&figure, 1, sizeof *figure));
    figure->width = ceil(width);
    figure->height = ceil(height);
    const duet_status status = duet_arena_new(&figure->arena);
    if (status != DUET_OK) {
        duet_release(figure);
        return status;
    }
    figure->note = duet_arena_text(figure->arena, note);
    *out = figure;
    return DUET_OK;
}

void duet_figure_free(duet_figure *figure) {
    if (figure == NULL) return;
    duet_arena_free(figure->arena);
    duet_release(figure->item);
    duet_release(figure);
}

static void add(duet_figure *f, const duet_item *item) {
    if (!f->failed && duet_grow(&f->item, &f->room, f->count + 1, sizeof *f->item) == DUET_OK)
        f->item[f->count++] = *item;
    else
        f->failed = true;
}

void duet_figure_box(duet_figure *figure, double x, double y, double width, double height,
                     duet_pen pen) {
    add(figure,
        &(duet_item){
            .kind = DUET_ITEM_BOX, .x = x, .y = y, .width = width, .height = height, .pen = pen});
}

void duet_figure_line(duet_figure *figure, double x0, double y0, double x1, double y1,
                      duet_pen pen) {
    if (pen.line <= 0) pen.line = 1;
    add(figure,
        &(duet_item){
            .kind = DUET_ITEM_LINE, .x = x0, .y = y0, .width = x1, .height = y1, .pen = pen});
}

void duet_figure_dot(duet_figure *figure, double x, double y, double radius, duet_pen pen) {
    add(figure, &(duet_item){.kind = DUET_ITEM_DOT, .x = x, .y = y, .width = radius, .pen = pen});
}

void duet_figure_text(duet_figure *figure, double x, double y, const char *text, duet_words words) {
    if (words.size <= 0) words.size = 12;
    if (text == NULL || *text == '\0') return;
    add(figure, &(duet_item){.kind = DUET_ITEM_TEXT,
                             .x = x,
                             .y = y,
                             .words = words,
                             .pen = {.colour = words.colour},
                             .text = duet_arena_text(figure->arena, text)});
}

double duet_figure_text_width(const char *text, double size, bool bold) {
    return duet_letters_width(text) * size / DUET_LETTERS_EM * (bold ? 1.13 : 1.08);
}

/* Keeps pixels in the arena. */
static void keep_pixels(duet_figure *f, duet_figure_pixels *image) {
    const int64_t bytes = image->rows * image->columns * image->channels;
    uint8_t *const copy = duet_arena_alloc(f->arena, bytes, 1);
    if (copy != NULL) memcpy(copy, image->pixels, (size_t)bytes);
    image->pixels = copy;
}

/* More than twice as many pixels as it is shown with are of no use, and make files large. */
static void shrink(duet_figure *f, duet_figure_pixels *image, double width, double height) {
    const int64_t columns = 2 * (int64_t)ceil(width), rows = 2 * (int64_t)ceil(height);
    const duet_image in = {.width = image->columns,
                           .height = image->rows,
                           .channels = image->channels,
                           .pixels = (uint8_t *)(uintptr_t)image->pixels};
    duet_image out = {0};
    if (columns >= image->columns || rows >= image->rows) {
        keep_pixels(f, image);
        return;
    }
    f->failed |= duet_image_resize(&out, &in, columns, rows, DUET_FILTER_BICUBIC) != DUET_OK;
    if (f->failed) return;
    image->pixels = out.pixels;
    image->columns = columns;
    image->rows = rows;
    keep_pixels(f, image);
    duet_image_free(&out);
}

void duet_figure_image(duet_figure *figure, double x, double y, double width, double height,
                       const duet_figure_pixels *image) {
    duet_item item = {
        .kind = DUET_ITEM_IMAGE, .x = x, .y = y, .width = width, .height = height, .image = *image};
    shrink(figure, &item.image, width, height);
    if (item.image.pixels != NULL) add(figure, &item);
}

void duet_figure_tip(duet_figure *figure, const char *text) {
    if (figure->count > 0 && !figure->failed)
        figure->item[figure->count - 1].tip = duet_arena_text(figure->arena, text);
}

static duet_status write_svg(const duet_figure *figure, const char *path) {
    duet_str text = {0};
    duet_status status = duet_figure_svg(figure, false, &text);
    if (status == DUET_OK) status = duet_file_write(path, text.text, text.size);
    duet_str_free(&text);
    return status;
}

duet_status duet_figure_write(const duet_figure *figure, const char *path) {
    duet_image image = {0};
    if (duet_ends_with(path, ".svg")) return write_svg(figure, path);
    if (!duet_ends_with(path, ".png"))
        return duet_fail(DUET_ARG, "unknown format of '%s'; end it in .png or .svg", path);
    const duet_image_text note = {"Description", figure->note};
    DUET_TRY(duet_figure_draw(figure, 2, &image));
    const duet_status status = duet_image_write_png(path, &image, &note, 1);
    duet_image_free(&image);
    return status;
}
