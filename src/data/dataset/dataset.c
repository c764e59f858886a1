/* SPDX-License-Identifier: MIT
 * data/dataset/dataset.c: the family `dataset`: finds a path's layout by asking every member how
 * sure it is, opens it, looks at a few rows for the image size, and hands out labels and names. */
#include "data/dataset/dataset.h"

#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/utf8.h"
#include "data/dataset/dataset.def"

DUET_FAMILY(dataset, DUET_DATASETS,
            "layouts of data sets; a path's layout is detected, or given: NAME:PATH, "
            "NAME:key=value:PATH");

#define LOOKS 8 /* rows decoded at opening */

/* ---- opening ---- */

/* The base name of a path without trailing slashes and archive extensions. */
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

/* What is lost when an image is read. */
static void look_closer(duet_dataset *dataset, duet_split split, int64_t index,
                        const duet_image *image) {
    char name[512];
    if ((image->lost & DUET_IMAGE_LOST_ALPHA) == 0) return;
    duet_dataset_row_name(dataset, split, index, name, sizeof name);
    duet_dataset_noticed(dataset, false, 1, "of the images looked at have transparent pixels", name,
                         "they are composed over white");
}

/* Looks at the first row of the other splits: in a set that is taken for grey their colours would
 * be lost. */
static void look_at_others(duet_dataset *dataset, duet_split seen) {
    for (int s = (int)seen + 1; s < DUET_SPLIT_COUNT; s++) {
        duet_image image = {0};
        if (dataset->info.count[s] == 0 ||
            dataset->layout->read(dataset, (duet_split)s, 0, 0, &image) != DUET_OK)
            continue;
        look_closer(dataset, (duet_split)s, 0, &image);
        if (image.channels > dataset->info.channels)
            duet_dataset_noticed(dataset, false, dataset->info.count[s],
                                 "images of a split in colour, beside a split in grey by which the "
                                 "set is taken for grey",
                                 duet_split_name((duet_split)s), "");
        duet_image_free(&image);
    }
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
        /* the loader handles corrupt images; a set is refused only where all examined ones are */
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
        look_closer(dataset, split, index, &image);
        duet_image_free(&image);
    }
    if (info->height == 0) return status;
    look_at_others(dataset, split);
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

/* Room for the options of any layout. */
typedef union options_room {
    max_align_t align;
    uint8_t bytes[1024];
} options_room;

/* options: NULL = the defaults. */
static duet_status open_as(duet_context *ctx, duet_dataset **out, const duet_dataset_layout *layout,
                           const char *path, const char *name, const char *spec,
                           const void *options) {
    duet_status status = DUET_OK;
    duet_dataset *dataset = NULL;
    options_room usual;
    duet_params_default(&layout->info.params, &usual);
    if (options == NULL) options = &usual;
    DUET_DO(duet_alloc(&dataset, 1, sizeof *dataset));
    dataset->layout = layout;
    DUET_DO(duet_arena_new(&dataset->arena));
    dataset->info.layout = layout->info.name;
    dataset->info.path = duet_arena_text(dataset->arena, spec);
    dataset->info.name = name != NULL ? set_name(dataset->arena, name) : layout->info.name;
    DUET_DO(duet_arena_status(dataset->arena));
    dataset->info.name = duet_utf8_shown(dataset->arena, dataset->info.name);
    dataset->info.shown_path = duet_utf8_shown(dataset->arena, spec);
    DUET_DO(duet_arena_status(dataset->arena));
    DUET_CONTEXT(layout->open(ctx, dataset, path, options), "cannot open data set '%s' as %s", spec,
                 layout->info.name);
    DUET_CONTEXT(look_at_rows(dataset), "cannot open data set '%s'", spec);
    DUET_DO(duet_dataset_check_labels(dataset));
    DUET_DO(duet_arena_status(dataset->arena));
    finish_hash(dataset);
    duet_dataset_tell(ctx, dataset);
    *out = dataset;
    dataset = NULL;
done:
    duet_dataset_close(dataset);
    return status;
}

