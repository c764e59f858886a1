/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_npz.c: numpy archives of images u8 [N,H,W], [N,H,W,1] or [N,H,W,3] and
 * classes, integers [N] or [N,1], under the usual names: guided-diffusion's samples (arr_0, arr_1),
 * Keras' mnist.npz (x_train, y_train, …), MedMNIST (train_images, train_labels, …), and x, y. Held
 * in memory. */
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"
#include "data/dataset/dataset.h"
#include "data/split.h"
#include "io/kind.h"

#include <duet/store.h>

typedef struct npz_part {
    uint8_t *pixels;
    const duet_store_entry *from, *labels; /* used while opening */
    int64_t height, width;
    int channels;
} npz_part;

typedef struct npz_state {
    npz_part part[DUET_SPLIT_COUNT];
} npz_state;

enum { MOST_CLASSES = 100000 };

/* What an array holds, by the words of its name: one for the split (data/split.h) and one for
 * images or classes, in either order. */
typedef struct array_name {
    enum { NO_ARRAY, IMAGES, CLASSES } role;
    duet_split split;
} array_name;

static bool is_word(const char *word, size_t length, const char *list) {
    for (const char *at = list; *at != '\0';) {
        const size_t n = strcspn(at, " ");
        if (n == length && strncasecmp(at, word, n) == 0) return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

static array_name parse_array(const char *name) {
    array_name out = {.split = DUET_TRAIN};
    bool split = false;
    while (*name != '\0') {
        const size_t n = strcspn(name, "_-./ ");
        const bool images = is_word(name, n, "x images image imgs img"),
                   classes = is_word(name, n, "y labels label targets target classes");
        duet_split word = DUET_TRAIN;
        if (n > 0 && duet_split_of_word(&word, name, n)) {
            if (split) return (array_name){0};
            split = true;
            out.split = word;
        } else if (n > 0) { /* a word with another meaning: "x_mean", "image_id" */
            if (out.role != NO_ARRAY || (!images && !classes)) return (array_name){0};
            out.role = images ? IMAGES : CLASSES;
        }
        name += n + (name[n] != '\0');
    }
    return out;
}

/* The names that take precedence, with their partners. */
static const struct {
    const char *images, *labels;
    duet_split split;
} known[] = {{"x_train", "y_train", DUET_TRAIN},
             {"x_val", "y_val", DUET_VAL},
             {"x_test", "y_test", DUET_TEST},
             {"train_images", "train_labels", DUET_TRAIN},
             {"val_images", "val_labels", DUET_VAL},
             {"test_images", "test_labels", DUET_TEST},
             {"arr_0", "arr_1", DUET_TRAIN},
             {"images", "labels", DUET_TRAIN},
             {"x", "y", DUET_TRAIN},
             {"X", "y", DUET_TRAIN}};

static int npz_detect(const char *path) {
    return !duet_path_is_folder(path) && duet_name_ends(path, ".npz") ? 90 : 0;
}

static duet_status check_images(npz_part *part, const duet_store_entry *e) {
    const duet_shape *const s = &e->shape;
    if (e->dtype != DUET_U8)
        return duet_fail(DUET_UNSUPPORTED,
                         "its array '%s' holds %s; images are u8, 0 to 255 (numpy: (255 * "
                         "x).round().astype('uint8'))",
                         e->name, duet_dtype_name(e->dtype));
    if (s->rank != 3 && s->rank != 4)
        return duet_fail(DUET_FORMAT,
                         "its array '%s' has %d dimensions; images are [N,H,W] or [N,H,W,C]",
                         e->name, s->rank);
    part->channels = s->rank == 4 ? (int)(s->dim[3] < 100 ? s->dim[3] : 100) : 1;
    if (part->channels != 1 && part->channels != 3)
        return duet_fail(DUET_UNSUPPORTED,
                         "the last axis of its array '%s' has %lld elements; images are [N,H,W], "
                         "or [N,H,W,C] with 1 or 3 channels%s",
                         e->name, (long long)s->dim[3],
                         s->dim[1] == 1 || s->dim[1] == 3 ? " (numpy: x.transpose(0, 2, 3, 1))"
                                                          : "");
    if (s->dim[0] < 1 || s->dim[1] < 1 || s->dim[2] < 1 || s->dim[1] > 65500 || s->dim[2] > 65500)
        return duet_fail(DUET_FORMAT, "its array '%s' has %lld images of %lld x %lld", e->name,
                         (long long)s->dim[0], (long long)s->dim[1], (long long)s->dim[2]);
    part->from = e;
    part->height = s->dim[1];
    part->width = s->dim[2];
    return DUET_OK;
}

static duet_status read_images(duet_dataset *dataset, duet_split split, const duet_store *store,
                               const duet_store_entry *e) {
    npz_part *const part = &((npz_state *)dataset->state)->part[split];
    const int64_t bytes = duet_shape_count(&e->shape);
    if (part->pixels != NULL)
        return duet_fail(DUET_FORMAT, "it has several arrays of %s images, '%s' among them",
                         duet_split_name(split), e->name);
    DUET_TRY(check_images(part, e));
    DUET_TRY(duet_alloc(&part->pixels, bytes, 1));
    DUET_TRY(duet_store_read(store, e->name, DUET_U8, part->pixels));
    dataset->info.count[split] = e->shape.dim[0];
    dataset->info.hash = duet_hash(part->pixels, (size_t)bytes, dataset->info.hash);
    return DUET_OK;
}

static duet_status check_labels(const duet_store_entry *e, int64_t count) {
    const duet_shape *const s = &e->shape;
    const bool integers =
        e->dtype == DUET_U8 || e->dtype == DUET_I8 || e->dtype == DUET_I32 || e->dtype == DUET_I64;
    if (!integers)
        return duet_fail(DUET_UNSUPPORTED, "its array '%s' holds %s; classes are integers from 0",
                         e->name, duet_dtype_name(e->dtype));
    if (s->rank == 2 && s->dim[1] > 1)
        return duet_fail(
            DUET_UNSUPPORTED,
            "its array '%s' has %lld values per image; one class per image is supported", e->name,
            (long long)s->dim[1]);
    if (s->rank < 1 || s->rank > 2 || duet_shape_count(s) != count)
        return duet_fail(DUET_FORMAT, "its array '%s' has %lld classes for %lld images", e->name,
                         (long long)duet_shape_count(s), (long long)count);
    return DUET_OK;
}

static duet_status read_labels(duet_dataset *dataset, duet_split split, const duet_store *store,
                               const duet_store_entry *e) {
    duet_status status = DUET_OK;
    const int64_t count = dataset->info.count[split];
    int64_t *values = NULL;
    DUET_DO(check_labels(e, count));
    DUET_DO(duet_alloc(&values, count, sizeof *values));
    DUET_DO(duet_store_read(store, e->name, DUET_I64, values));
    int32_t *const labels = duet_arena_alloc(dataset->arena, count, sizeof *labels);
    DUET_DO(duet_arena_status(dataset->arena));
    for (int64_t i = 0; i < count; i++) {
        if (values[i] < 0 || values[i] >= MOST_CLASSES)
            DUET_FAIL(DUET_FORMAT, "its array '%s' has class %lld in row %lld; classes are 0 to %d",
                      e->name, (long long)values[i], (long long)i, MOST_CLASSES - 1);
        labels[i] = (int32_t)values[i];
        if (labels[i] >= dataset->info.class_count) dataset->info.class_count = labels[i] + 1;
    }
    ((npz_state *)dataset->state)->part[split].labels = e;
    dataset->labels[split] = labels;
    dataset->info.labelled = true;
done:
    duet_release(values);
    return status;
}

static duet_status unknown_names(const duet_store *store) {
    duet_str names = {0};
    for (int64_t i = 0; i < duet_store_count(store) && i < 8; i++)
        duet_str_format(&names, "%s%.100s", i > 0 ? ", " : "", duet_store_at(store, i)->name);
    const duet_status status = duet_fail(
        DUET_FORMAT,
        "none of its arrays (%s) has a name for images: x, images, arr_0, x_train, train_images",
        names.text != NULL ? names.text : "none");
    duet_str_free(&names);
    return status;
}

/* Takes an array that is not under the known names by the words of its name, images before
 * classes. */
static duet_status take_other(duet_dataset *dataset, const duet_store *store,
                              const duet_store_entry *e, bool images) {
    const array_name name = parse_array(e->name);
    const npz_part *const part = &((const npz_state *)dataset->state)->part[name.split];
    if (images)
        return name.role == IMAGES && part->pixels == NULL
                   ? read_images(dataset, name.split, store, e)
                   : DUET_OK;
    return name.role == CLASSES && part->pixels != NULL && part->labels == NULL
               ? read_labels(dataset, name.split, store, e)
               : DUET_OK;
}

static void count_unused(duet_dataset *dataset, const duet_store_entry *e) {
    const npz_part *const part = ((const npz_state *)dataset->state)->part;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++)
        if (part[s].from == e || part[s].labels == e) return;
    duet_dataset_left_out(
        dataset, false, "arrays that are not read", e->name,
        "images are named x or images, classes y or labels, with train, val or test");
}

static duet_status read_known(duet_dataset *dataset, const duet_store *store) {
    for (int i = 0; i < DUET_COUNT(known); i++) {
        const duet_store_entry *const images = duet_store_find(store, known[i].images),
                                      *const labels = duet_store_find(store, known[i].labels);
        if (images == NULL) continue;
        DUET_TRY(read_images(dataset, known[i].split, store, images));
        if (labels != NULL) DUET_TRY(read_labels(dataset, known[i].split, store, labels));
    }
    return DUET_OK;
}

static duet_status npz_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                            const void *options) {
    (void)ctx, (void)options;
    duet_status status = DUET_OK;
    duet_store *store = NULL;
    bool found = false;
    DUET_DO(duet_alloc(&dataset->state, 1, sizeof(npz_state)));
    DUET_DO(duet_store_open(&store, path));
    DUET_DO(read_known(dataset, store));
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < duet_store_count(store); i++)
            DUET_DO(take_other(dataset, store, duet_store_at(store, i), pass == 0));
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) found = found || dataset->info.count[s] > 0;
    if (!found) DUET_DO(unknown_names(store));
    for (int64_t i = 0; i < duet_store_count(store); i++)
        count_unused(dataset, duet_store_at(store, i));
    if (dataset->info.labelled)
        DUET_DO(duet_dataset_name_classes(dataset, NULL, dataset->info.class_count));
done:
    duet_store_close(store);
    return status;
}

static void npz_close(duet_dataset *dataset) {
    npz_state *state = dataset->state;
    if (state == NULL) return;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) duet_release(state->part[s].pixels);
    duet_release(state);
}

static duet_status npz_read(const duet_dataset *dataset, duet_split split, int64_t index,
                            int channels, duet_image *out) {
    const npz_part *part = &((const npz_state *)dataset->state)->part[split];
    return duet_dataset_pixels(out,
                               part->pixels + index * part->height * part->width * part->channels,
                               part->height, part->width, part->channels, channels);
}

const duet_dataset_layout duet_dataset_npz = {
    .info = {.name = "npz",
             .help = "numpy arrays of u8 images and classes: x, y; x_train, …; train_images, …; "
                     "arr_0, arr_1",
             .params = DUET_TABLE_EMPTY},
    .detect = npz_detect,
    .open = npz_open,
    .close = npz_close,
    .read = npz_read,
};
