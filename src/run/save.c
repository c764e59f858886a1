/* SPDX-License-Identifier: MIT
 * run/save.c: writes images, as they are generated, to a grid, an npz in guided-diffusion's
 * layout, a zip in EDM's, or a folder of PNGs. Only a grid is held in memory, and the labels and
 * numbers of all. */
#include <stdio.h>
#include <string.h>

#include <duet/run.h>
#include <duet/store.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/archive.h"
#include "io/image_zip.h"
#include "io/store/npy.h"
#include "run/grid.h"
#include "run/image_note.h"

typedef struct kind {
    duet_status (*open)(duet_image_sink *sink);
    duet_status (*put)(duet_image_sink *sink, const uint8_t *pixels); /* image number `done` */
    duet_status (*commit)(duet_image_sink *sink); /* NULL: each image is final */
} kind;

struct duet_image_sink {
    const kind *kind;
    char path[DUET_PATH_SIZE];
    duet_image_sink_options is;
    int64_t done, *index; /* images taken; [count] their numbers */
    int32_t *labels;      /* [count] */
    char *note;
    uint8_t *held;    /* grid [count,S,S,C]; npz [S,S,3] */
    duet_image image; /* zip and folder: [S,S,C] */
    duet_archive_writer *npz;
    duet_image_zip *zip;
};

static int64_t image_bytes(const duet_image_sink *s) {
    return s->is.size * s->is.size * s->is.channels;
}

/* The texts of images first … first + count - 1; columns as in duet_image_shown. */
static duet_status note_of(const duet_image_sink *s, duet_image_note *out, int *texts,
                           int64_t first, int64_t count, int64_t columns) {
    const duet_image_shown shown = {.index = s->index + first,
                                    .labels = s->labels + first,
                                    .count = count,
                                    .size = s->is.size,
                                    .columns = columns};
    *texts = s->is.origin != NULL ? DUET_IMAGE_NOTES : s->note != NULL ? 1 : 0;
    *out = (duet_image_note){.texts = {{"parameters", s->note}}};
    return s->is.origin != NULL ? duet_image_note_make(out, s->is.origin, &shown) : DUET_OK;
}

static duet_status open_grid(duet_image_sink *s) {
    return duet_alloc(&s->held, s->is.count * image_bytes(s), 1);
}

static duet_status put_grid(duet_image_sink *s, const uint8_t *pixels) {
    memcpy(s->held + s->done * image_bytes(s), pixels, (size_t)image_bytes(s));
    return DUET_OK;
}

int64_t duet_image_grid_columns(int64_t count) {
    int64_t columns = 1;
    while (columns < 16 && columns * columns < count) columns++;
    return columns;
}

static duet_status commit_grid(duet_image_sink *s) {
    duet_image sheet = {0};
    duet_image_note note = {0};
    int texts = 0;
    const int64_t scale = s->is.size <= 64 ? 2 : 1,
                  columns =
                      s->is.columns != 0 ? s->is.columns : duet_image_grid_columns(s->is.count);
    duet_status status = DUET_OK;
    DUET_DO(duet_grid(&sheet, s->held, s->is.count, s->is.size, s->is.size, s->is.channels, columns,
                      2, scale));
    DUET_DO(note_of(s, &note, &texts, 0, s->is.count, columns));
    DUET_DO(duet_image_write_png(s->path, &sheet, note.texts, texts));
done:
    duet_image_note_free(&note);
    duet_image_free(&sheet);
    return status;
}

/* Begins the member `name` of an array without its elements. */
static duet_status begin_array(duet_image_sink *s, const char *name, const duet_store_item *item) {
    uint8_t header[DUET_NPY_HEADER_MAX];
    int64_t size = 0;
    DUET_TRY(duet_npy_write(header, &size, item));
    const int64_t bytes =
        duet_shape_count(&item->shape) * (int64_t)duet_dtype_size(item->stored) + size;
    DUET_TRY(duet_archive_begin_member(s->npz, name, bytes));
    duet_archive_put(s->npz, header, size);
    return DUET_OK;
}

