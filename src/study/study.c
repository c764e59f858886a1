/* SPDX-License-Identifier: MIT
 * study/study.c: result files, row picking and the nearest-neighbour sheet. */
#include "study/study.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/bad_images.h"
#include "run/grid.h"

duet_status duet_study_rows(duet_feature_table *out, const duet_feature_table *table,
                            const int64_t *order, int64_t count) {
    duet_feature_table t = *table;
    t.rows = count;
    t.x = NULL;
    t.labels = NULL;
    t.index = NULL;
    duet_status status = duet_alloc(&t.x, count * t.dim, sizeof *t.x);
    if (status == DUET_OK) status = duet_alloc(&t.labels, count, sizeof *t.labels);
    if (status == DUET_OK) status = duet_alloc(&t.index, count, sizeof *t.index);
    if (status != DUET_OK) {
        duet_feature_table_free(&t);
        return status;
    }
    for (int64_t i = 0; i < count; i++) {
        memcpy(t.x + i * t.dim, table->x + order[i] * t.dim, (size_t)t.dim * sizeof *t.x);
        t.labels[i] = table->labels[order[i]];
        t.index[i] = table->index[order[i]];
    }
    *out = t;
    return DUET_OK;
}

void duet_study_sort(duet_int_list *list) {
    for (int i = 1; i < list->count; i++)
        for (int k = i; k > 0 && list->v[k - 1] > list->v[k]; k--) {
            const int64_t held = list->v[k];
            list->v[k] = list->v[k - 1];
            list->v[k - 1] = held;
        }
}

void duet_study_add_work(duet_features_work *total, duet_features_work work) {
    total->computed += work.computed;
    total->cached += work.cached;
    total->seconds += work.seconds;
    total->seconds_network += work.seconds_network;
}

json_t *duet_study_work_json(const duet_features_work *work) {
    const double seconds = work->seconds > 0 ? work->seconds : 1;
    return json_pack("{s:I,s:I,s:f,s:f}", "computed", (json_int_t)work->computed, "cached",
                     (json_int_t)work->cached, "rows_per_second", (double)work->computed / seconds,
                     "in_network", work->seconds_network / seconds);
}

json_t *duet_study_bad_json(duet_bad_images *bad) {
    return json_pack("{s:I,s:I,s:I,s:o}", "train",
                     (json_int_t)duet_bad_images_count(bad, DUET_TRAIN), "val",
                     (json_int_t)duet_bad_images_count(bad, DUET_VAL), "test",
                     (json_int_t)duet_bad_images_count(bad, DUET_TEST), "first",
                     duet_json_name(duet_bad_images_first(bad)));
}

/* Draws one image of the sheet. An image that has become unreadable since its features were
 * computed is added to the record, so that the caller can start again. */
static duet_status read_row(const duet_dataset *dataset, const duet_preprocess *how,
                            const duet_feature_table *table, int64_t row, uint8_t *pixels,
                            duet_bad_images *bad) {
    return duet_bad_images_take(
        bad, table->split, table->index[row],
        duet_dataset_read(dataset, table->split, table->index[row], how, pixels));
}

static duet_status draw(const duet_dataset *dataset, const duet_preprocess *how,
                        const duet_feature_table *query, const duet_feature_table *base,
                        const int64_t *near, int shown, uint8_t *pixels, const char *folder,
                        duet_bad_images *bad) {
    char path[DUET_PATH_SIZE];
    duet_image sheet = {0};
    const int64_t size = how->size * how->size * how->channels, columns = DUET_STUDY_NEIGHBOURS + 1;
    for (int64_t i = 0; i < shown; i++) {
        DUET_TRY(read_row(dataset, how, query, i, pixels + i * columns * size, bad));
        for (int64_t k = 0; k < columns - 1; k++)
            DUET_TRY(read_row(dataset, how, base, near[i * (columns - 1) + k],
                              pixels + (i * columns + k + 1) * size, bad));
    }
    DUET_TRY(duet_grid(&sheet, pixels, shown * columns, how->size, how->size, how->channels,
                       columns, 2, how->size <= 64 ? 2 : 1));
    duet_status status = duet_path_join(path, folder, "neighbours.png");
    if (status == DUET_OK) status = duet_image_write_png(path, &sheet, NULL, 0);
    duet_image_free(&sheet);
    return status;
}

duet_status duet_study_neighbours(const duet_dataset *dataset, const duet_preprocess *how,
                                  const duet_feature_table *query, const duet_feature_table *base,
                                  int shown, const char *folder, duet_bad_images *bad) {
    duet_status status = DUET_OK;
    int64_t *order = NULL, *near = NULL;
    uint8_t *pixels = NULL;
    duet_feature_table picked = {0};
    const int64_t size = how->size * how->size * how->channels;
    if (shown > query->rows) shown = (int)query->rows;
    if (shown < 1 || base->rows < DUET_STUDY_NEIGHBOURS) return DUET_OK;
    DUET_DO(duet_alloc(&order, shown, sizeof *order));
    for (int64_t i = 0; i < shown; i++) order[i] = i * query->rows / shown; /* evenly spaced rows */
    DUET_DO(duet_study_rows(&picked, query, order, shown));
    DUET_DO(duet_alloc(&near, shown * DUET_STUDY_NEIGHBOURS, sizeof *near));
    DUET_DO(duet_alloc(&pixels, shown * (DUET_STUDY_NEIGHBOURS + 1) * size, 1));
    DUET_DO(duet_nearest_rows(near, picked.x, shown, base->x, base->rows, base->dim,
                              DUET_STUDY_NEIGHBOURS));
    DUET_DO(draw(dataset, how, &picked, base, near, shown, pixels, folder, bad));
done:
    duet_release(order);
    duet_release(near);
    duet_release(pixels);
    duet_feature_table_free(&picked);
    return status;
}
