/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_webdataset.c: shards of WebDataset: tar archives named by a range in braces
 * (name-{000000..000146}.tar), a folder of several, or one. A sample is a run of members that share
 * their path up to the first dot of the file; its fields are told by what follows: an image, .cls
 * with the class (a number, or a word). The names of numbered classes may stand in a member that
 * other readers skip as metadata, __meta__/classes.json: {"classes": ["cat", …]}. Other fields are
 * passed over, and counted. Shards whose names have the word of a split (data/split.h) are of that
 * split; others are train. A folder may also hold folders called like splits with shards in them.
 * Source: github.com/webdataset/webdataset, the format's description. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/context.h"
#include "base/error.h"
#include "base/str.h"
#include "data/dataset/files.h"
#include "data/dataset/label_list.h"
#include "data/dataset/packed.h"
#include "data/dataset/shard_names.h"
#include "data/split.h"
#include "io/kind.h"
#include "io/tar.h"

enum { MEMBER_LIMIT = 1 << 28, MOST_KEY = 1024, LOOKED_AT = 16, MOST_CLASS = 64 };

typedef struct sample {
    char key[MOST_KEY], class[MOST_CLASS], file[MOST_KEY];
    duet_bytes image;
} sample;

static bool is_tar_name(const char *name) {
    return name[0] != '.' && duet_name_ends(name, ".tar .tar.gz .tgz");
}

/* By the shard's own name; `folder`: what the folder that it was found in says. */
static duet_split split_of(const char *path, duet_split folder) {
    duet_split split = folder;
    return duet_split_in_name(&split, duet_path_base(path)) ? split : folder;
}

/* ---- detection ---- */

static bool has_field(const char *name, const char *field) {
    const char *const dot = strchr(duet_path_base(name), '.');
    return dot != NULL && strcasecmp(dot + 1, field) == 0;
}

/* Is there a class among the first members? */
static bool has_classes(const char *path) {
    duet_tar *tar = NULL;
    const char *name = "";
    bool found = false;
    if (duet_tar_open(&tar, path) != DUET_OK) return false;
    for (int i = 0; i < LOOKED_AT && name != NULL && !found; i++) {
        duet_bytes bytes = {0};
        if (duet_tar_next(tar, &name, &bytes, MEMBER_LIMIT) != DUET_OK) break;
        found = name != NULL && has_field(name, "cls");
        duet_bytes_free(&bytes);
    }
    duet_tar_close(tar);
    return found;
}

/* Shards of a folder, and in *first the path of the first. */
static int count_shards(char first[DUET_PATH_SIZE], const char *folder) {
    duet_listing list = {0};
    int found = 0;
    if (duet_folder_list(&list, folder) != DUET_OK) return 0;
    for (int64_t i = 0; i < list.count; i++) {
        if (!is_tar_name(list.name[i])) continue;
        if (found++ == 0 && duet_path_join(first, folder, list.name[i]) != DUET_OK) found = 0;
    }
    duet_listing_free(&list);
    return found;
}

/* Is entry i of the folder one called like a split? */
static bool split_folder(char out[DUET_PATH_SIZE], duet_split *split, const char *folder,
                         const char *name) {
    return duet_split_of_word(split, name, strlen(name)) &&
           duet_path_join(out, folder, name) == DUET_OK && duet_path_is_folder(out);
}

static int count_below(char first[DUET_PATH_SIZE], const char *folder) {
    duet_listing list = {0};
    char inner[DUET_PATH_SIZE];
    duet_split split = DUET_TRAIN;
    int found = 0;
    if (duet_folder_list(&list, folder) != DUET_OK) return 0;
    for (int64_t i = 0; i < list.count && found == 0; i++)
        if (split_folder(inner, &split, folder, list.name[i])) found = count_shards(first, inner);
    duet_listing_free(&list);
    return found;
}

static int detect(const char *path) {
    char first[DUET_PATH_SIZE];
    duet_shards shards;
    if (duet_shards_find(&shards, path)) return 95;
    if (!duet_path_is_folder(path))
        return is_tar_name(duet_path_base(path)) && has_classes(path) ? 95 : 0;
    if (count_shards(first, path) > 0) return has_classes(first) ? 75 : 0;
    return count_below(first, path) > 0 && has_classes(first) ? 85 : 0;
}

/* ---- reading ---- */

