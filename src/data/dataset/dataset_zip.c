/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_zip.c: a .zip of images in the format of NVlabs/edm and StyleGAN: labels in
 * its dataset.json (label_list.h), at the top or in the folder around everything, or, where there
 * is none, from the names SPLIT/CLASS/FILE (rules in rows.h). Links are followed. */
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/str.h"
#include "data/dataset/files.h"
#include "data/dataset/label_list.h"
#include "data/dataset/packed.h"
#include "io/archive.h"
#include "io/kind.h"

enum { MEMBER_LIMIT = 1 << 28 };

/* Some Windows programs separate folders by '\'. */
static char *plain_name(duet_arena *arena, const char *name) {
    char *const out = duet_arena_text(arena, name);
    for (char *p = out; p != NULL && *p != '\0'; p++)
        if (*p == '\\') *p = '/';
    return out;
}

static duet_status load(duet_bytes *out, zip_t *zip, const duet_archive_member *member) {
    char *data = NULL;
    if (member->size > MEMBER_LIMIT)
        return duet_fail(DUET_NO_MEMORY, "'%.200s' has %lld bytes; the limit is %d", member->name,
                         (long long)member->size, MEMBER_LIMIT);
    DUET_TRY(duet_archive_load(&data, zip, member));
    *out = (duet_bytes){.data = (uint8_t *)data, .size = member->size};
    return DUET_OK;
}

/* The dataset.json nearest to the top; -1 where there is none. */
static zip_int64_t find_list(zip_t *zip, duet_dataset *dataset) {
    zip_int64_t best = -1;
    int best_depth = 0;
    for (zip_int64_t i = 0; i < zip_get_num_entries(zip, 0); i++) {
        const char *const name = zip_get_name(zip, (zip_uint64_t)i, 0);
        if (name == NULL || !duet_ends_with(name, "dataset.json")) continue;
        const char *const plain = plain_name(dataset->arena, name);
        if (plain == NULL || strcmp(duet_path_base(plain), "dataset.json") != 0 ||
            duet_files_hidden(plain))
            continue;
        int depth = 0;
        for (const char *p = plain; *p != '\0'; p++) depth += *p == '/';
        if (best < 0 || depth < best_depth) {
            best = i;
            best_depth = depth;
        }
    }
    return best;
}

static duet_status read_labels(duet_label_list *out, duet_dataset *dataset, zip_t *zip,
                               zip_int64_t index) {
    duet_archive_member member;
    const char *trouble = NULL;
    duet_bytes text = {0};
    if (index < 0) return DUET_OK;
    DUET_TRY(duet_archive_look(&member, &trouble, zip, index));
    if (trouble != NULL)
        return duet_fail(DUET_UNSUPPORTED, "its '%.200s' is one of the %s", member.name, trouble);
    DUET_TRY(load(&text, zip, &member));
    const char *const name = plain_name(dataset->arena, member.name);
    const duet_status status =
        name != NULL ? duet_label_list_parse(out, dataset, (const char *)text.data, name)
                     : duet_arena_status(dataset->arena);
    duet_bytes_free(&text);
    return status;
}

static duet_status add_image(duet_dataset *dataset, duet_label_list *labels, const char *name,
                             duet_bytes *bytes) {
    int64_t label = 0;
    if (labels->count == 0) return duet_packed_add(dataset, name, bytes);
    DUET_TRY(duet_label_list_find(&label, labels, name));
    return duet_packed_add_labelled(dataset, DUET_TRAIN, label, name, bytes);
}

/* A link has its own label, as a file has; what else it may lead to is no image of the set. */
static duet_status add_link(duet_dataset *dataset, duet_label_list *labels, const char *name,
                            const char *target) {
    int64_t label = 0;
    if (labels->count == 0) return duet_packed_link(dataset, name, target, true);
    if (duet_label_list_find(&label, labels, name) == DUET_OK)
        return duet_packed_link_labelled(dataset, DUET_TRAIN, label, name, target, true);
    duet_error_clear();
    duet_dataset_left_out(dataset, false, "links without a label in dataset.json", name, "");
    return DUET_OK;
}

