/* SPDX-License-Identifier: MIT
 * data/pack.c: a split of a data set as one zip for EDM and StyleGAN, or as tar shards for
 * WebDataset (ustar: members NNNNNNNN.png and NNNNNNNN.cls, without times and owners, so that the
 * same set gives the same bytes). Classes that have names take them along. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "data/bad_images.h"
#include "data/classes.h"
#include "data/dataset/dataset.h"
#include "data/dataset/shard_names.h"
#include "data/preprocess.h"
#include "io/image_zip.h"

enum { BLOCK = 512 };

typedef struct pack {
    const duet_dataset *dataset;
    duet_split split;
    duet_preprocess how; /* 0 = unscaled */
    duet_bad_images *bad;
    duet_pack_result *out;
    char *classes; /* a JSON list of their names; NULL = they have none */
} pack;

static duet_status read_row(const pack *p, int64_t index, duet_image *out) {
    if (p->how.size == 0)
        return duet_dataset_read_as_is(p->dataset, p->split, index, p->how.channels, out);
    DUET_TRY(duet_image_new(out, p->how.size, p->how.size, p->how.channels));
    return duet_dataset_read_all(p->dataset, p->split, index, &p->how, out->pixels, &out->lost);
}

static void count_lost(const pack *p, int64_t index, unsigned lost) {
    duet_pack_result *const r = p->out;
    const bool greyed = (lost & DUET_IMAGE_LOST_COLOUR) != 0,
               opaque = (lost & DUET_IMAGE_LOST_ALPHA) != 0;
    r->images++;
    if (greyed && r->greyed++ == 0)
        duet_dataset_row_name(p->dataset, p->split, index, r->first_greyed, sizeof r->first_greyed);
    if (opaque && r->opaque++ == 0)
        duet_dataset_row_name(p->dataset, p->split, index, r->first_opaque, sizeof r->first_opaque);
}

/* Encodes a row as PNG; no bytes where it is left out. */
static duet_status encode(const pack *p, int64_t index, duet_bytes *png) {
    duet_status status = DUET_OK;
    duet_image image = {0};
    DUET_DO(duet_bad_images_take(p->bad, p->split, index, read_row(p, index, &image)));
    if (duet_bad_images_reason(p->bad, p->split, index) != NULL) goto done;
    DUET_DO(duet_image_encode_png(png, &image, NULL, 0));
    count_lost(p, index, image.lost);
done:
    duet_image_free(&image);
    return status;
}

static duet_status step(duet_context *ctx, const char *what, int64_t done, int64_t total) {
    DUET_TRY(duet_check_cancelled(ctx));
    duet_progress_report(ctx, what, "images", (double)done, (double)total, NULL);
    return DUET_OK;
}

/* The row, unless it is left out. */
static duet_status add_row(const pack *p, duet_image_zip *zip, int64_t index) {
    duet_bytes png = {0};
    const int32_t label = duet_dataset_label(p->dataset, p->split, index);
    DUET_TRY(encode(p, index, &png));
    if (png.size == 0) return DUET_OK;
    duet_status status = DUET_OK;
    if (p->dataset->info.labelled && label < 0)
        status = duet_fail(
            DUET_UNSUPPORTED,
            "row %lld has no label while others have one, which the format cannot express",
            (long long)index);
    if (status == DUET_OK) status = duet_image_zip_put(zip, &png, label);
    duet_bytes_free(&png);
    return status;
}

static duet_status write_zip(duet_context *ctx, const pack *p, const char *path) {
    duet_status status = DUET_OK;
    const int64_t count = p->dataset->info.count[p->split];
    duet_image_zip *zip = NULL;
    DUET_TRY(duet_image_zip_open(&zip, path));
    for (int64_t i = 0; i < count && status == DUET_OK; i++) {
        status = step(ctx, "packing", i, count);
        if (status == DUET_OK) status = add_row(p, zip, i);
    }
    if (status == DUET_OK) return duet_image_zip_commit(zip, p->dataset->info.labelled, p->classes);
    duet_image_zip_abort(zip);
    return status;
}

/* ---- tar ---- */

static void put_octal(char *field, int digits, int64_t value) {
    snprintf(field, (size_t)digits + 1, "%0*llo", digits, (unsigned long long)value);
}

/* Header (POSIX.1-1988 ustar), bytes, zeros up to the next block. */
static void put_member(duet_writer *writer, const char *name, const void *bytes, int64_t size) {
    static const char zeros[BLOCK] = {0};
    char head[BLOCK] = {0};
    unsigned sum = 0;
    snprintf(head, 100, "%s", name);
    put_octal(head + 100, 7, 0644);
    put_octal(head + 108, 7, 0);
    put_octal(head + 116, 7, 0);
    put_octal(head + 124, 11, size);
    put_octal(head + 136, 11, 0);
    memset(head + 148, ' ', 8); /* the checksum field counts as spaces */
    head[156] = '0';
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a field of the header, not a string */
    memcpy(head + 257, "ustar\00000", 8);
    for (int i = 0; i < BLOCK; i++) sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum);
    duet_writer_put(writer, head, BLOCK);
    duet_writer_put(writer, bytes, size);
    duet_writer_put(writer, zeros, (BLOCK - size % BLOCK) % BLOCK);
}

