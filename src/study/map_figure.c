/* SPDX-License-Identifier: MIT
 * study/map_figure.c: see map_figure.h. Images stand where they do not touch one that stands
 * already, in the order of the rows, which were drawn at random; the other points are dots. */
#include "study/map_figure.h"

#include <math.h>

#include "base/error.h"
#include "base/mem.h"
#include "figure/colours.h"

enum { LEGEND_MOST = 30 };
static const double WIDTH = 1180, TOP = 62, EDGE = 22, LEGEND = 170, HIGH = 920, LOW = 300,
                    SIDE = 26, FRAME = 2, DOT = 3.2;

typedef struct drawing {
    const duet_map_points *p;
    const duet_dataset_info *info;
    duet_figure *figure;
    double *place;        /* [rows,2] in the figure */
    bool *stands;         /* [rows] as an image */
    double width, height; /* of the room for points */
} drawing;

static duet_colour colour_of(const drawing *d, int64_t i) {
    const int32_t label = d->p->labels[i];
    return label >= 0 ? duet_class_colour(label, d->info->class_count) : 0x5f6b76;
}

static void find_range(const duet_map_points *p, double low[2], double high[2]) {
    low[0] = low[1] = INFINITY;
    high[0] = high[1] = -INFINITY;
    for (int64_t i = 0; i < 2 * p->rows; i++) {
        low[i % 2] = fmin(low[i % 2], p->point[i]);
        high[i % 2] = fmax(high[i % 2], p->point[i]);
    }
}

/* The points fill the room, with one scale for both directions, upwards; it is as high as they
 * need. */
static void place_points(drawing *d) {
    const double edge = SIDE / 2 + FRAME + EDGE;
    double low[2], high[2], from[2] = {edge, TOP + edge};
    find_range(d->p, low, high);
    const double across = fmax(high[0] - low[0], 1e-300), up = fmax(high[1] - low[1], 1e-300),
                 room = d->width - 2 * edge, scale = fmin(room / across, (HIGH - 2 * edge) / up);
    d->height = fmax(scale * up + 2 * edge, LOW);
    from[0] += (room - scale * across) / 2;
    from[1] += (d->height - 2 * edge - scale * up) / 2;
    for (int64_t i = 0; i < d->p->rows; i++) {
        d->place[2 * i] = from[0] + scale * (d->p->point[2 * i] - low[0]);
        d->place[2 * i + 1] = from[1] + scale * (high[1] - d->p->point[2 * i + 1]);
    }
}

static void choose_images(const drawing *d) {
    const double apart = SIDE + 2 * FRAME + 1;
    for (int64_t i = 0; i < d->p->rows; i++) {
        d->stands[i] = true;
        for (int64_t k = 0; k < i && d->stands[i]; k++)
            d->stands[i] = !d->stands[k] || fabs(d->place[2 * i] - d->place[2 * k]) >= apart ||
                           fabs(d->place[2 * i + 1] - d->place[2 * k + 1]) >= apart;
    }
}

static void name_item(const drawing *d, int64_t i) {
    const int32_t label = d->p->labels[i];
    char row[256], tip[512];
    duet_dataset_row_name(d->p->dataset, d->p->split, d->p->index[i], row, sizeof row);
    duet_format(tip, sizeof tip, "%s%s%s", label >= 0 ? d->info->class_names[label] : "",
                label >= 0 ? ", " : "", row);
    duet_figure_tip(d->figure, tip);
}

static void draw_dots(const drawing *d) {
    for (int64_t i = 0; i < d->p->rows; i++) {
        if (d->stands[i]) continue;
        duet_figure_dot(d->figure, d->place[2 * i], d->place[2 * i + 1], DOT,
                        (duet_pen){.colour = colour_of(d, i), .alpha = 0.8});
        name_item(d, i);
    }
}

static duet_status draw_images(const drawing *d) {
    const duet_preprocess *how = d->p->how;
    duet_status status = DUET_OK;
    uint8_t *pixels = NULL;
    const double side = SIDE + 2 * FRAME;
    DUET_TRY(duet_alloc(&pixels, how->size * how->size * how->channels, 1));
    const duet_figure_pixels image = {
        .pixels = pixels, .rows = how->size, .columns = how->size, .channels = how->channels};
    for (int64_t i = 0; i < d->p->rows; i++) {
        if (!d->stands[i]) continue;
        const double x = d->place[2 * i] - side / 2, y = d->place[2 * i + 1] - side / 2;
        DUET_DO(duet_dataset_read(d->p->dataset, d->p->split, d->p->index[i], how, pixels));
        duet_figure_box(d->figure, x, y, side, side,
                        (duet_pen){.colour = colour_of(d, i), .round = 3});
        duet_figure_image(d->figure, x + FRAME, y + FRAME, SIDE, SIDE, &image);
        name_item(d, i);
    }
done:
    duet_release(pixels);
    return status;
}

static int64_t rows_of(const drawing *d, int label) {
    int64_t count = 0;
    for (int64_t i = 0; i < d->p->rows; i++) count += d->p->labels[i] == label;
    return count;
}

/* Of the classes that have points. */
static void draw_legend(const drawing *d) {
    const double x = d->width + 8;
    double y = TOP + EDGE + 8;
    for (int k = 0, shown = 0; k < d->info->class_count; k++) {
        if (rows_of(d, k) == 0) continue;
        if (++shown > LEGEND_MOST || y > TOP + d->height - 12) {
            duet_figure_text(d->figure, x, y + 4, "…", (duet_words){.colour = DUET_SOFT});
            return;
        }
        char name[32], text[40];
        const bool whole = duet_copy_text(name, sizeof name, d->info->class_names[k]);
        duet_format(text, sizeof text, "%s%s", name, whole ? "" : "…");
        duet_figure_dot(d->figure, x + 6, y, 5.5,
                        (duet_pen){.colour = duet_class_colour(k, d->info->class_count)});
        duet_figure_text(d->figure, x + 19, y + 4.3, text,
                         (duet_words){.size = 12.5, .colour = DUET_INK});
        y += 23;
    }
}

static duet_status draw(drawing *d) {
    DUET_TRY(duet_alloc(&d->place, 2 * d->p->rows, sizeof *d->place));
    DUET_TRY(duet_alloc(&d->stands, d->p->rows, sizeof *d->stands));
    place_points(d);
    DUET_TRY(duet_figure_new(&d->figure, WIDTH, TOP + d->height, d->p->note));
    duet_figure_text(d->figure, EDGE, 28, d->p->title,
                     (duet_words){.size = 15, .colour = DUET_INK, .bold = true});
    duet_figure_text(d->figure, EDGE, 49, d->p->line,
                     (duet_words){.size = 12.5, .colour = DUET_SOFT});
    choose_images(d);
    draw_dots(d);
    DUET_TRY(draw_images(d));
    if (d->info->labelled) draw_legend(d);
    return DUET_OK;
}

duet_status duet_map_figure(duet_figure **out, const duet_map_points *points) {
    drawing d = {.p = points, .info = duet_dataset_describe(points->dataset)};
    d.width = d.info->labelled ? WIDTH - LEGEND : WIDTH;
    const duet_status status = draw(&d);
    duet_release(d.place);
    duet_release(d.stands);
    if (status == DUET_OK)
        *out = d.figure;
    else
        duet_figure_free(d.figure);
    return status;
}
