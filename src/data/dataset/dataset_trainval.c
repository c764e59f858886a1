/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_trainval.c: another set whose rows of `val` follow those of `train`, as
 * results on Flowers-102 and others are reported: trained on train and val, tested on test. */
#include "base/error.h"
#include "data/dataset/dataset.h"

/* Never found by itself. */
static int trainval_detect(const char *path) {
    (void)path;
    return 0;
}

static duet_status join_labels(duet_dataset *dataset, const duet_dataset *of) {
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        const int64_t count = dataset->info.count[s];
        if (!dataset->info.labelled || count == 0) continue;
        dataset->labels[s] = duet_arena_alloc(dataset->arena, count, sizeof(int32_t));
        DUET_TRY(duet_arena_status(dataset->arena));
        const int64_t first = s == DUET_TRAIN ? of->info.count[DUET_TRAIN] : count;
        for (int64_t i = 0; i < count; i++)
            dataset->labels[s][i] = i < first ? duet_dataset_label(of, (duet_split)s, i)
                                              : duet_dataset_label(of, DUET_VAL, i - first);
    }
    return DUET_OK;
}

static duet_status trainval_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                                 const void *options) {
    duet_dataset *of = NULL;
    (void)options;
    DUET_TRY(duet_dataset_open(ctx, &of, path));
    dataset->state = of;
    if (of->info.count[DUET_VAL] == 0)
        return duet_fail(DUET_ARG, "the data set '%s' has no split 'val' to join", path);
    dataset->info.name = duet_arena_text(dataset->arena, of->info.name);
    dataset->info.labelled = of->info.labelled;
    dataset->info.hash = of->info.hash;
    dataset->info.count[DUET_TRAIN] = of->info.count[DUET_TRAIN] + of->info.count[DUET_VAL];
    dataset->info.count[DUET_TEST] = of->info.count[DUET_TEST];
    DUET_TRY(duet_dataset_name_classes(dataset, of->info.class_names, of->info.class_count));
    return join_labels(dataset, of);
}

static void trainval_close(duet_dataset *dataset) {
    duet_dataset_close(dataset->state);
}

/* The row of the other set. */
static void locate(const duet_dataset *of, duet_split *split, int64_t *index) {
    const int64_t train = of->info.count[DUET_TRAIN];
    if (*split != DUET_TRAIN || *index < train) return;
    *split = DUET_VAL;
    *index -= train;
}

static duet_status trainval_read(const duet_dataset *dataset, duet_split split, int64_t index,
                                 int channels, duet_image *out) {
    const duet_dataset *const of = dataset->state;
    locate(of, &split, &index);
    return of->layout->read(of, split, index, channels, out);
}

static void trainval_row_name(const duet_dataset *dataset, duet_split split, int64_t index,
                              char *out, size_t size) {
    const duet_dataset *const of = dataset->state;
    locate(of, &split, &index);
    duet_dataset_row_name(of, split, index, out, size);
}

const duet_dataset_layout duet_dataset_trainval = {
    .info = {.name = "trainval",
             .help = "trainval:SET, another set with its splits train and val joined to train",
             .params = DUET_TABLE_EMPTY},
    .detect = trainval_detect,
    .open = trainval_open,
    .close = trainval_close,
    .read = trainval_read,
    .row_name = trainval_row_name,
    .of_set = true,
};
