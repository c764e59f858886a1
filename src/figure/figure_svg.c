/* SPDX-License-Identifier: MIT
 * figure/figure_svg.c: a figure as SVG. Images are PNGs in base64; nothing is outside of the
 * text. */
#include "base/error.h"
#include "figure/items.h"

static const char font[] =
    "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Noto Sans','Liberation "
    "Sans',Arial,sans-serif";

/* Element content and quoted attributes. */
static void escape(duet_str *out, const char *text) {
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '&')
            duet_str_add(out, "&amp;");
        else if (c == '<')
            duet_str_add(out, "&lt;");
        else if (c == '>')
            duet_str_add(out, "&gt;");
        else if (c == '"')
            duet_str_add(out, "&quot;");
        else
            duet_str_bytes(out, c < 0x20 || c == 0x7F ? " " : text, 1);
    }
}

/* property:colour, as the page has it. */
static void colour(duet_str *out, const char *property, duet_colour colour, bool page) {
    uint8_t rgb[3];
    const char *const role = page ? duet_colour_role(colour) : NULL;
    duet_figure_rgb(rgb, colour);
    if (role != NULL)
        duet_str_format(out, "%s:%s", property, role);
    else
        duet_str_format(out, "%s:#%02x%02x%02x", property, rgb[0], rgb[1], rgb[2]);
}

static void style(duet_str *out, const duet_pen *pen, bool page) {
    duet_str_add(out, " style=\"");
    if (pen->line > 0) {
        colour(out, "fill:none;stroke", pen->colour, page);
        duet_str_format(out, ";stroke-width:%g", pen->line);
    } else {
        colour(out, "fill", pen->colour, page);
    }
    if (pen->alpha > 0) duet_str_format(out, ";opacity:%g", pen->alpha);
    duet_str_add(out, "\"");
}

static void end(duet_str *out, const duet_item *item, const char *name) {
    if (item->tip == NULL) {
        duet_str_add(out, "/>\n");
        return;
    }
    duet_str_add(out, "><title>");
    escape(out, item->tip);
    duet_str_format(out, "</title></%s>\n", name);
}

static void put_box(duet_str *out, const duet_item *i, bool page) {
    const double half = i->pen.line / 2; /* the line lies inside */
    duet_str_format(out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"", i->x + half,
                    i->y + half, i->width - 2 * half, i->height - 2 * half);
    if (i->pen.round > 0) duet_str_format(out, " rx=\"%g\"", i->pen.round);
    style(out, &i->pen, page);
    end(out, i, "rect");
}

static void put_line(duet_str *out, const duet_item *i, bool page) {
    duet_str_format(out, "<path stroke-linecap=\"round\" d=\"M%.2f %.2fL%.2f %.2f\"", i->x, i->y,
                    i->width, i->height);
    style(out, &i->pen, page);
    end(out, i, "path");
}

static void put_dot(duet_str *out, const duet_item *i, bool page) {
    duet_str_format(out, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\"", i->x, i->y,
                    i->width - i->pen.line / 2);
    style(out, &i->pen, page);
    end(out, i, "circle");
}

static void put_text(duet_str *out, const duet_item *i, bool page) {
    static const char *const anchors[] = {"start", "middle", "end"};
    duet_str_format(out, "<text text-anchor=\"%s\"", anchors[i->words.anchor]);
    if (i->words.turn != 0)
        duet_str_format(out, " transform=\"translate(%.2f %.2f)rotate(%g)\"", i->x, i->y,
                        i->words.turn);
    else
        duet_str_format(out, " x=\"%.2f\" y=\"%.2f\"", i->x, i->y);
    duet_str_format(out, " style=\"font-size:%gpx;%s", i->words.size,
                    i->words.bold ? "font-weight:650;" : "");
    colour(out, "fill", i->words.colour, page);
    duet_str_add(out, "\">");
    escape(out, i->text);
    duet_str_add(out, "</text>\n");
}

static duet_status put_image(duet_str *out, const duet_item *i) {
    const duet_image image = {.width = i->image.columns,
                              .height = i->image.rows,
                              .channels = i->image.channels,
                              .pixels = (uint8_t *)(uintptr_t)i->image.pixels};
    duet_bytes png = {0};
    DUET_TRY(duet_image_encode_png(&png, &image, NULL, 0));
    duet_str_format(out,
                    "<image x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" "
                    "preserveAspectRatio=\"none\"%s href=\"data:image/png;base64,",
                    i->x, i->y, i->width, i->height,
                    i->image.smooth ? "" : " style=\"image-rendering:pixelated\"");
    duet_str_base64(out, png.data, png.size);
    duet_str_add(out, "\"");
    end(out, i, "image");
    duet_bytes_free(&png);
    return DUET_OK;
}

static duet_status put(duet_str *out, const duet_item *item, bool page) {
    switch (item->kind) {
    case DUET_ITEM_BOX:
        put_box(out, item, page);
        break;
    case DUET_ITEM_LINE:
        put_line(out, item, page);
        break;
    case DUET_ITEM_DOT:
        put_dot(out, item, page);
        break;
    case DUET_ITEM_TEXT:
        put_text(out, item, page);
        break;
    case DUET_ITEM_IMAGE:
        return put_image(out, item);
    }
    return DUET_OK;
}

duet_status duet_figure_svg(const duet_figure *figure, bool page, duet_str *out) {
    if (figure->failed) return duet_fail(DUET_NO_MEMORY, "out of memory for a figure");
    DUET_TRY(duet_arena_status(figure->arena));
    duet_str_format(out, "<svg %s viewBox=\"0 0 %g %g\" ",
                    page ? "class=\"chart\"" : "xmlns=\"http://www.w3.org/2000/svg\"",
                    figure->width, figure->height);
    if (page)
        duet_str_format(out, "style=\"max-width:%gpx\"", figure->width);
    else
        duet_str_format(out, "width=\"%g\" height=\"%g\" font-family=\"%s\"", figure->width,
                        figure->height, font);
    duet_str_add(out, " role=\"img\" aria-label=\"");
    escape(out, figure->note);
    duet_str_add(out, "\">\n");
    if (!page) duet_str_add(out, "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
    for (int64_t i = 0; i < figure->count; i++) DUET_TRY(put(out, &figure->item[i], page));
    duet_str_add(out, "</svg>\n");
    return duet_str_status(out);
}
