/* SPDX-License-Identifier: MIT
 * run/save.c: writes images, as they are generated, to a grid, an npz in guided-diffusion's
 * layout, a zip in EDM's, or a folder of PNGs. The size of an archive is known only at the end: its
 * bytes wait in a temporary file, not in memory. Only a grid is held in memory. */
#include <stdio.h>
#include <string.h>

#include <duet/run.h>
#include <duet/store.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/spool.h"
#include "base/str.h"
#include "io/image_zip.h"
#include "run/grid.h"

typedef struct kind {
    duet_status (*open)(duet_image_sink *sink);
    duet_status (*put)(duet_image_sink *sink, const uint8_t *pixels); /* one image */
    duet_status (*commit)(duet_image_sink *sink); /* NULL: each image is final */
} kind;

struct duet_image_sink {
    const kind *kind;
    char path[DUET_PATH_SIZE];
    int64_t count, size, done, columns; /* wanted; side; taken; of a grid */
    int channels;
    char *note;
    duet_spool spool;
    uint8_t *held;    /* grid [count,S,S,C]; npz [S,S,3] */
    duet_image image; /* zip and folder: [S,S,C] */
    int64_t *end;     /* [count] zip: size of each PNG in the spool */
};

static int64_t image_bytes(const duet_image_sink *s) {
    return s->size * s->size * s->channels;
}

static duet_image_text text_of(const duet_image_sink *s) {
    return (duet_image_text){.key = "parameters", .value = s->note};
}

static duet_status open_grid(duet_image_sink *s) {
    return duet_alloc(&s->held, s->count * image_bytes(s), 1);
}

static duet_status put_grid(duet_image_sink *s, const uint8_t *pixels) {
    memcpy(s->held + s->done * image_bytes(s), pixels, (size_t)image_bytes(s));
    return DUET_OK;
}

static duet_status commit_grid(duet_image_sink *s) {
    duet_image sheet = {0};
    const duet_image_text text = text_of(s);
    const int64_t scale = s->size <= 64 ? 2 : 1;
    DUET_TRY(
        duet_grid(&sheet, s->held, s->count, s->size, s->size, s->channels, s->columns, 2, scale));
    const duet_status status =
        duet_image_write_png(s->path, &sheet, &text, text.value != NULL ? 1 : 0);
    duet_image_free(&sheet);
    return status;
}

static duet_status open_npz(duet_image_sink *s) {
    DUET_TRY(duet_alloc(&s->held, s->size * s->size * 3, 1));
    return duet_spool_open(&s->spool, s->path);
}

static duet_status put_npz(duet_image_sink *s, const uint8_t *pixels) {
    const int64_t total = s->size * s->size;
    for (int64_t i = 0; i < total; i++)
        for (int c = 0; c < 3; c++)
            s->held[i * 3 + c] = pixels[i * s->channels + (s->channels == 3 ? c : 0)];
    return duet_spool_put(&s->spool, s->held, total * 3);
}

static duet_status commit_npz(duet_image_sink *s) {
    const uint8_t *rgb = NULL; /* [count,S,S,3] */
    DUET_TRY(duet_spool_map(&s->spool, &rgb));
    const duet_store_item item = {.name = "arr_0",
                                  .dtype = DUET_U8,
                                  .stored = DUET_U8,
                                  .shape = {.rank = 4, .dim = {s->count, s->size, s->size, 3}},
                                  .data = rgb};
    return duet_store_write(s->path, "npz", &item, 1, NULL, 0);
}

static duet_status open_zip(duet_image_sink *s) {
    DUET_TRY(duet_image_new(&s->image, s->size, s->size, s->channels));
    DUET_TRY(duet_alloc(&s->end, s->count, sizeof *s->end));
    return duet_spool_open(&s->spool, s->path);
}

static duet_status put_zip(duet_image_sink *s, const uint8_t *pixels) {
    const duet_image_text text = text_of(s);
    duet_bytes png = {0};
    memcpy(s->image.pixels, pixels, (size_t)image_bytes(s));
    DUET_TRY(duet_image_encode_png(&png, &s->image, &text, text.value != NULL ? 1 : 0));
    const duet_status status = duet_spool_put(&s->spool, png.data, png.size);
    duet_bytes_free(&png);
    s->end[s->done] = s->spool.size;
    return status;
}

/* The format of EDM's data sets, without labels. */
static duet_status commit_zip(duet_image_sink *s) {
    const uint8_t *bytes = NULL;
    duet_bytes *png = NULL;
    DUET_TRY(duet_spool_map(&s->spool, &bytes));
    DUET_TRY(duet_alloc(&png, s->count + 1, sizeof *png));
    for (int64_t i = 0; i < s->count; i++) {
        const int64_t from = i > 0 ? s->end[i - 1] : 0;
        png[i] =
            (duet_bytes){.data = (uint8_t *)(uintptr_t)(bytes + from), .size = s->end[i] - from};
    }
    const duet_status status = duet_image_zip_write(s->path, png, NULL, NULL, s->count);
    duet_release(png);
    return status;
}