/* Where `path` itself is not a data set but holds one, opens that; *found says whether. */
static duet_status open_inner(duet_context *ctx, duet_dataset **out, bool *found,
                              const duet_dataset_layout *const *layouts, int count,
                              const char *path, const char *spec, const void *options) {
    duet_status status = DUET_OK;
    duet_roots *roots = NULL;
    DUET_DO(duet_alloc(&roots, 1, sizeof *roots));
    duet_dataset_roots(roots, layouts, count, path);
    *found = roots->count > 0;
    if (!*found) goto done;
    /* CIFAR for Python is taken even if other sets lie beside it. */
    const bool known = roots->first_is_near && roots->layout == &duet_dataset_cifar_py;
    if (roots->count > 1 && !known)
        DUET_FAIL(DUET_ARG, "'%s' holds several data sets, %s; give the folder of one", path,
                  roots->names);
    DUET_DO(open_as(ctx, out, roots->layout, roots->folder, path, spec, options));
    if (roots->count > 1)
        duet_log(ctx, DUET_LOG_WARNING,
                 "'%s' holds several data sets, %s: the first is read; give the folder of another "
                 "to read that",
                 path, roots->names);
done:
    duet_release(roots);
    return status;
}

static duet_status open_detected(duet_context *ctx, duet_dataset **out, const char *path) {
    const duet_dataset_layout *best = NULL, *layouts[DUET_COUNT(duet_entries_of_dataset)];
    int best_sure = 0;
    bool found = false;
    for (int i = 0; i < duet_family_dataset.count; i++) {
        const duet_dataset_layout *const layout = duet_dataset_of(duet_family_dataset.entries[i]);
        layouts[i] = layout;
        const int sure = layout->detect != NULL ? layout->detect(path) : 0;
        if (sure > best_sure) {
            best = layout;
            best_sure = sure;
        }
    }
    if (best_sure <= DUET_SURE_OF_FOLDERS)
        DUET_TRY(open_inner(ctx, out, &found, layouts, DUET_COUNT(layouts), path, path, NULL));
    if (found) return DUET_OK;
    if (best != NULL) return open_as(ctx, out, best, path, path, path, NULL);
    return duet_dataset_refuse(path);
}

/* With a given layout, the path may be a root folder that holds the set. */
static duet_status open_given(duet_context *ctx, duet_dataset **out,
                              const duet_dataset_layout *layout, const char *path, const char *spec,
                              const void *options) {
    bool found = false;
    if (layout->inner && duet_path_is_folder(path) && layout->detect(path) == 0)
        DUET_TRY(open_inner(ctx, out, &found, &layout, 1, path, spec, options));
    return found ? DUET_OK : open_as(ctx, out, layout, path, path, spec, options);
}

/* "PATH" or "key=value,key=value:PATH" behind the name of a layout. Either may have colons: the
 * path is the longest text that is one. */
static duet_status open_behind(duet_context *ctx, duet_dataset **out,
                               const duet_dataset_layout *layout, const char *text,
                               const char *spec) {
    const char *path = text;
    char given[DUET_SPEC_SIZE], where[80];
    options_room options;
    while (path != NULL && (*path == '\0' || !duet_path_exists(path))) {
        path = strchr(path, ':');
        path = path != NULL ? path + 1 : NULL;
    }
    if (path == NULL) {
        const char *const equals = strchr(text, '='), *const colon = strchr(text, ':');
        const bool sure = equals != NULL && colon != NULL && equals < colon;
        return duet_fail(DUET_NOT_FOUND, "no file or folder '%s'", sure ? colon + 1 : text);
    }
    const size_t size = path > text ? (size_t)(path - text) - 1 : 0;
    if (size >= sizeof given) return duet_fail(DUET_ARG, "the options of '%s' are too long", spec);
    memcpy(given, text, size);
    given[size] = '\0';
    snprintf(where, sizeof where, "layout '%s'", layout->info.name);
    duet_params_default(&layout->info.params, &options);
    DUET_TRY(duet_params_parse(&layout->info.params, &options, where, given));
    return open_given(ctx, out, layout, path, spec, &options);
}