/* A class's word stands in a path: no folder of its own. */
static void take_class(sample *s, const duet_bytes *bytes) {
    size_t n = 0;
    for (int64_t i = 0; i < bytes->size && n + 1 < sizeof s->class; i++) {
        const uint8_t c = bytes->data[i];
        if (c > ' ') s->class[n++] = c == '/' ? '_' : (char)c;
    }
    s->class[n] = '\0';
}

/* Every shard has the same list of names; where one has another, there are none. */
static duet_status take_names(duet_dataset *dataset, const duet_bytes *bytes, const char *name) {
    duet_packed *const packed = dataset->state;
    duet_label_list list = {0};
    const size_t size = (size_t)bytes->size;
    if (packed->class_list != NULL) {
        if (strlen(packed->class_list) == size &&
            memcmp(packed->class_list, bytes->data, size) == 0)
            return DUET_OK;
        packed->class_count = 0;
        duet_dataset_noticed(dataset, false, 1,
                             "shards that name their classes otherwise than the first", name,
                             "classes keep their numbers");
        return DUET_OK;
    }
    packed->class_list =
        duet_arena_format(dataset->arena, "%.*s", (int)size, (const char *)bytes->data);
    DUET_TRY(duet_arena_status(dataset->arena));
    const duet_status status = duet_label_list_parse(&list, dataset, packed->class_list, name);
    duet_label_list_free(&list);
    if (status == DUET_FORMAT) {
        duet_error_clear();
        duet_dataset_noticed(dataset, false, 1, "lists of class names that are damaged", name, "");
        return DUET_OK;
    }
    packed->class_names = list.class_names;
    packed->class_count = list.class_count;
    return status;
}

static duet_status flush(duet_dataset *dataset, sample *s, duet_split split) {
    char *end = NULL;
    duet_status status = DUET_OK;
    if (s->image.data == NULL && s->key[0] != '\0')
        duet_dataset_left_out(dataset, false, "samples without an image", s->key, "");
    if (s->image.data != NULL) {
        const long long label = strtoll(s->class, &end, 10);
        if (s->class[0] != '\0' && *end == '\0')
            status = duet_packed_add_labelled(dataset, split, label, s->file, &s->image);
        else {
            const char *const name =
                duet_arena_format(dataset->arena, "%s/%s%s%s", duet_split_name(split), s->class,
                                  s->class[0] ? "/" : "", s->file);
            status = duet_arena_status(dataset->arena);
            if (status == DUET_OK) status = duet_packed_add(dataset, name, &s->image);
        }
    }
    duet_bytes_free(&s->image);
    *s = (sample){.key = ""};
    return status;
}

/* Path up to the first dot of the file. */
static bool key_of(char out[MOST_KEY], const char *name) {
    const char *const base = duet_path_base(name);
    const size_t length = (size_t)(base - name) + strcspn(base, ".");
    if (length >= MOST_KEY || *base == '.') return false;
    memcpy(out, name, length);
    out[length] = '\0';
    return true;
}

/* What of a sample is not used. */
static void pass_over(duet_dataset *dataset, const char *name) {
    char reason[80];
    const char *const dot = strchr(duet_path_base(name), '.');
    snprintf(reason, sizeof reason, "fields .%.40s of samples, which are not read",
             dot != NULL ? dot + 1 : "");
    duet_dataset_left_out(dataset, true, reason, name, "");
}

static bool is_image(const duet_bytes *bytes, const char *name) {
    const duet_name_kind kind = duet_kind_of_name(name);
    if (kind == DUET_NAME_IMAGE) return true;
    return (kind == DUET_NAME_UNKNOWN || kind == DUET_NAME_OTHER_IMAGE) &&
           duet_image_known(bytes->data, bytes->size);
}