static duet_status put_classes(duet_writer *writer, const char *classes) {
    duet_str text = {0};
    duet_str_format(&text, "{\"classes\": %s}", classes);
    const duet_status status = duet_str_status(&text);
    if (status == DUET_OK) put_member(writer, DUET_SHARD_CLASSES, text.text, text.size);
    duet_str_free(&text);
    return status;
}

static duet_status put_sample(const pack *p, duet_writer *writer, int64_t index) {
    duet_bytes png = {0};
    char name[32], class[16];
    const int32_t label = duet_dataset_label(p->dataset, p->split, index);
    DUET_TRY(encode(p, index, &png));
    if (png.size == 0) return DUET_OK;
    snprintf(name, sizeof name, "%08lld.png", (long long)index);
    put_member(writer, name, png.data, png.size);
    duet_bytes_free(&png);
    snprintf(name, sizeof name, "%08lld.cls", (long long)index);
    if (label >= 0) put_member(writer, name, class, snprintf(class, sizeof class, "%d", label));
    return DUET_OK;
}

static duet_status write_tar(duet_context *ctx, const pack *p, const char *path, int64_t first,
                             int64_t last) {
    static const char end[2 * BLOCK] = {0};
    duet_writer *writer = NULL;
    duet_status status = DUET_OK;
    DUET_TRY(duet_writer_open(&writer, path));
    if (p->classes != NULL) status = put_classes(writer, p->classes);
    for (int64_t i = first; i < last && status == DUET_OK; i++) {
        status = step(ctx, "packing", i, p->dataset->info.count[p->split]);
        if (status == DUET_OK) status = put_sample(p, writer, i);
    }
    if (status != DUET_OK) {
        duet_writer_abort(writer);
        return status;
    }
    duet_writer_put(writer, end, sizeof end);
    return duet_writer_commit(writer);
}

/* "x-{000..012}.tar": rows in order, spread evenly. */
static duet_status write_shards(duet_context *ctx, const pack *p, const char *path) {
    const int64_t count = p->dataset->info.count[p->split];
    duet_shards shards;
    char shard[DUET_PATH_SIZE];
    if (strchr(path, '{') == NULL) return write_tar(ctx, p, path, 0, count);
    if (!duet_shards_find(&shards, path))
        return duet_fail(DUET_ARG, "'%s' is not a range of shards like 'x-{000..012}.tar'", path);
    for (int64_t k = 0; k < shards.count; k++) {
        DUET_TRY(duet_shards_name(&shards, k, shard));
        DUET_TRY(
            write_tar(ctx, p, shard, k * count / shards.count, (k + 1) * count / shards.count));
    }
    return DUET_OK;
}

/* Numbers are no names. */
static duet_status list_classes(char **out, const duet_dataset_info *info) {
    if (!info->labelled || duet_classes_numbered(info->class_names, info->class_count))
        return DUET_OK;
    json_t *const list = json_array();
    for (int i = 0; i < info->class_count; i++)
        json_array_append_new(list, json_string(info->class_names[i]));
    const size_t size = json_dumpb(list, NULL, 0, 0);
    const duet_status status = duet_alloc(out, (int64_t)size + 1, 1);
    if (status == DUET_OK) (void)json_dumpb(list, *out, size, 0);
    json_decref(list);
    return status;
}

static void tell(duet_context *ctx, const pack *p) {
    const duet_pack_result *const r = p->out;
    if (r->greyed > 0)
        duet_log(ctx, DUET_LOG_WARNING,
                 "%s: images in colour were packed as grey: %lld, such as "
                 "'%s'",
                 p->dataset->info.name, (long long)r->greyed, r->first_greyed);
    if (r->opaque > 0)
        duet_log(ctx, DUET_LOG_WARNING,
                 "%s: images with transparent pixels were composed over "
                 "white: %lld, such as '%s'",
                 p->dataset->info.name, (long long)r->opaque, r->first_opaque);
}

static duet_status write(duet_context *ctx, const pack *p, const char *path) {
    const duet_dataset_info *const info = &p->dataset->info;
    if (duet_ends_with(path, ".tar")) return write_shards(ctx, p, path);
    if (!duet_ends_with(path, ".zip"))
        return duet_fail(DUET_ARG,
                         "cannot tell what '%s' should be; end it in .zip (EDM, StyleGAN) or .tar "
                         "(WebDataset, 'x-{000..012}.tar')",
                         path);
    if (p->how.size == 0 && (info->varied || info->height != info->width))
        return duet_fail(DUET_ARG,
                         "the format takes square images of one size; give it with --size N");
    return write_zip(ctx, p, path);
}

duet_status duet_dataset_pack(duet_context *ctx, duet_pack_result *out, const duet_dataset *dataset,
                              duet_split split, int64_t size, const char *path,
                              duet_bad_images *bad) {
    const duet_dataset_info *const info = &dataset->info;
    duet_pack_result own;
    pack p = {.dataset = dataset,
              .split = split,
              .how = {.size = size, .channels = info->channels},
              .bad = bad,
              .out = out != NULL ? out : &own};
    *p.out = (duet_pack_result){0};
    if (info->count[split] == 0)
        return duet_fail(DUET_ARG, "data set '%s' has no rows in split %s", info->name,
                         duet_split_name(split));
    if (size != 0) DUET_TRY(duet_preprocess_check(&p.how));
    DUET_TRY(list_classes(&p.classes, info));
    const duet_status status = write(ctx, &p, path);
    duet_release(p.classes);
    if (status == DUET_OK) tell(ctx, &p);
    return status;
}
