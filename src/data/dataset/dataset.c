/* SPDX-License-Identifier: MIT
 * data/dataset/dataset.c: the family `dataset`: finds a path's layout by asking every member how
 * sure it is, opens it, looks at a few rows for the image size, and hands out labels and names. */
#include "data/dataset/dataset.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"

#define DUET_DATASET(name) extern const duet_dataset_layout duet_dataset_##name;
#include "data/dataset/dataset.def"
#undef DUET_DATASET

static const duet_entry *const entries[] = {
#define DUET_DATASET(name) &duet_dataset_##name.info,
#include "data/dataset/dataset.def"
#undef DUET_DATASET
};

const duet_family duet_family_dataset = {.name = "dataset",
                                         .help =
                                             "layouts of data sets; a path's layout is detected",
                                         .entries = entries,
                                         .count = DUET_COUNT(entries)};

#define LOOKS 8 /* rows decoded at opening */

/* A member's `info` is its first field. */
static const duet_dataset_layout *layout_of(const duet_entry *entry) {
    return (const duet_dataset_layout *)(const void *)entry;
}

const char *duet_split_name(duet_split split) {
    return split == DUET_TRAIN  ? "train"
           : split == DUET_VAL  ? "val"
           : split == DUET_TEST ? "test"
                                : "?";
}

duet_status duet_split_parse(duet_split *out, const char *name) {
    static const struct {
        const char *name;
        duet_split split;
    } known[] = {{"train", DUET_TRAIN}, {"training", DUET_TRAIN}, {"val", DUET_VAL},
                 {"valid", DUET_VAL},   {"validation", DUET_VAL}, {"test", DUET_TEST}};
    for (int i = 0; i < DUET_COUNT(known); i++) {
        if (strcmp(name, known[i].name) == 0) {
            *out = known[i].split;
            return DUET_OK;
        }
    }
    return duet_fail(DUET_ARG, "no split '%s'; splits are train, val and test", name);
}

/* ---- opening ---- */

/* Base name of a path without trailing slashes and archive endings. */
static const char *set_name(duet_arena *arena, const char *path) {
    static const char *const endings[] = {".tar.gz", ".tgz", ".tar", ".gz", ".zip", ".npz"};
    char text[DUET_PATH_SIZE], full[DUET_PATH_SIZE];
    duet_copy_text(text, sizeof text, path);
    const char *last = duet_path_base(text);
    if ((strcmp(last, ".") == 0 || strcmp(last, "..") == 0) &&
        duet_path_absolute(full, path) == DUET_OK) {
        duet_copy_text(text, sizeof text, full);
    }
    size_t n = strlen(text);
    while (n > 1 && text[n - 1] == '/') text[--n] = '\0';
    char *name = duet_arena_text(arena, duet_path_base(text));
    if (name == NULL || duet_path_is_folder(path)) return name;
    for (int i = 0; i < DUET_COUNT(endings); i++) {
        if (duet_ends_with(name, endings[i]) && strlen(name) > strlen(endings[i])) {
            name[strlen(name) - strlen(endings[i])] = '\0';
            break;
        }
    }
    return name;
}

static duet_status look_at_rows(duet_dataset *dataset) {
    duet_dataset_info *info = &dataset->info;
    duet_split split = DUET_TRAIN;
    while (split < DUET_SPLIT_COUNT && info->count[split] == 0) split++;
    if (split == DUET_SPLIT_COUNT) return duet_fail(DUET_FORMAT, "no images in '%s'", info->path);
    const int64_t count = info->count[split], looks = count < LOOKS ? count : LOOKS;
    duet_status status = DUET_OK;
    for (int64_t i = 0; i < looks; i++) {
        duet_image image = {0};
        const int64_t index = looks > 1 ? i * (count - 1) / (looks - 1) : 0;
        const duet_status one = dataset->layout->read(dataset, split, index, 0, &image);
        /* the loader deals with corrupt rows; only a set of nothing else is refused */
        if (one != DUET_OK) {
            status = one;
            continue;
        }
        if (info->height == 0) {
            info->height = image.height;
            info->width = image.width;
        }
        info->varied = info->varied || image.height != info->height || image.width != info->width;
        info->channels = image.channels > info->channels ? image.channels : info->channels;
        duet_image_free(&image);
    }
    if (info->height == 0) return status;
    duet_error_clear();
    return DUET_OK;
}