static duet_status take_member(duet_dataset *dataset, sample *s, duet_split split, const char *name,
                               duet_bytes *bytes) {
    char key[MOST_KEY];
    if (strcmp(name, DUET_SHARD_CLASSES) == 0) return take_names(dataset, bytes, name);
    if (duet_files_hidden(name) || !key_of(key, name)) {
        duet_dataset_left_out(dataset, true, "hidden files and what macOS adds", name, "");
        return DUET_OK;
    }
    if (strcmp(key, s->key) != 0) DUET_TRY(flush(dataset, s, split));
    memcpy(s->key, key, sizeof key);
    if (has_field(name, "cls")) {
        take_class(s, bytes);
        return DUET_OK;
    }
    if (!is_image(bytes, name)) {
        if (duet_kind_of_name(name) == DUET_NAME_OTHER_IMAGE)
            (void)duet_files_wants_bytes(dataset, name, bytes->data, bytes->size);
        else
            pass_over(dataset, name);
        return DUET_OK;
    }
    if (s->image.data != NULL) {
        duet_dataset_left_out(dataset, false, "further images of a sample, which has one already",
                              name, "");
        return DUET_OK;
    }
    snprintf(s->file, sizeof s->file, "%.1000s", duet_path_base(name));
    s->image = *bytes;
    *bytes = (duet_bytes){0};
    return DUET_OK;
}

static duet_status read_shard(duet_context *ctx, duet_dataset *dataset, const char *path,
                              duet_split folder) {
    duet_status status = DUET_OK;
    duet_tar *tar = NULL;
    duet_bytes bytes = {0};
    sample s = {.key = ""};
    duet_tar_entry entry = {.name = ""};
    const duet_split split = split_of(path, folder);
    DUET_DO(duet_tar_open(&tar, path));
    for (int64_t i = 0; entry.name != NULL; i++) {
        if (i % 1024 == 0) DUET_DO(duet_check_cancelled(ctx));
        DUET_DO(duet_tar_next_entry(tar, &entry, &bytes, MEMBER_LIMIT));
        if (entry.name != NULL && entry.kind == DUET_TAR_FILE)
            DUET_DO(take_member(dataset, &s, split, entry.name, &bytes));
        else if (entry.name != NULL && entry.kind != DUET_TAR_FOLDER)
            duet_dataset_left_out(dataset, false,
                                  "links and devices in a shard, which are not followed",
                                  entry.name, "pack the files themselves");
        duet_bytes_free(&bytes);
    }
    DUET_DO(flush(dataset, &s, split));
done:
    duet_bytes_free(&bytes);
    duet_bytes_free(&s.image);
    duet_tar_close(tar);
    return status;
}

/* The shards of a folder; where there are none, those in its folders called like splits. */
static duet_status read_folder(duet_context *ctx, duet_dataset *dataset, const char *folder,
                               duet_split split, bool top) {
    duet_status status = DUET_OK;
    duet_listing list = {0};
    char path[DUET_PATH_SIZE];
    int shards = 0;
    DUET_TRY(duet_folder_list(&list, folder));
    for (int64_t i = 0; i < list.count; i++) {
        if (!is_tar_name(list.name[i])) continue;
        shards++;
        DUET_DO(duet_path_join(path, folder, list.name[i]));
        DUET_DO(read_shard(ctx, dataset, path, split));
    }
    for (int64_t i = 0; i < list.count && top && shards == 0; i++)
        if (split_folder(path, &split, folder, list.name[i]))
            DUET_DO(read_folder(ctx, dataset, path, split, false));
done:
    duet_listing_free(&list);
    return status;
}

static duet_status read_range(duet_context *ctx, duet_dataset *dataset, const duet_shards *shards) {
    char shard[DUET_PATH_SIZE];
    for (int64_t k = 0; k < shards->count; k++) {
        DUET_TRY(duet_shards_name(shards, k, shard));
        DUET_TRY(read_shard(ctx, dataset, shard, DUET_TRAIN));
    }
    return DUET_OK;
}

static duet_status open_set(duet_context *ctx, duet_dataset *dataset, const char *path,
                            const void *options) {
    duet_shards shards;
    (void)options;
    DUET_TRY(duet_packed_new(dataset));
    if (duet_shards_find(&shards, path))
        DUET_TRY(read_range(ctx, dataset, &shards));
    else if (duet_path_is_folder(path))
        DUET_TRY(read_folder(ctx, dataset, path, DUET_TRAIN, true));
    else
        DUET_TRY(read_shard(ctx, dataset, path, DUET_TRAIN));
    return duet_packed_finish(ctx, dataset);
}

const duet_dataset_layout duet_dataset_webdataset = {
    .info =
        {.name = "webdataset",
         .help =
             "shards name-{000..012}.tar of WebDataset: an image and .cls a sample; or a folder of "
             "them",
         .params = DUET_TABLE_EMPTY},
    .detect = detect,
    .open = open_set,
    .close = duet_packed_close,
    .read = duet_packed_read,
    .row_name = duet_packed_row_name,
};
