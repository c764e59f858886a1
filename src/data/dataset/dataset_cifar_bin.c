/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_cifar_bin.c: the official binary files of CIFAR-10 and CIFAR-100
 * (https://www.cs.toronto.edu/~kriz/cifar.html), 32x32. A record is the label bytes, then 1024 R,
 * 1024 G, 1024 B, row-major. CIFAR-10: data_batch_1..5.bin, test_batch.bin, one label byte;
 * CIFAR-100: train.bin, test.bin, two label bytes (coarse, fine), of which the fine one is the
 * label unless label=coarse is given. A single such .bin file is a set too. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"
#include "data/dataset/dataset.h"
#include "data/split.h"

#define SIDE       32
#define PLANE      1024
#define MOST_FILES 6

typedef struct cifar_options {
    char label[DUET_TEXT_SIZE];
} cifar_options;

static const duet_param params[] = {
    DUET_TEXT(cifar_options, label, "fine", "fine|coarse",
              "CIFAR-100: what is a class, one of 100 or one of 20 that hold five each"),
};

typedef struct cifar_file {
    duet_bytes bytes;
    duet_split split;
    int64_t first, count; /* rows of the split */
} cifar_file;

typedef struct cifar_state {
    cifar_file file[MOST_FILES];
    int files;
    int label_bytes; /* 1 or 2 */
    int label_at;    /* which of them */
} cifar_state;

static bool holds(const char *folder, const char *name) {
    char path[DUET_PATH_SIZE];
    return duet_path_in(path, folder, name);
}

static bool is_hundred(const char *folder) {
    return holds(folder, "train.bin") && holds(folder, "fine_label_names.txt");
}

static int cifar_detect(const char *path) {
    if (duet_path_is_folder(path))
        return holds(path, "data_batch_1.bin") || is_hundred(path) ? 90 : 0;
    if (!duet_ends_with(path, ".bin")) return 0;
    duet_map map;
    if (duet_map_open(&map, path) != DUET_OK) return 0;
    const bool fits = map.size > 0 && map.size % (3 * PLANE + 1) == 0 && map.data[0] < 10;
    duet_map_close(&map);
    return fits ? 60 : 0;
}

static duet_status add_file(duet_dataset *dataset, duet_split split, const char *path) {
    cifar_state *state = dataset->state;
    cifar_file *file = &state->file[state->files++];
    DUET_TRY(duet_file_read(&file->bytes, path));
    const int64_t record = state->label_bytes + 3 * PLANE;
    if (file->bytes.size == 0 || file->bytes.size % record != 0) {
        return duet_fail(DUET_FORMAT,
                         "'%s' has %lld bytes, not a multiple of the %lld of a record: it is "
                         "truncated or not a CIFAR file",
                         duet_path_base(path), (long long)file->bytes.size, (long long)record);
    }
    file->split = split;
    file->first = dataset->info.count[split];
    file->count = file->bytes.size / record;
    dataset->info.count[split] += file->count;
    dataset->info.hash = duet_hash(file->bytes.data, (size_t)file->bytes.size, dataset->info.hash);
    return DUET_OK;
}

static duet_status fill_labels(duet_dataset *dataset, int classes) {
    const cifar_state *state = dataset->state;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        if (dataset->info.count[s] > 0) {
            dataset->labels[s] =
                duet_arena_alloc(dataset->arena, dataset->info.count[s], sizeof(int32_t));
        }
    }
    DUET_TRY(duet_arena_status(dataset->arena));
    for (int f = 0; f < state->files; f++) {
        const cifar_file *file = &state->file[f];
        for (int64_t i = 0; i < file->count; i++) {
            const int label =
                file->bytes.data[i * (state->label_bytes + 3 * PLANE) + state->label_at];
            if (label >= classes) {
                return duet_fail(
                    DUET_FORMAT, "record %lld of the %s files has label %d; there are %d classes",
                    (long long)(file->first + i), duet_split_name(file->split), label, classes);
            }
            dataset->labels[file->split][file->first + i] = label;
        }
    }
    dataset->info.labelled = true;
    return DUET_OK;
}

/* Class names from a text file with one per line, if their number is right; else the ten known
 * ones, else numbers. */
