/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_stl10.c: STL-10 (Coates et al. 2011), stl10_binary.tar.gz unpacked: images
 * of 3 x 96 x 96 bytes, each plane column after column (train_X.bin, test_X.bin, unlabeled_X.bin),
 * labels of one byte, 1 … 10 (train_y.bin, test_y.bin), class_names.txt. The unlabelled images are
 * rows of the split train behind those with a class. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "data/dataset/lines.h"
#include "data/dataset/listed.h"

enum { SIDE = 96, PLANE = SIDE * SIDE, RECORD = 3 * PLANE, CLASSES = 10, FILES = 3, HASHED = 64 };

typedef struct stl10_options {
    bool unlabelled;
} stl10_options;

static const duet_param params[] = {
    DUET_BOOLEAN(stl10_options, unlabelled, "true",
                 "reads unlabeled_X.bin too, as rows of train without a class"),
};

typedef struct stl10_file {
    duet_map map;
    duet_split split;
    int64_t first, count; /* rows of the split */
} stl10_file;

typedef struct stl10_state {
    stl10_file file[FILES];
    int files;
} stl10_state;

static int stl10_detect(const char *path) {
    return duet_listed_has(path, "train_X.bin") || duet_listed_has(path, "test_X.bin") ||
                   duet_listed_has(path, "unlabeled_X.bin")
               ? 90
               : 0;
}

static duet_status add_file(duet_dataset *dataset, duet_split split, const char *folder,
                            const char *name) {
    stl10_state *const state = dataset->state;
    stl10_file *const file = &state->file[state->files];
    char path[DUET_PATH_SIZE];
    DUET_TRY(duet_path_join(path, folder, name));
    DUET_TRY(duet_map_open(&file->map, path));
    state->files++;
    if (file->map.size == 0 || file->map.size % RECORD != 0)
        return duet_fail(DUET_FORMAT,
                         "'%s' has %lld bytes, not a multiple of the %d of an image: it is "
                         "truncated or not a file of STL-10",
                         name, (long long)file->map.size, RECORD);
    file->split = split;
    file->first = dataset->info.count[split];
    file->count = file->map.size / RECORD;
    dataset->info.count[split] += file->count;
    for (int64_t i = 0; i < HASHED; i++) /* opening reads no gigabytes */
        dataset->info.hash =
            duet_hash(file->map.data + i * (file->count - 1) / (HASHED - 1) * RECORD, RECORD,
                      dataset->info.hash);
    return DUET_OK;
}

static duet_status add_labels(duet_dataset *dataset, duet_split split, const char *folder,
                              const char *name) {
    duet_status status = DUET_OK;
    duet_bytes bytes = {0};
    char path[DUET_PATH_SIZE];
    const stl10_state *const state = dataset->state;
    const stl10_file *const file = &state->file[state->files - 1];
    int32_t *const labels = dataset->labels[split];
    DUET_DO(duet_path_join(path, folder, name));
    DUET_DO(duet_file_read(&bytes, path));
    if (bytes.size != file->count)
        DUET_FAIL(DUET_FORMAT, "'%s' has %lld labels for %lld images", name, (long long)bytes.size,
                  (long long)file->count);
    for (int64_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] < 1 || bytes.data[i] > CLASSES)
            DUET_FAIL(DUET_FORMAT, "label %lld of '%s' is %d; labels are 1 to %d", (long long)i,
                      name, bytes.data[i], CLASSES);
        labels[file->first + i] = bytes.data[i] - 1;
    }
    dataset->info.labelled = true;
done:
    duet_bytes_free(&bytes);
    return status;
}

