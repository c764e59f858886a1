/* SPDX-License-Identifier: MIT
 * diffusion/walk.c: the way of images from noise as a picture. Of a pass of n steps, frame f of F
 * keeps the first step k (from 1) with floor(k F / n) = f + 1, so that the last frame is the end. A
 * strip shows some of the frames, spread evenly. Noisy images of large variance are divided by
 * their root mean square, so that all look alike whatever the schedule. */
#include <math.h>
#include <string.h>

#include <duet/data.h>
#include <duet/sample.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/animation.h"
#include "run/grid.h"
#include "run/image_note.h"

enum { MOST_FRAMES = 48, STRIP_FRAMES = 10, GAP = 2, DOUBLED = 64, FRAME_MS = 80, LAST_MS = 2000 };
#define MOST_BYTES ((int64_t)64 << 20) /* of all frames */

struct duet_walk {
    int64_t count, size, dim; /* images that are kept so far; side and values of an image */
    int64_t most, *id;        /* [most] numbers of the images */
    int channels;
    int64_t frames;  /* 0 until the first step */
    uint8_t *x, *x0; /* [frames, most, dim] */
    bool *seen;      /* [frames, most] */
    float *row;      /* [dim] */
};

duet_status duet_walk_new(duet_walk **out, int64_t count, int64_t size, int channels) {
    duet_walk *w = NULL;
    if (count < 1 || size < 1 || (channels != 1 && channels != 3))
        return duet_fail(DUET_ARG, "a walk of %lld images of %lld pixels and %d channels",
                         (long long)count, (long long)size, channels);
    DUET_TRY(duet_alloc(&w, 1, sizeof *w));
    *w = (duet_walk){
        .most = count, .size = size, .dim = size * size * channels, .channels = channels};
    duet_status status = duet_alloc(&w->row, w->dim, sizeof *w->row);
    if (status == DUET_OK) status = duet_alloc(&w->id, count, sizeof *w->id);
    if (status == DUET_OK)
        *out = w;
    else
        duet_walk_free(w);
    return status;
}

void duet_walk_free(duet_walk *walk) {
    if (walk == NULL) return;
    duet_release(walk->x);
    duet_release(walk->x0);
    duet_release(walk->seen);
    duet_release(walk->row);
    duet_release(walk->id);
    duet_release(walk);
}

int64_t duet_walk_frames(const duet_walk *walk) {
    return walk->frames;
}

static duet_status make_room(duet_walk *w, int64_t steps) {
    int64_t frames = MOST_BYTES / (2 * w->most * w->dim);
    if (frames > MOST_FRAMES) frames = MOST_FRAMES;
    if (frames < 2) frames = 2;
    if (frames > steps) frames = steps;
    DUET_TRY(duet_alloc(&w->x, frames * w->most, (size_t)w->dim));
    DUET_TRY(duet_alloc(&w->x0, frames * w->most, (size_t)w->dim));
    DUET_TRY(duet_alloc(&w->seen, frames * w->most, sizeof *w->seen));
    w->frames = frames;
    return DUET_OK;
}

static void keep(duet_walk *w, int64_t place, const double *x, const float *x0) {
    double squares = 0;
    for (int64_t i = 0; i < w->dim; i++) squares += x[i] * x[i];
    const double rms = sqrt(squares / (double)w->dim), scale = rms > 1 ? 1 / rms : 1;
    for (int64_t i = 0; i < w->dim; i++) w->row[i] = (float)(x[i] * scale);
    duet_float_to_pixels(w->x + place * w->dim, w->row, w->dim);
    if (x0 != NULL)
        duet_float_to_pixels(w->x0 + place * w->dim, x0, w->dim);
    else
        memcpy(w->x0 + place * w->dim, w->x + place * w->dim, (size_t)w->dim);
    w->seen[place] = true;
}

/* The place of an image among those that are kept, the first that are seen; -1 = it is not. */
static int64_t place_of(duet_walk *w, int64_t id) {
    for (int64_t i = 0; i < w->count; i++)
        if (w->id[i] == id) return i;
    if (w->count == w->most) return -1;
    w->id[w->count] = id;
    return w->count++;
}

duet_status duet_walk_watch(const duet_generator_step *step, void *walk) {
    duet_walk *const w = walk;
    for (int64_t r = 0; r < step->rows; r++) {
        const int64_t image = place_of(w, step->index[r]);
        if (image < 0) continue;
        if (w->frames == 0) DUET_TRY(make_room(w, step->total));
        const int64_t frame = step->done * w->frames / step->total - 1,
                      before = (step->done - 1) * w->frames / step->total - 1;
        if (frame == before || frame >= w->frames) continue;
        keep(w, frame * w->most + image, step->x + r * w->dim,
             step->x0 != NULL ? step->x0 + r * w->dim : NULL);
    }
    return DUET_OK;
}

/* ---- pictures ---- */

/* The frame's image, or that of the last frame before that has one. */
static const uint8_t *at(const duet_walk *w, const uint8_t *of, int64_t frame, int64_t image) {
    while (frame > 0 && !w->seen[frame * w->most + image]) frame--;
    return of + (frame * w->most + image) * w->dim;
}

typedef struct view { /* what is shown */
    const uint8_t *of[2];
    int64_t kinds;
} view;

