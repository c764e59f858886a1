/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_cifar_py.c: CIFAR-10 and CIFAR-100 "for Python"
 * (https://www.cs.toronto.edu/~kriz/cifar.html), as torchvision downloads them:
 * cifar-10-batches-py/data_batch_1..5, test_batch, batches.meta; cifar-100-python/train, test,
 * meta. Pickles of dicts: `data`, a numpy array u8 [N,3072] (1024 R, 1024 G, 1024 B, row-major),
 * and `labels` or `fine_labels`, `coarse_labels`. They are read as data, and nothing in them is
 * called (pickle.h); the array stays in the mapped file. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"
#include "data/dataset/dataset.h"
#include "io/pickle.h"

enum { SIDE = 32, RECORD = 3 * SIDE * SIDE, MOST_FILES = 6, MOST_CLASSES = 100 };
enum { RECONSTRUCT = 1, NDARRAY, DTYPE };

static const duet_pickle_global allowed[] = {
    {"numpy.core.multiarray", "_reconstruct", RECONSTRUCT, 0},
    {"numpy._core.multiarray", "_reconstruct", RECONSTRUCT, 0},
    {"numpy", "ndarray", NDARRAY, 0},
    {"numpy", "dtype", DTYPE, 0}};

typedef struct cifar_options {
    char label[DUET_TEXT_SIZE];
} cifar_options;

static const duet_param params[] = {
    DUET_TEXT(cifar_options, label, "fine", "fine|coarse",
              "CIFAR-100: what is a class, one of 100 or one of 20 that hold five each"),
};

typedef struct cifar_file {
    duet_map map;
    const uint8_t *planes; /* [count, RECORD], in the map or in the arena */
    duet_split split;
    int64_t first, count; /* rows of the split */
} cifar_file;

typedef struct cifar_state {
    cifar_file file[MOST_FILES];
    int files;
} cifar_state;

/* The files of a kind of set. It is recognised by the first two, which other folders do not have
 * together. */
static const struct kind {
    const char *labels, *meta, *names;
    int classes;
    struct {
        const char *name;
        duet_split split;
    } file[MOST_FILES];
} kinds[] = {
    {"labels",
     "batches.meta",
     "label_names",
     10,
     {{"data_batch_1", DUET_TRAIN},
      {"data_batch_2", DUET_TRAIN},
      {"data_batch_3", DUET_TRAIN},
      {"data_batch_4", DUET_TRAIN},
      {"data_batch_5", DUET_TRAIN},
      {"test_batch", DUET_TEST}}},
    {"fine_labels", "meta", "fine_label_names", 100, {{"train", DUET_TRAIN}, {"test", DUET_TEST}}}};
static const struct kind coarse = {"coarse_labels",
                                   "meta",
                                   "coarse_label_names",
                                   20,
                                   {{"train", DUET_TRAIN}, {"test", DUET_TEST}}};

static bool holds(const char *folder, const char *name) {
    char path[DUET_PATH_SIZE];
    return duet_path_in(path, folder, name) && !duet_path_is_folder(path);
}

/* The kind of set in the folder; NULL where there is none. */
static const struct kind *find(const char *folder) {
    if (!duet_path_is_folder(folder)) return NULL;
    for (int k = 0; k < DUET_COUNT(kinds); k++)
        if (holds(folder, kinds[k].file[0].name) && holds(folder, kinds[k].meta)) return &kinds[k];
    return NULL;
}

static int cifar_detect(const char *path) {
    /* below cifar_bin, whose files may lie in the same folder */
    return find(path) != NULL ? 85 : 0;
}

/* Python 2 wrote texts; files that were pickled again have bytes. */
static const duet_pickle_node *get(const duet_pickle_node *dict, const char *key) {
    for (int64_t i = 0; dict->kind == DUET_PICKLE_DICT && i + 1 < dict->count; i += 2) {
        const duet_pickle_node *const k = dict->item[i];
        if ((k->kind == DUET_PICKLE_TEXT || k->kind == DUET_PICKLE_BYTES) &&
            k->count == (int64_t)strlen(key) && memcmp(k->text, key, strlen(key)) == 0)
            return dict->item[i + 1];
    }
    return NULL;
}

static bool is_number(const duet_pickle_node *n, int64_t value) {
    return n->kind == DUET_PICKLE_INT && n->integer == value;
}

/* state: (version, (N, 3072), dtype('u1'), in Fortran's order?, bytes) */
static duet_status read_array(const uint8_t **out, int64_t *count, const duet_pickle_node *array) {
    const bool made =
        array != NULL && array->kind == DUET_PICKLE_OBJECT && array->global->role == RECONSTRUCT;
    const duet_pickle_node *const s = made ? array->state : NULL;
    if (s == NULL || s->kind != DUET_PICKLE_TUPLE || s->count != 5)
        return duet_fail(DUET_FORMAT, "its 'data' is not a numpy array");
    const duet_pickle_node *const shape = s->item[1], *const type = s->item[2],
                                  *const order = s->item[3], *const bytes = s->item[4];
    if (shape->kind != DUET_PICKLE_TUPLE || shape->count != 2 ||
        shape->item[0]->kind != DUET_PICKLE_INT || !is_number(shape->item[1], RECORD))
        return duet_fail(DUET_FORMAT, "its 'data' is not an array [N,%d]", RECORD);
    if (type->kind != DUET_PICKLE_OBJECT || type->global->role != DTYPE || type->count < 1 ||
        type->item[0]->kind != DUET_PICKLE_TEXT || strcmp(type->item[0]->text, "u1") != 0)
        return duet_fail(DUET_FORMAT, "its 'data' holds no bytes (dtype u1)");
    if (order->kind != DUET_PICKLE_BOOL || order->integer != 0)
        return duet_fail(DUET_UNSUPPORTED, "its 'data' is in column-major order");
    const int64_t rows = shape->item[0]->integer;
    if ((bytes->kind != DUET_PICKLE_TEXT && bytes->kind != DUET_PICKLE_BYTES) || rows < 1 ||
        rows > INT32_MAX || bytes->count != rows * RECORD)
        return duet_fail(DUET_FORMAT, "its 'data' has %lld bytes for %lld images",
                         (long long)bytes->count, (long long)rows);
    *out = (const uint8_t *)bytes->text;
    *count = rows;
    return DUET_OK;
}

static duet_status read_labels(duet_dataset *dataset, const cifar_file *file,
                               const duet_pickle_node *list, const struct kind *kind) {
    if (list == NULL || list->kind != DUET_PICKLE_LIST || list->count != file->count)
        return duet_fail(DUET_FORMAT, "its '%s' are not one for each of the %lld images",
                         kind->labels, (long long)file->count);
    int32_t *const labels =
        duet_arena_alloc(dataset->arena, file->first + file->count,
                         sizeof *labels); /* with the labels of the files before it */
    DUET_TRY(duet_arena_status(dataset->arena));
    if (file->first > 0)
        memcpy(labels, dataset->labels[file->split], (size_t)file->first * sizeof *labels);
    for (int64_t i = 0; i < file->count; i++) {
        const duet_pickle_node *const n = list->item[i];
        if (n->kind != DUET_PICKLE_INT || n->integer < 0 || n->integer >= kind->classes)
            return duet_fail(DUET_FORMAT, "image %lld has no class from 0 to %d", (long long)i,
                             kind->classes - 1);
        labels[file->first + i] = (int32_t)n->integer;
    }
    dataset->labels[file->split] = labels;
    return DUET_OK;
}

/* The array of a small file was copied into the nodes, which are freed. */
static duet_status keep(duet_dataset *dataset, cifar_file *file) {
    if (file->planes >= file->map.data && file->planes < file->map.data + file->map.size)
        return DUET_OK;
    uint8_t *const copy = duet_arena_alloc(dataset->arena, file->count, RECORD);
    DUET_TRY(duet_arena_status(dataset->arena));
    memcpy(copy, file->planes, (size_t)(file->count * RECORD));
    file->planes = copy;
    return DUET_OK;
}

static duet_status add_file(duet_dataset *dataset, duet_arena *nodes, const struct kind *kind,
                            int index, const char *folder) {
    cifar_state *const state = dataset->state;
    cifar_file *const file = &state->file[state->files++];
    char path[DUET_PATH_SIZE];
    const duet_pickle_node *root = NULL;
    int64_t used = 0;
    file->split = kind->file[index].split;
    file->first = dataset->info.count[file->split];
    DUET_TRY(duet_path_join(path, folder, kind->file[index].name));
    DUET_TRY(duet_map_open(&file->map, path));
    DUET_TRY(duet_pickle_parse(&root, &used, nodes, file->map.data, file->map.size, 0, allowed,
                               DUET_COUNT(allowed)));
    DUET_TRY(read_array(&file->planes, &file->count, get(root, "data")));
    DUET_TRY(keep(dataset, file));
    DUET_TRY(read_labels(dataset, file, get(root, kind->labels), kind));
    dataset->info.count[file->split] += file->count;
    dataset->info.hash =
        duet_hash(file->planes, (size_t)(file->count * RECORD), dataset->info.hash);
    return DUET_OK;
}

static duet_status name_classes(duet_dataset *dataset, duet_arena *nodes, const struct kind *kind,
                                const char *folder) {
    duet_status status = DUET_OK;
    char path[DUET_PATH_SIZE];
    const char *names[MOST_CLASSES];
    const duet_pickle_node *root = NULL;
    int64_t used = 0;
    duet_map map = {0};
    DUET_DO(duet_path_join(path, folder, kind->meta));
    DUET_DO(duet_map_open(&map, path));
    DUET_DO(duet_pickle_parse(&root, &used, nodes, map.data, map.size, 0, allowed,
                              DUET_COUNT(allowed)));
    const duet_pickle_node *const list = get(root, kind->names);
    bool good = list != NULL && list->kind == DUET_PICKLE_LIST && list->count == kind->classes;
    for (int i = 0; good && i < kind->classes; i++) {
        good = list->item[i]->kind == DUET_PICKLE_TEXT || list->item[i]->kind == DUET_PICKLE_BYTES;
        names[i] = list->item[i]->text;
    }
    DUET_DO(duet_dataset_name_classes(dataset, good ? names : NULL, kind->classes));
done:
    duet_map_close(&map);
    return status;
}

static duet_status cifar_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                              const void *options) {
    (void)ctx;
    duet_status status = DUET_OK;
    duet_arena *nodes = NULL;
    const char *const folder = path;
    const struct kind *kind = find(folder);
    if (kind == NULL)
        return duet_fail(DUET_FORMAT,
                         "'%s' has neither data_batch_1 and batches.meta nor train and meta", path);
    if (strcmp(((const cifar_options *)options)->label, "coarse") == 0) {
        if (kind->classes != 100)
            return duet_fail(DUET_ARG,
                             "CIFAR-10 has no coarse labels; those of CIFAR-100 are meant");
        kind = &coarse;
    }
    DUET_DO(duet_alloc(&dataset->state, 1, sizeof(cifar_state)));
    for (int i = 0; i < MOST_FILES && kind->file[i].name != NULL; i++) {
        if (kind->file[i].split == DUET_TEST && !holds(folder, kind->file[i].name)) {
            duet_dataset_noticed(dataset, false, 1, "file of the set that is missing",
                                 kind->file[i].name, "there is no split test");
            continue;
        }
        duet_arena_free(nodes);
        nodes = NULL;
        DUET_DO(duet_arena_new(&nodes));
        DUET_CONTEXT(add_file(dataset, nodes, kind, i, folder), "file '%s'", kind->file[i].name);
    }
    dataset->info.labelled = true;
    DUET_CONTEXT(name_classes(dataset, nodes, kind, folder), "file '%s'", kind->meta);
done:
    duet_arena_free(nodes);
    return status;
}

static void cifar_close(duet_dataset *dataset) {
    cifar_state *state = dataset->state;
    for (int f = 0; state != NULL && f < state->files; f++) duet_map_close(&state->file[f].map);
    duet_release(state);
}

static duet_status cifar_read(const duet_dataset *dataset, duet_split split, int64_t index,
                              int channels, duet_image *out) {
    const cifar_file *file = ((const cifar_state *)dataset->state)->file;
    while (file->split != split || index >= file->first + file->count) file++;
    return duet_dataset_planes(out, file->planes + (index - file->first) * RECORD, SIDE, SIDE,
                               channels);
}

const duet_dataset_layout duet_dataset_cifar_py = {
    .info = {.name = "cifar_py",
             .help = "CIFAR-10 and CIFAR-100 for Python, as torchvision downloads them",
             .params = DUET_TABLE(params, cifar_options)},
    .detect = cifar_detect,
    .open = cifar_open,
    .close = cifar_close,
    .read = cifar_read,
    .inner = true,
};
