/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_divided.c: another set whose training images are divided into train and
 * test, for sets that come without a test split: of each class the same share, drawn by a fixed
 * seed. */
#include "base/error.h"
#include "data/dataset/dataset.h"

static const double TEST = 0.2; /* of the images */
enum { SEED = 0 };

typedef struct divided {
    duet_dataset *of;
    duet_view part[DUET_SPLIT_COUNT]; /* rows of its training split */
} divided;

/* Never found by itself. */
static int divided_detect(const char *path) {
    (void)path;
    return 0;
}

static duet_status divide(divided *d) {
    duet_status status = DUET_OK;
    duet_view all = {0};
    DUET_DO(duet_view_all(&all, d->of, DUET_TRAIN));
    const int64_t test = (int64_t)(TEST * (double)all.count + 0.5);
    if (test < 1 || test >= all.count)
        DUET_FAIL(DUET_ARG, "%lld images cannot be divided", (long long)all.count);
    DUET_DO(duet_view_divide(&d->part[DUET_TEST], &d->part[DUET_TRAIN], d->of, &all, test,
                             all.count - test, SEED));
done:
    duet_view_free(&all);
    return status;
}

static duet_status take_labels(duet_dataset *dataset, const divided *d, duet_split split) {
    const duet_view *const part = &d->part[split];
    dataset->info.count[split] = part->count;
    if (!dataset->info.labelled) return DUET_OK;
    dataset->labels[split] = duet_arena_alloc(dataset->arena, part->count, sizeof(int32_t));
    DUET_TRY(duet_arena_status(dataset->arena));
    for (int64_t i = 0; i < part->count; i++)
        dataset->labels[split][i] = duet_dataset_label(d->of, DUET_TRAIN, part->index[i]);
    return DUET_OK;
}

static duet_status divided_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                                const void *options) {
    (void)options;
    divided *const d = duet_arena_alloc(dataset->arena, 1, sizeof *d);
    DUET_TRY(duet_arena_status(dataset->arena));
    dataset->state = d;
    DUET_TRY(duet_dataset_open(ctx, &d->of, path));
    DUET_TRY(divide(d));
    dataset->info.name = duet_arena_text(dataset->arena, d->of->info.name);
    dataset->info.labelled = d->of->info.labelled;
    dataset->info.hash = d->of->info.hash ^ (uint64_t)d->part[DUET_TEST].count;
    DUET_TRY(take_labels(dataset, d, DUET_TRAIN));
    DUET_TRY(take_labels(dataset, d, DUET_TEST));
    return duet_dataset_name_classes(dataset, d->of->info.class_names, d->of->info.class_count);
}

static void divided_close(duet_dataset *dataset) {
    divided *const d = dataset->state;
    if (d == NULL) return;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) duet_view_free(&d->part[s]);
    duet_dataset_close(d->of);
}

static duet_status divided_read(const duet_dataset *dataset, duet_split split, int64_t index,
                                int channels, duet_image *out) {
    const divided *const d = dataset->state;
    return d->of->layout->read(d->of, DUET_TRAIN, d->part[split].index[index], channels, out);
}

static void divided_row_name(const duet_dataset *dataset, duet_split split, int64_t index,
                             char *out, size_t size) {
    const divided *const d = dataset->state;
    duet_dataset_row_name(d->of, DUET_TRAIN, d->part[split].index[index], out, size);
}

const duet_dataset_layout duet_dataset_divided = {
    .info = {.name = "divided",
             .help = "divided:SET, another set, a fifth of whose training images become test",
             .params = DUET_TABLE_EMPTY},
    .detect = divided_detect,
    .open = divided_open,
    .close = divided_close,
    .read = divided_read,
    .row_name = divided_row_name,
    .of_set = true,
};