/* Reads a member that its name does not rule out. */
static duet_status take_content(duet_dataset *dataset, zip_t *zip, duet_label_list *labels,
                                const duet_archive_member *member, const char *name, bool look) {
    duet_bytes bytes = {0};
    duet_status status = load(&bytes, zip, member);
    if (status == DUET_OK && member->link)
        status = add_link(dataset, labels, name, (const char *)bytes.data);
    else if (status == DUET_OK &&
             (!look || duet_files_wants_bytes(dataset, name, bytes.data, bytes.size)))
        status = add_image(dataset, labels, name, &bytes);
    duet_bytes_free(&bytes);
    return status;
}

static duet_status take_member(duet_dataset *dataset, zip_t *zip, duet_label_list *labels,
                               zip_int64_t index) {
    duet_archive_member member;
    const char *trouble = NULL;
    duet_packed *const packed = dataset->state;
    DUET_TRY(duet_archive_look(&member, &trouble, zip, index));
    const char *const name = plain_name(dataset->arena, member.name);
    DUET_TRY(duet_arena_status(dataset->arena));
    if (duet_ends_with(name, "/"))
        return duet_files_hidden(name) || trouble != NULL
                   ? DUET_OK
                   : duet_rows_folder(&packed->rows, dataset->arena, name);
    const duet_files_say say = member.link && trouble == NULL && !duet_files_hidden(name)
                                   ? DUET_FILES_YES
                                   : duet_files_wants(dataset, name);
    if (say == DUET_FILES_NO) return DUET_OK;
    if (trouble != NULL) {
        duet_dataset_left_out(dataset, false, trouble, name, "pack the files again");
        return DUET_OK;
    }
    const bool look = say == DUET_FILES_LOOK;
    if (look && member.size > MEMBER_LIMIT) {
        duet_dataset_left_out(dataset, true, "files that are not images", name, "");
        return DUET_OK;
    }
    return take_content(dataset, zip, labels, &member, name, look);
}

static duet_status read_images(duet_context *ctx, duet_dataset *dataset, zip_t *zip,
                               duet_label_list *labels, zip_int64_t list) {
    for (zip_int64_t i = 0; i < zip_get_num_entries(zip, 0); i++) {
        if (i % 1024 == 0) DUET_TRY(duet_check_cancelled(ctx));
        if (i != list) DUET_TRY(take_member(dataset, zip, labels, i));
    }
    duet_label_list_finish(labels, dataset);
    return DUET_OK;
}

static duet_status open_set(duet_context *ctx, duet_dataset *dataset, const char *path,
                            const void *options) {
    duet_status status = DUET_OK;
    zip_t *zip = NULL;
    duet_label_list labels = {0};
    (void)options;
    DUET_DO(duet_packed_new(dataset));
    DUET_DO(duet_archive_open(&zip, path));
    const zip_int64_t list = find_list(zip, dataset);
    DUET_DO(read_labels(&labels, dataset, zip, list));
    DUET_DO(read_images(ctx, dataset, zip, &labels, list));
    ((duet_packed *)dataset->state)->class_names = labels.class_names;
    ((duet_packed *)dataset->state)->class_count = labels.class_count;
    DUET_DO(duet_packed_finish(ctx, dataset));
done:
    duet_label_list_free(&labels);
    if (zip != NULL) zip_discard(zip);
    return status;
}

static int detect(const char *path) {
    return !duet_path_is_folder(path) && duet_name_ends(path, ".zip") ? 90 : 0;
}

const duet_dataset_layout duet_dataset_zip = {
    .info = {.name = "zip",
             .help = ".zip of images with labels in dataset.json (EDM, StyleGAN), or named "
                     "SPLIT/CLASS/FILE",
             .params = DUET_TABLE_EMPTY},
    .detect = detect,
    .open = open_set,
    .close = duet_packed_close,
    .read = duet_packed_read,
    .row_name = duet_packed_row_name,
};
