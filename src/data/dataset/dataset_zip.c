/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_zip.c: a .zip of images, as NVlabs/edm and StyleGAN take them: labels in its
 * dataset.json,
 *   {"labels": [["00000/img00000000.png", 6], …]}   (null: unlabelled)
 * or, where there is none, by the names SPLIT/CLASS/FILE (rules in rows.h).
 * Source: github.com/NVlabs/edm, README and training/dataset.py (the format). */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/str.h"
#include "data/dataset/packed.h"
#include "io/archive.h"

enum { MEMBER_LIMIT = 1 << 28 };

typedef struct label {
    const char *name;
    int64_t value;
} label;

typedef struct labels { /* sorted by name */
    json_t *root;
    label *at;
    int64_t count;
} labels;

static int by_name(const void *a, const void *b) {
    return strcmp(((const label *)a)->name, ((const label *)b)->name);
}

static void free_labels(labels *l) {
    duet_release(l->at);
    json_decref(l->root);
}

static duet_status parse_labels(labels *out, const char *text) {
    json_error_t where;
    out->root = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    const json_t *const list = json_object_get(out->root, "labels");
    if (out->root == NULL)
        return duet_fail(DUET_FORMAT, "its dataset.json is damaged at line %d: %s", where.line,
                         where.text);
    if (list == NULL || json_is_null(list)) return DUET_OK;
    if (!json_is_array(list))
        return duet_fail(DUET_FORMAT,
                         "the labels of its dataset.json are no list of [name, class]");
    DUET_TRY(duet_alloc(&out->at, (int64_t)json_array_size(list) + 1, sizeof *out->at));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const pair = json_array_get(list, i), *const value = json_array_get(pair, 1);
        const char *const name = json_string_value(json_array_get(pair, 0));
        if (name == NULL || !json_is_integer(value))
            return duet_fail(DUET_FORMAT, "label %zu of its dataset.json is not [name, class]", i);
        out->at[out->count++] = (label){name, json_integer_value(value)};
    }
    qsort(out->at, (size_t)out->count, sizeof *out->at, by_name);
    return DUET_OK;
}

static duet_status read_labels(labels *out, zip_t *zip) {
    duet_status status = DUET_OK;
    duet_archive_member member;
    char *text = NULL;
    const zip_int64_t index = zip_name_locate(zip, "dataset.json", 0);
    if (index < 0) return DUET_OK;
    DUET_DO(duet_archive_at(&member, zip, index));
    if (member.size > MEMBER_LIMIT)
        DUET_FAIL(DUET_FORMAT, "its dataset.json has %lld bytes; the limit is %d",
                  (long long)member.size, MEMBER_LIMIT);
    DUET_DO(duet_archive_load(&text, zip, &member));
    DUET_DO(parse_labels(out, text));
done:
    duet_release(text);
    return status;
}

static duet_status add_image(duet_dataset *dataset, const labels *l, const char *name,
                             duet_bytes *bytes) {
    const label wanted = {.name = name};
    if (l->count == 0) return duet_packed_add(dataset, name, bytes);
    const label *const found = bsearch(&wanted, l->at, (size_t)l->count, sizeof *l->at, by_name);
    if (found == NULL)
        return duet_fail(DUET_FORMAT, "dataset.json has no label for '%.200s'", name);
    return duet_packed_add_labelled(dataset, DUET_TRAIN, found->value, name, bytes);
}

static duet_status read_images(duet_context *ctx, duet_dataset *dataset, zip_t *zip,
                               const labels *l) {
    for (zip_int64_t i = 0; i < zip_get_num_entries(zip, 0); i++) {
        duet_archive_member member;
        char *data = NULL;
        if (i % 1024 == 0) DUET_TRY(duet_check_cancelled(ctx));
        DUET_TRY(duet_archive_at(&member, zip, i));
        if (!duet_packed_wants(member.name)) continue;
        if (member.size > MEMBER_LIMIT)
            return duet_fail(DUET_NO_MEMORY, "'%.200s' has %lld bytes; the limit is %d",
                             member.name, (long long)member.size, MEMBER_LIMIT);
        DUET_TRY(duet_archive_load(&data, zip, &member));
        duet_bytes bytes = {.data = (uint8_t *)data, .size = member.size};
        const duet_status status = add_image(dataset, l, member.name, &bytes);
        duet_bytes_free(&bytes);
        if (status != DUET_OK) return status;
    }
    return DUET_OK;
}

static duet_status open_set(duet_context *ctx, duet_dataset *dataset, const char *path,
                            const void *options) {
    duet_status status = DUET_OK;
    zip_t *zip = NULL;
    labels l = {0};
    (void)options;
    DUET_DO(duet_packed_new(dataset));
    DUET_DO(duet_archive_open(&zip, path));
    DUET_DO(read_labels(&l, zip));
    DUET_DO(read_images(ctx, dataset, zip, &l));
    DUET_DO(duet_packed_finish(ctx, dataset));
done:
    free_labels(&l);
    if (zip != NULL) zip_discard(zip);
    return status;
}

static int detect(const char *path) {
    return !duet_path_is_folder(path) && duet_ends_with(path, ".zip") ? 90 : 0;
}

const duet_dataset_layout duet_dataset_zip = {
    .info =
        {"zip",
         ".zip of images with labels in dataset.json (EDM, StyleGAN), or named SPLIT/CLASS/FILE",
         DUET_TABLE_EMPTY},
    .detect = detect,
    .open = open_set,
    .close = duet_packed_close,
    .read = duet_packed_read,
    .row_name = duet_packed_row_name,
};
