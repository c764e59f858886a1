/* SPDX-License-Identifier: MIT
 * data/dataset/check_labels.c: faults in the labels of a set that affect training or testing. */
#include <stdio.h>

#include "base/error.h"
#include "data/dataset/dataset.h"

/* count [splits, classes] */
static void count_rows(int64_t *count, int64_t bare[DUET_SPLIT_COUNT],
                       const duet_dataset *dataset) {
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        for (int64_t i = 0; i < dataset->info.count[s]; i++) {
            const int32_t label = duet_dataset_label(dataset, (duet_split)s, i);
            if (label >= 0 && label < dataset->info.class_count)
                count[(int64_t)s * dataset->info.class_count + label]++;
            else
                bare[s]++;
        }
    }
}

static void notice_bare(duet_dataset *dataset, const int64_t bare[DUET_SPLIT_COUNT]) {
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        char reason[80], name[512] = "";
        if (bare[s] == 0) continue;
        const bool whole = bare[s] == dataset->info.count[s];
        snprintf(reason, sizeof reason, "images of the split %s that have no class",
                 duet_split_name((duet_split)s));
        for (int64_t i = 0; i < dataset->info.count[s]; i++) {
            if (duet_dataset_label(dataset, (duet_split)s, i) >= 0) continue;
            duet_dataset_row_name(dataset, (duet_split)s, i, name, sizeof name);
            break;
        }
        duet_dataset_noticed(dataset, whole, bare[s], reason, name,
                             whole ? "" : "they count as unlabelled");
    }
}

/* Where the splits have labels, training is compared with test and with validation. */
static void notice_class(duet_dataset *dataset, const int64_t *count, int c,
                         const bool labelled[DUET_SPLIT_COUNT]) {
    const int64_t n = dataset->info.class_count;
    const char *const name = dataset->info.class_names[c];
    bool anywhere = false;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) anywhere = anywhere || count[s * n + c] > 0;
    if (!anywhere) {
        duet_dataset_noticed(dataset, false, 1, "classes without an image", name, "");
        return;
    }
    for (int s = DUET_VAL; s < DUET_SPLIT_COUNT && labelled[DUET_TRAIN]; s++) {
        char reason[80];
        const bool train = count[c] > 0, other = count[s * n + c] > 0;
        if (!labelled[s] || train == other) continue;
        snprintf(reason, sizeof reason, "classes that the split %s has and %s has not",
                 train ? "train" : duet_split_name((duet_split)s),
                 train ? duet_split_name((duet_split)s) : "train");
        duet_dataset_noticed(dataset, false, 1, reason, name, "");
    }
}

duet_status duet_dataset_check_labels(duet_dataset *dataset) {
    duet_status status = DUET_OK;
    int64_t *count = NULL, bare[DUET_SPLIT_COUNT] = {0};
    bool labelled[DUET_SPLIT_COUNT];
    const int classes = dataset->info.class_count;
    if (!dataset->info.labelled) return DUET_OK;
    DUET_DO(duet_alloc(&count, DUET_SPLIT_COUNT * (int64_t)classes + 1, sizeof *count));
    count_rows(count, bare, dataset);
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) labelled[s] = bare[s] < dataset->info.count[s];
    notice_bare(dataset, bare);
    for (int c = 0; c < classes; c++) notice_class(dataset, count, c, labelled);
done:
    duet_release(count);
    return status;
}