static duet_status open_npz(duet_image_sink *s) {
    const duet_store_item item = {
        .dtype = DUET_U8,
        .stored = DUET_U8,
        .shape = {.rank = 4, .dim = {s->is.count, s->is.size, s->is.size, 3}}};
    DUET_TRY(duet_alloc(&s->held, s->is.size * s->is.size * 3, 1));
    DUET_TRY(duet_archive_writer_open(&s->npz, s->path));
    return begin_array(s, "arr_0.npy", &item);
}

static duet_status put_npz(duet_image_sink *s, const uint8_t *pixels) {
    const int64_t total = s->is.size * s->is.size;
    const int channels = s->is.channels;
    for (int64_t i = 0; i < total; i++)
        for (int c = 0; c < 3; c++)
            s->held[i * 3 + c] = pixels[i * channels + (channels == 3 ? c : 0)];
    duet_archive_put(s->npz, s->held, total * 3);
    return DUET_OK;
}

static duet_status put_npz_labels(duet_image_sink *s) {
    const duet_store_item item = {
        .dtype = DUET_I64, .stored = DUET_I64, .shape = {.rank = 1, .dim = {s->is.count}}};
    DUET_TRY(begin_array(s, "arr_1.npy", &item));
    for (int64_t i = 0; i < s->is.count; i++) {
        uint8_t bytes[8];
        for (int k = 0; k < 8; k++)
            bytes[k] = (uint8_t)((uint64_t)(int64_t)s->labels[i] >> (8 * k));
        duet_archive_put(s->npz, bytes, sizeof bytes);
    }
    return DUET_OK;
}

static duet_status commit_npz(duet_image_sink *s) {
    if (s->is.labelled) DUET_TRY(put_npz_labels(s));
    duet_archive_writer *const npz = s->npz;
    s->npz = NULL;
    return duet_archive_writer_commit(npz, NULL);
}

/* The single image number `done` as a PNG. */
static duet_status encode(duet_image_sink *s, duet_bytes *png, const uint8_t *pixels) {
    duet_image_note note = {0};
    int texts = 0;
    memcpy(s->image.pixels, pixels, (size_t)image_bytes(s));
    DUET_TRY(note_of(s, &note, &texts, s->done, 1, 0));
    const duet_status status = duet_image_encode_png(png, &s->image, note.texts, texts);
    duet_image_note_free(&note);
    return status;
}

static duet_status open_zip(duet_image_sink *s) {
    DUET_TRY(duet_image_new(&s->image, s->is.size, s->is.size, s->is.channels));
    return duet_image_zip_open(&s->zip, s->path);
}

static duet_status put_zip(duet_image_sink *s, const uint8_t *pixels) {
    duet_bytes png = {0};
    DUET_TRY(encode(s, &png, pixels));
    const duet_status status = duet_image_zip_put(s->zip, &png, s->labels[s->done]);
    duet_bytes_free(&png);
    return status;
}

static duet_status list_classes(char **out, const duet_image_origin *origin) {
    json_t *const list = duet_json_names(origin->class_names, origin->class_count);
    const duet_status status = duet_json_text(out, list, false);
    json_decref(list);
    return status;
}

/* The format of EDM's data sets. */
static duet_status commit_zip(duet_image_sink *s) {
    const duet_image_origin *const origin = s->is.origin;
    const bool named = s->is.labelled && origin != NULL && origin->class_count > 0;
    char *classes = NULL;
    if (named) DUET_TRY(list_classes(&classes, origin));
    duet_image_zip *const zip = s->zip;
    s->zip = NULL;
    const duet_status status = duet_image_zip_commit(zip, s->is.labelled, classes);
    duet_release(classes);
    return status;
}

static duet_status open_folder(duet_image_sink *s) {
    DUET_TRY(duet_folder_make(s->path));
    return duet_image_new(&s->image, s->is.size, s->is.size, s->is.channels);
}