static void finish_hash(duet_dataset *dataset) {
    duet_dataset_info *info = &dataset->info;
    uint64_t hash = duet_hash_text(info->layout, info->hash);
    hash = duet_hash(info->count, sizeof info->count, hash);
    for (int c = 0; c < info->class_count; c++) hash = duet_hash_text(info->class_names[c], hash);
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        if (dataset->labels[s] == NULL) continue;
        hash = duet_hash(dataset->labels[s], (size_t)info->count[s] * sizeof(int32_t), hash);
    }
    info->hash = hash;
}

static duet_status open_as(duet_context *ctx, duet_dataset **out, const duet_dataset_layout *layout,
                           const char *path, const char *spec, const void *options) {
    duet_status status = DUET_OK;
    duet_dataset *dataset = NULL;
    DUET_DO(duet_alloc(&dataset, 1, sizeof *dataset));
    dataset->layout = layout;
    DUET_DO(duet_arena_new(&dataset->arena));
    dataset->info.layout = layout->info.name;
    dataset->info.path = duet_arena_text(dataset->arena, spec);
    dataset->info.name = path != NULL ? set_name(dataset->arena, path) : layout->info.name;
    DUET_DO(duet_arena_status(dataset->arena));
    DUET_CONTEXT(layout->open(ctx, dataset, path, options), "cannot open data set '%s' as %s", spec,
                 layout->info.name);
    DUET_CONTEXT(look_at_rows(dataset), "cannot open data set '%s'", spec);
    finish_hash(dataset);
    *out = dataset;
    dataset = NULL;
done:
    duet_dataset_close(dataset);
    return status;
}

static duet_status open_detected(duet_context *ctx, duet_dataset **out, const char *path) {
    const duet_dataset_layout *best = NULL;
    int best_sure = 0;
    for (int i = 0; i < duet_family_dataset.count; i++) {
        const duet_dataset_layout *layout = layout_of(entries[i]);
        const int sure = layout->detect != NULL ? layout->detect(path) : 0;
        if (sure > best_sure) {
            best = layout;
            best_sure = sure;
        }
    }
    if (best != NULL) return open_as(ctx, out, best, path, path, NULL);
    if (duet_path_is_folder(path)) {
        return duet_fail(DUET_FORMAT,
                         "folder '%s' holds no data set: no images, IDX files, CIFAR batches "
                         "(data_batch_1, data_batch_1.bin) or "
                         ".tar archives in it",
                         path);
    }
    return duet_fail(DUET_FORMAT,
                     "file '%s' is no data set: neither a .tar, .zip or .npz of images, an IDX "
                     "file nor CIFAR batches",
                     path);
}

/* "train-{000..012}.tar": no file has that name. */
static bool names_shards(const char *spec) {
    return strchr(spec, '{') != NULL && strstr(spec, "..") != NULL && strstr(spec, ".t") != NULL;
}

duet_status duet_dataset_open(duet_context *ctx, duet_dataset **out, const char *spec) {
    if (spec == NULL || spec[0] == '\0')
        return duet_fail(DUET_ARG, "no data set given: name a folder, a file or 'synth'");
    if (duet_path_exists(spec) || names_shards(spec)) return open_detected(ctx, out, spec);
    char word[64];
    const size_t length = strcspn(spec, ":");
    const char *names[DUET_COUNT(entries)];
    const duet_dataset_layout *layout = NULL;
    for (int i = 0; i < DUET_COUNT(entries); i++) {
        names[i] = entries[i]->name;
        if (strlen(names[i]) == length && memcmp(names[i], spec, length) == 0)
            layout = layout_of(entries[i]);
    }
    if (layout != NULL && layout->detect == NULL) {
        union {
            max_align_t align;
            uint8_t bytes[1024];
        } options;
        const duet_entry *entry = NULL;
        DUET_TRY(duet_family_parse(&duet_family_dataset, &entry, &options, sizeof options, spec));
        return open_as(ctx, out, layout, NULL, spec, &options);
    }
    if (layout != NULL && spec[length] == ':' && duet_path_exists(spec + length + 1)) {
        return open_as(ctx, out, layout, spec + length + 1, spec, NULL);
    }
    if (layout != NULL && spec[length] == '\0') {
        return duet_fail(DUET_ARG, "layout '%s' needs a path: '%s:PATH', or just the path", spec,
                         spec);
    }
    if (layout != NULL)
        return duet_fail(DUET_NOT_FOUND, "no file or folder '%s'", spec + length + 1);
    snprintf(word, sizeof word, "%.*s", length < 63 ? (int)length : 63, spec);
    const char *near = duet_nearest(word, names, DUET_COUNT(entries));
    return duet_fail(DUET_NOT_FOUND,
                     "no file or folder '%s'%s%s%s; a data set is a folder of images, a folder of "
                     "IDX or CIFAR files, "
                     "a .tar, .zip or .npz of images, or 'synth' (see: duet data list)",
                     spec, near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
                     near != NULL ? "'" : "");
}