static duet_status name_classes(duet_dataset *dataset, const char *folder, const char *list,
                                int classes) {
    static const char *const ten[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                      "dog",      "frog",       "horse", "ship", "truck"};
    duet_status status = DUET_OK;
    duet_bytes bytes = {0};
    char *text = NULL;
    const char *names[100];
    int count = 0;
    if (folder != NULL && holds(folder, list)) {
        char path[DUET_PATH_SIZE];
        DUET_DO(duet_path_join(path, folder, list));
        DUET_DO(duet_file_read(&bytes, path));
        DUET_DO(duet_alloc(&text, bytes.size + 1, 1));
        memcpy(text, bytes.data, (size_t)bytes.size);
        char *rest = NULL;
        for (char *line = strtok_r(text, "\r\n", &rest); line != NULL && count < 100;
             line = strtok_r(NULL, "\r\n", &rest)) {
            names[count++] = line;
        }
    }
    DUET_DO(duet_dataset_name_classes(dataset,
                                      count == classes ? names
                                      : classes == 10  ? ten
                                                       : NULL,
                                      classes));
done:
    duet_release(text);
    duet_bytes_free(&bytes);
    return status;
}

static duet_status cifar_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                              const void *options) {
    (void)ctx;
    const bool coarse = strcmp(((const cifar_options *)options)->label, "coarse") == 0;
    DUET_TRY(duet_alloc(&dataset->state, 1, sizeof(cifar_state)));
    cifar_state *state = dataset->state;
    state->label_bytes = 1;
    char file[DUET_PATH_SIZE];
    if (!duet_path_is_folder(path)) {
        duet_split split = DUET_TRAIN;
        (void)duet_split_in_name(&split, duet_path_base(path));
        DUET_TRY(add_file(dataset, split, path));
        DUET_TRY(fill_labels(dataset, 10));
        return name_classes(dataset, NULL, NULL, 10);
    }
    const bool hundred = is_hundred(path) && !holds(path, "data_batch_1.bin");
    if (coarse && !hundred)
        return duet_fail(DUET_ARG, "CIFAR-10 has no coarse labels; those of CIFAR-100 are meant");
    if (hundred) {
        state->label_bytes = 2;
        state->label_at = coarse ? 0 : 1;
        DUET_TRY(duet_path_join(file, path, "train.bin"));
        DUET_TRY(add_file(dataset, DUET_TRAIN, file));
    } else {
        for (int i = 1; i <= 5; i++) {
            char name[32];
            snprintf(name, sizeof name, "data_batch_%d.bin", i);
            DUET_TRY(duet_path_join(file, path, name));
            DUET_TRY(add_file(dataset, DUET_TRAIN, file));
        }
    }
    const char *test = hundred ? "test.bin" : "test_batch.bin";
    if (holds(path, test)) {
        DUET_TRY(duet_path_join(file, path, test));
        DUET_TRY(add_file(dataset, DUET_TEST, file));
    } else {
        duet_dataset_noticed(dataset, false, 1, "file of the set that is missing", test,
                             "there is no split test");
    }
    const int classes = coarse ? 20 : hundred ? 100 : 10;
    DUET_TRY(fill_labels(dataset, classes));
    return name_classes(dataset, path,
                        coarse    ? "coarse_label_names.txt"
                        : hundred ? "fine_label_names.txt"
                                  : "batches.meta.txt",
                        classes);
}

static void cifar_close(duet_dataset *dataset) {
    cifar_state *state = dataset->state;
    if (state == NULL) return;
    for (int f = 0; f < state->files; f++) duet_bytes_free(&state->file[f].bytes);
    duet_release(state);
}

static duet_status cifar_read(const duet_dataset *dataset, duet_split split, int64_t index,
                              int channels, duet_image *out) {
    const cifar_state *state = dataset->state;
    const cifar_file *file = state->file;
    while (file->split != split || index >= file->first + file->count) file++;
    const uint8_t *planes = file->bytes.data +
                            (index - file->first) * (state->label_bytes + 3 * PLANE) +
                            state->label_bytes;
    return duet_dataset_planes(out, planes, SIDE, SIDE, channels);
}

const duet_dataset_layout duet_dataset_cifar_bin = {
    .info = {.name = "cifar_bin",
             .help = "official binary files of CIFAR-10 and CIFAR-100",
             .params = DUET_TABLE(params, cifar_options)},
    .detect = cifar_detect,
    .open = cifar_open,
    .close = cifar_close,
    .read = cifar_read,
    .inner = true,
};