static duet_status put_folder(duet_image_sink *s, const uint8_t *pixels) {
    char name[32], file[DUET_PATH_SIZE];
    duet_bytes png = {0};
    snprintf(name, sizeof name, "%06lld.png", (long long)s->done);
    DUET_TRY(duet_path_join(file, s->path, name));
    DUET_TRY(encode(s, &png, pixels));
    const duet_status status = duet_file_write(file, png.data, png.size);
    duet_bytes_free(&png);
    return status;
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

static duet_status keep_note(duet_image_sink *s) {
    if (s->is.note == NULL) return DUET_OK;
    DUET_TRY(duet_alloc(&s->note, (int64_t)strlen(s->is.note) + 1, 1));
    memcpy(s->note, s->is.note, strlen(s->is.note));
    return DUET_OK;
}

duet_status duet_image_sink_open(duet_image_sink **out, const char *path,
                                 const duet_image_sink_options *options) {
    duet_status status = DUET_OK;
    duet_image_sink *sink = NULL;
    DUET_DO(duet_alloc(&sink, 1, sizeof *sink));
    sink->kind = kind_of(path);
    sink->is = *options;
    if (sink->kind == NULL)
        DUET_FAIL(DUET_ARG, "unknown format of '%s'; end it in .png, .npz, .zip or '/'", path);
    if (!duet_copy_text(sink->path, sizeof sink->path, path))
        DUET_FAIL(DUET_ARG, "path '%.64s…' is too long", path);
    DUET_DO(keep_note(sink));
    DUET_DO(duet_alloc(&sink->index, options->count, sizeof *sink->index));
    DUET_DO(duet_alloc(&sink->labels, options->count, sizeof *sink->labels));
    DUET_DO(sink->kind->open(sink));
    *out = sink;
    sink = NULL;
done:
    duet_image_sink_abort(sink);
    return status;
}

duet_status duet_image_sink_put(duet_image_sink *sink, const uint8_t *pixels, int64_t count,
                                const int32_t *labels, const int64_t *index) {
    if (count < 0 || count > sink->is.count - sink->done)
        return duet_fail(DUET_ARG, "%lld images for '%s', which takes %lld", (long long)count,
                         sink->path, (long long)(sink->is.count - sink->done));
    for (int64_t i = 0; i < count; i++, sink->done++) {
        sink->labels[sink->done] = labels != NULL ? labels[i] : -1;
        sink->index[sink->done] = index != NULL ? index[i] : sink->done;
        if (sink->is.labelled && sink->labels[sink->done] < 0)
            return duet_fail(DUET_ARG, "image %lld for '%s' has no label", (long long)sink->done,
                             sink->path);
        DUET_TRY(sink->kind->put(sink, pixels + i * image_bytes(sink)));
    }
    return DUET_OK;
}

int64_t duet_image_sink_kept(const duet_image_sink *sink) {
    return sink->kind->commit == NULL ? sink->done : 0;
}

duet_status duet_image_sink_commit(duet_image_sink *sink) {
    duet_status status = DUET_OK;
    if (sink->done != sink->is.count)
        DUET_FAIL(DUET_ARG, "'%s' got %lld of %lld images", sink->path, (long long)sink->done,
                  (long long)sink->is.count);
    if (sink->kind->commit != NULL) DUET_DO(sink->kind->commit(sink));
done:
    duet_image_sink_abort(sink);
    return status;
}

void duet_image_sink_abort(duet_image_sink *sink) {
    if (sink == NULL) return;
    duet_archive_writer_abort(sink->npz);
    duet_image_zip_abort(sink->zip);
    duet_release(sink->held);
    duet_release(sink->index);
    duet_release(sink->labels);
    duet_release(sink->note);
    duet_image_free(&sink->image);
    duet_release(sink);
}

duet_status duet_images_save(const uint8_t *pixels, int64_t count, int64_t size, int channels,
                             int64_t columns, const char *path, const char *note) {
    const duet_image_sink_options options = {
        .count = count, .size = size, .channels = channels, .columns = columns, .note = note};
    duet_image_sink *sink = NULL;
    DUET_TRY(duet_image_sink_open(&sink, path, &options));
    const duet_status status = duet_image_sink_put(sink, pixels, count, NULL, NULL);
    if (status == DUET_OK) return duet_image_sink_commit(sink);
    duet_image_sink_abort(sink);
    return status;
}