/* Images and labels of a split, where it is there. Labels follow once all rows are counted. */
static duet_status add_split(duet_dataset *dataset, duet_split split, const char *folder,
                             const char *images, const char *labels, int64_t more) {
    if (!duet_listed_has(folder, images)) {
        duet_dataset_noticed(dataset, false, 1, "file of the set that is missing", images, "");
        return DUET_OK;
    }
    DUET_TRY(add_file(dataset, split, folder, images));
    const int64_t count = dataset->info.count[split] + more;
    dataset->labels[split] = duet_arena_alloc(dataset->arena, count, sizeof(int32_t));
    DUET_TRY(duet_arena_status(dataset->arena));
    for (int64_t i = 0; i < count; i++) dataset->labels[split][i] = -1;
    if (duet_listed_has(folder, labels)) return add_labels(dataset, split, folder, labels);
    duet_dataset_noticed(dataset, false, 1, "file of the set that is missing", labels,
                         "its images count as unlabelled");
    return DUET_OK;
}

static duet_status name_classes(duet_dataset *dataset, const char *folder) {
    static const char *const ten[CLASSES] = {"airplane", "bird",  "car",    "cat",  "deer",
                                             "dog",      "horse", "monkey", "ship", "truck"};
    duet_status status = DUET_OK;
    const char *names[CLASSES];
    duet_lines lines = {0};
    memcpy(names, ten, sizeof names);
    if (duet_listed_has(folder, "class_names.txt"))
        DUET_DO(duet_lines_read_whole(&lines, folder, "class_names.txt"));
    for (int c = 0; c < CLASSES && lines.count == CLASSES; c++) names[c] = lines.line[c].key;
    DUET_DO(duet_dataset_name_classes(dataset, names, CLASSES));
done:
    duet_lines_free(&lines);
    return status;
}

static duet_status stl10_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                              const void *options) {
    (void)ctx;
    char file[DUET_PATH_SIZE];
    duet_map more = {0};
    const bool bare =
        ((const stl10_options *)options)->unlabelled && duet_path_in(file, path, "unlabeled_X.bin");
    DUET_TRY(duet_alloc(&dataset->state, 1, sizeof(stl10_state)));
    if (bare) DUET_TRY(duet_map_open(&more, file));
    const int64_t rows = more.size / RECORD;
    duet_map_close(&more);
    DUET_TRY(add_split(dataset, DUET_TRAIN, path, "train_X.bin", "train_y.bin", rows));
    if (bare) DUET_TRY(add_file(dataset, DUET_TRAIN, path, "unlabeled_X.bin"));
    DUET_TRY(add_split(dataset, DUET_TEST, path, "test_X.bin", "test_y.bin", 0));
    return dataset->info.labelled ? name_classes(dataset, path) : DUET_OK;
}

static void stl10_close(duet_dataset *dataset) {
    stl10_state *const state = dataset->state;
    for (int f = 0; state != NULL && f < state->files; f++) duet_map_close(&state->file[f].map);
    duet_release(state);
}

static duet_status stl10_read(const duet_dataset *dataset, duet_split split, int64_t index,
                              int channels, duet_image *out) {
    const stl10_file *file = ((const stl10_state *)dataset->state)->file;
    uint8_t *pixels = NULL;
    while (file->split != split || index >= file->first + file->count) file++;
    const uint8_t *const from = file->map.data + (index - file->first) * RECORD;
    DUET_TRY(duet_alloc(&pixels, RECORD, 1));
    for (int c = 0; c < 3; c++)
        for (int x = 0; x < SIDE; x++)
            for (int y = 0; y < SIDE; y++)
                pixels[(y * SIDE + x) * 3 + c] = from[c * PLANE + x * SIDE + y];
    const duet_status status = duet_dataset_pixels(out, pixels, SIDE, SIDE, 3, channels);
    duet_release(pixels);
    return status;
}

const duet_dataset_layout duet_dataset_stl10 = {
    .info = {.name = "stl10",
             .help = "STL-10 in binary files: train_X.bin, test_X.bin, unlabeled_X.bin, …",
             .params = DUET_TABLE(params, stl10_options)},
    .detect = stl10_detect,
    .open = stl10_open,
    .close = stl10_close,
    .read = stl10_read,
    .inner = true,
};