static duet_status open_folder(duet_image_sink *s) {
    DUET_TRY(duet_folder_make(s->path));
    return duet_image_new(&s->image, s->size, s->size, s->channels);
}

static duet_status put_folder(duet_image_sink *s, const uint8_t *pixels) {
    const duet_image_text text = text_of(s);
    char name[32], file[DUET_PATH_SIZE];
    snprintf(name, sizeof name, "%06lld.png", (long long)s->done);
    DUET_TRY(duet_path_join(file, s->path, name));
    memcpy(s->image.pixels, pixels, (size_t)image_bytes(s));
    return duet_image_write_png(file, &s->image, &text, text.value != NULL ? 1 : 0);
}

static const kind *kind_of(const char *path) {
    static const struct {
        const char *ending;
        kind kind;
    } kinds[] = {{".png", {open_grid, put_grid, commit_grid}},
                 {".npz", {open_npz, put_npz, commit_npz}},
                 {".zip", {open_zip, put_zip, commit_zip}}};
    static const kind folder = {open_folder, put_folder, NULL};
    const char *const base = duet_path_base(path);
    for (int i = 0; i < DUET_COUNT(kinds); i++)
        if (duet_ends_with(path, kinds[i].ending)) return &kinds[i].kind;
    if (*base == '\0' || strchr(base, '.') == NULL || duet_path_is_folder(path)) return &folder;
    return NULL;
}

static duet_status keep_note(duet_image_sink *s, const char *note) {
    if (note == NULL) return DUET_OK;
    DUET_TRY(duet_alloc(&s->note, (int64_t)strlen(note) + 1, 1));
    memcpy(s->note, note, strlen(note));
    return DUET_OK;
}

duet_status duet_image_sink_open(duet_image_sink **out, const char *path, int64_t count,
                                 int64_t size, int channels, int64_t columns, const char *note) {
    duet_status status = DUET_OK;
    duet_image_sink *sink = NULL;
    DUET_DO(duet_alloc(&sink, 1, sizeof *sink));
    sink->kind = kind_of(path);
    sink->count = count;
    sink->size = size;
    sink->channels = channels;
    sink->columns = columns;
    if (sink->kind == NULL)
        DUET_FAIL(DUET_ARG, "unknown format of '%s'; end it in .png, .npz, .zip or '/'", path);
    if (!duet_copy_text(sink->path, sizeof sink->path, path))
        DUET_FAIL(DUET_ARG, "path '%.64s…' is too long", path);
    DUET_DO(keep_note(sink, note));
    DUET_DO(sink->kind->open(sink));
    *out = sink;
    sink = NULL;
done:
    duet_image_sink_abort(sink);
    return status;
}

duet_status duet_image_sink_put(duet_image_sink *sink, const uint8_t *pixels, int64_t count) {
    if (count < 0 || count > sink->count - sink->done)
        return duet_fail(DUET_ARG, "%lld images for '%s', which takes %lld", (long long)count,
                         sink->path, (long long)(sink->count - sink->done));
    for (int64_t i = 0; i < count; i++, sink->done++)
        DUET_TRY(sink->kind->put(sink, pixels + i * image_bytes(sink)));
    return DUET_OK;
}

int64_t duet_image_sink_kept(const duet_image_sink *sink) {
    return sink->kind->commit == NULL ? sink->done : 0;
}

duet_status duet_image_sink_commit(duet_image_sink *sink) {
    duet_status status = DUET_OK;
    if (sink->done != sink->count)
        DUET_FAIL(DUET_ARG, "'%s' got %lld of %lld images", sink->path, (long long)sink->done,
                  (long long)sink->count);
    if (sink->kind->commit != NULL) DUET_DO(sink->kind->commit(sink));
done:
    duet_image_sink_abort(sink);
    return status;
}

void duet_image_sink_abort(duet_image_sink *sink) {
    if (sink == NULL) return;
    duet_spool_close(&sink->spool);
    duet_release(sink->held);
    duet_release(sink->end);
    duet_release(sink->note);
    duet_image_free(&sink->image);
    duet_release(sink);
}

duet_status duet_images_save(const uint8_t *pixels, int64_t count, int64_t size, int channels,
                             int64_t columns, const char *path, const char *note) {
    duet_image_sink *sink = NULL;
    DUET_TRY(duet_image_sink_open(&sink, path, count, size, channels, columns, note));
    const duet_status status = duet_image_sink_put(sink, pixels, count);
    if (status == DUET_OK) return duet_image_sink_commit(sink);
    duet_image_sink_abort(sink);
    return status;
}