/* A range of shards, "train-{000..012}.tar", is not the name of a file. */
static bool names_shards(const char *spec) {
    return strchr(spec, '{') != NULL && strstr(spec, "..") != NULL && strstr(spec, ".t") != NULL;
}

duet_status duet_dataset_open(duet_context *ctx, duet_dataset **out, const char *spec) {
    if (spec == NULL || spec[0] == '\0')
        return duet_fail(DUET_ARG, "no data set given: name a folder, a file, 'synth' or 'noise'");
    if (duet_path_exists(spec) || names_shards(spec)) return open_detected(ctx, out, spec);
    char word[64];
    const size_t length = strcspn(spec, ":");
    snprintf(word, sizeof word, "%.*s", length < 63 ? (int)length : 63, spec);
    const duet_entry *const known = duet_family_find(&duet_family_dataset, word);
    const duet_dataset_layout *const layout = known != NULL ? duet_dataset_of(known) : NULL;
    if (layout != NULL && layout->detect == NULL) {
        options_room options;
        const duet_entry *entry = NULL;
        DUET_TRY(duet_family_parse(&duet_family_dataset, &entry, &options, sizeof options, spec));
        return open_as(ctx, out, layout, NULL, NULL, spec, &options);
    }
    if (layout != NULL && spec[length] == '\0') {
        return duet_fail(DUET_ARG, "layout '%s' needs a path: '%s:PATH', or just the path", spec,
                         spec);
    }
    if (layout != NULL && layout->of_set) {
        const char *const of = spec + length + 1;
        return open_as(ctx, out, layout, of, of, spec, NULL);
    }
    if (layout != NULL) return open_behind(ctx, out, layout, spec + length + 1, spec);
    const char *near = duet_family_nearest(&duet_family_dataset, word);
    return duet_fail(DUET_NOT_FOUND,
                     "no file or folder '%s'%s%s%s; a data set is a folder of images, a folder of "
                     "IDX or CIFAR files, "
                     "a .tar, .zip or .npz of images, 'synth' or 'noise' (see: duet data list)",
                     spec, near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
                     near != NULL ? "'" : "");
}

void duet_dataset_close(duet_dataset *dataset) {
    if (dataset == NULL) return;
    if (dataset->layout->close != NULL) dataset->layout->close(dataset);
    duet_dataset_free_notes(dataset);
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
        unsigned coloured = 0;
        for (int64_t i = 0; i < count; i++) {
            const uint8_t *p = pixels + 3 * i;
            image.pixels[i] =
                (uint8_t)((19595u * p[0] + 38470u * p[1] + 7471u * p[2] + 32768u) >> 16);
            coloured |= (unsigned)(p[0] ^ p[1]) | (unsigned)(p[1] ^ p[2]);
        }
        image.lost = coloured != 0 ? DUET_IMAGE_LOST_COLOUR : 0u;
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
        table[c] = names != NULL ? duet_utf8_shown(dataset->arena, names[c])
                                 : duet_arena_format(dataset->arena, "%d", c);
    }
    DUET_TRY(duet_arena_status(dataset->arena));
    dataset->info.class_names = table;
    dataset->info.class_count = count;
    return DUET_OK;
}

duet_status duet_dataset_make(duet_dataset *dataset, const void *options, size_t size,
                              const int64_t count[DUET_SPLIT_COUNT], const char *const *names,
                              int classes) {
    DUET_TRY(duet_alloc(&dataset->state, 1, size));
    memcpy(dataset->state, options, size);
    DUET_TRY(duet_dataset_name_classes(dataset, names, classes));
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        int32_t *labels = duet_arena_alloc(dataset->arena, count[s], sizeof *labels);
        DUET_TRY(duet_arena_status(dataset->arena));
        for (int64_t i = 0; i < count[s]; i++) labels[i] = (int32_t)(i % classes);
        dataset->labels[s] = labels;
        dataset->info.count[s] = count[s];
    }
    dataset->info.labelled = true;
    dataset->info.hash = duet_hash(options, size, 0);
    return DUET_OK;
}