static duet_status view_of(view *out, const duet_walk *w, const char *what) {
    const bool both = strcmp(what, "both") == 0, x0 = strcmp(what, "x0") == 0;
    if (!both && !x0 && strcmp(what, "x") != 0)
        return duet_fail(DUET_ARG, "a walk shows x0, x or both, not '%s'", what);
    *out = both ? (view){{w->x, w->x0}, 2} : (view){{x0 ? w->x0 : w->x, NULL}, 1};
    return DUET_OK;
}

static int64_t scale_of(const duet_walk *w) {
    return w->size <= DOUBLED ? 2 : 1;
}

/* For each image a line of frames, x above x0 where both are shown. */
static duet_status make_strip(duet_image *out, const duet_walk *w, const view *v) {
    const int64_t columns = w->frames < STRIP_FRAMES ? w->frames : STRIP_FRAMES,
                  lines = w->count * v->kinds;
    uint8_t *cells = NULL; /* [lines, columns, dim] */
    DUET_TRY(duet_alloc(&cells, lines * columns, (size_t)w->dim));
    for (int64_t i = 0; i < lines * columns; i++) {
        const int64_t line = i / columns, frame = (i % columns + 1) * w->frames / columns - 1;
        memcpy(cells + i * w->dim, at(w, v->of[line % v->kinds], frame, line / v->kinds),
               (size_t)w->dim);
    }
    const duet_status status = duet_grid(out, cells, lines * columns, w->size, w->size, w->channels,
                                         columns, GAP, scale_of(w));
    duet_release(cells);
    return status;
}

/* One frame: the images side by side. */
static duet_status make_frame(duet_image *out, const duet_walk *w, const view *v, int64_t frame) {
    uint8_t *cells = NULL; /* [kinds, count, dim] */
    DUET_TRY(duet_alloc(&cells, v->kinds * w->count, (size_t)w->dim));
    for (int64_t i = 0; i < v->kinds * w->count; i++)
        memcpy(cells + i * w->dim, at(w, v->of[i / w->count], frame, i % w->count), (size_t)w->dim);
    const duet_status status = duet_grid(out, cells, v->kinds * w->count, w->size, w->size,
                                         w->channels, w->count, GAP, scale_of(w));
    duet_release(cells);
    return status;
}

typedef struct film {
    uint8_t *pixels; /* [frames, height, width, channels] */
    duet_frames frames;
    int ms[MOST_FRAMES];
} film;

static duet_status make_film(film *out, const duet_walk *w, const view *v) {
    for (int64_t f = 0; f < w->frames; f++) {
        duet_image image = {0};
        DUET_TRY(make_frame(&image, w, v, f));
        const int64_t bytes = image.width * image.height * image.channels;
        duet_status status = DUET_OK;
        if (out->pixels == NULL) status = duet_alloc(&out->pixels, w->frames * bytes, 1);
        if (status == DUET_OK) memcpy(out->pixels + f * bytes, image.pixels, (size_t)bytes);
        out->frames = (duet_frames){.pixels = out->pixels,
                                    .count = w->frames,
                                    .height = image.height,
                                    .width = image.width,
                                    .channels = image.channels,
                                    .ms = out->ms};
        out->ms[f] = f == w->frames - 1 ? LAST_MS : FRAME_MS;
        duet_image_free(&image);
        DUET_TRY(status);
    }
    return DUET_OK;
}

static duet_status write_film(const duet_walk *w, const view *v, const char *path, bool gif,
                              const duet_image_note *note, int texts) {
    duet_status status = DUET_OK;
    duet_bytes bytes = {0};
    film made = {0};
    DUET_DO(make_film(&made, w, v));
    if (gif)
        DUET_DO(duet_gif_encode(&bytes, &made.frames, note->line));
    else
        DUET_DO(duet_apng_encode(&bytes, &made.frames, note->texts, texts));
    DUET_DO(duet_file_write(path, bytes.data, bytes.size));
done:
    duet_bytes_free(&bytes);
    duet_release(made.pixels);
    return status;
}

static duet_status write_strip(const duet_walk *w, const view *v, const char *path,
                               const duet_image_note *note, int texts) {
    duet_image strip = {0};
    DUET_TRY(make_strip(&strip, w, v));
    const duet_status status = duet_image_write_png(path, &strip, note->texts, texts);
    duet_image_free(&strip);
    return status;
}

static duet_status make_note(duet_image_note *out, const duet_walk *w,
                             const duet_image_origin *origin) {
    const duet_image_shown shown = {
        .index = w->id, .count = w->count, .size = w->size, .columns = w->count};
    return duet_image_note_make(out, origin, &shown);
}

duet_status duet_walk_write(const duet_walk *walk, const char *path, const char *what,
                            const duet_image_origin *origin) {
    const bool gif = duet_ends_with(path, ".gif"), apng = duet_ends_with(path, ".apng");
    duet_image_note note = {0};
    view v = {0};
    DUET_TRY(view_of(&v, walk, what));
    if (!gif && !apng && !duet_ends_with(path, ".png"))
        return duet_fail(DUET_ARG, "unknown format of '%s'; end it in .png, .gif or .apng", path);
    if (walk->frames == 0)
        return duet_fail(DUET_ARG, "nothing was seen of the images' way, for '%s'", path);
    if (origin != NULL) DUET_TRY(make_note(&note, walk, origin));
    const int texts = origin != NULL ? DUET_IMAGE_NOTES : 0;
    const duet_status status = gif || apng ? write_film(walk, &v, path, gif, &note, texts)
                                           : write_strip(walk, &v, path, &note, texts);
    duet_image_note_free(&note);
    return status;
}