void duet_dataset_close(duet_dataset *dataset) {
    if (dataset == NULL) return;
    if (dataset->layout->close != NULL) dataset->layout->close(dataset);
    duet_arena_free(dataset->arena);
    duet_release(dataset);
}

/* ---- looking ---- */

const duet_dataset_info *duet_dataset_describe(const duet_dataset *dataset) {
    return &dataset->info;
}

int32_t duet_dataset_label(const duet_dataset *dataset, duet_split split, int64_t index) {
    if (index < 0 || index >= dataset->info.count[split] || dataset->labels[split] == NULL)
        return -1;
    return dataset->labels[split][index];
}

void duet_dataset_row_name(const duet_dataset *dataset, duet_split split, int64_t index, char *out,
                           size_t size) {
    if (dataset->layout->row_name != NULL && index >= 0 && index < dataset->info.count[split]) {
        dataset->layout->row_name(dataset, split, index, out, size);
    } else {
        snprintf(out, size, "%s[%lld]", duet_split_name(split), (long long)index);
    }
}

/* ---- for the layouts ---- */

duet_status duet_dataset_pixels(duet_image *out, const uint8_t *pixels, int64_t height,
                                int64_t width, int have, int want) {
    want = want == 0 ? have : want;
    duet_image image = {0};
    DUET_TRY(duet_image_new(&image, width, height, want));
    const int64_t count = height * width;
    if (have == want) {
        memcpy(image.pixels, pixels, (size_t)(count * have));
    } else if (want == 3) {
        for (int64_t i = 0; i < count; i++) memset(image.pixels + 3 * i, pixels[i], 3);
    } else { /* Pillow's L */
        for (int64_t i = 0; i < count; i++) {
            const uint8_t *p = pixels + 3 * i;
            image.pixels[i] =
                (uint8_t)((19595u * p[0] + 38470u * p[1] + 7471u * p[2] + 32768u) >> 16);
        }
    }
    *out = image;
    return DUET_OK;
}

duet_status duet_dataset_planes(duet_image *out, const uint8_t *planes, int64_t height,
                                int64_t width, int want) {
    const int64_t plane = height * width;
    uint8_t *pixels = NULL;
    DUET_TRY(duet_alloc(&pixels, plane, 3));
    for (int64_t i = 0; i < plane; i++)
        for (int c = 0; c < 3; c++) pixels[3 * i + c] = planes[c * plane + i];
    const duet_status status = duet_dataset_pixels(out, pixels, height, width, 3, want);
    duet_release(pixels);
    return status;
}

duet_status duet_dataset_name_classes(duet_dataset *dataset, const char *const *names, int count) {
    const char **table = duet_arena_alloc(dataset->arena, count > 0 ? count : 1, sizeof *table);
    for (int c = 0; c < count && table != NULL; c++) {
        table[c] = names != NULL ? duet_arena_text(dataset->arena, names[c])
                                 : duet_arena_format(dataset->arena, "%d", c);
    }
    DUET_TRY(duet_arena_status(dataset->arena));
    dataset->info.class_names = table;
    dataset->info.class_count = count;
    return DUET_OK;
}
