/* SPDX-License-Identifier: MIT
 * cli/eval_copies.c: the drawn images that are likest to training images, above these. */
#include <stdlib.h>
#include <string.h>

#include "cli/eval.h"

enum { COLUMNS = 12, MOST = 24 };

static const duet_metric_table *table_of(const eval *e) {
    for (int i = 0; i < e->feature_result.table_count; i++)
        if (strcmp(e->feature_result.tables[i].name, "copies") == 0)
            return &e->feature_result.tables[i];
    return NULL;
}

/* Row `number` of a side's splits, one after the other as they are read. */
static duet_status read_row(const eval_side *side, int64_t number, const duet_preprocess *how,
                            uint8_t *out) {
    const duet_dataset_info *info = duet_dataset_describe(side->set);
    for (int s = 0; side->all && s < DUET_SPLIT_COUNT; s++) {
        if (number < info->count[s])
            return duet_dataset_read(side->set, (duet_split)s, number, how, out);
        number -= info->count[s];
    }
    return duet_dataset_read(side->set, side->split, number, how, out);
}

/* The same images again. */
static duet_status draw_rows(const eval *e, const int64_t *numbers, int64_t count, uint8_t *out) {
    duet_sample_options options = {
        .count = count, .index = numbers, .seed = e->o->seed, .batch = e->o->batch, .label = -1};
    memcpy(options.sampler, e->samples.sampler, sizeof options.sampler);
    return duet_sample(e->cli->ctx, e->samples.model, &options, out);
}

static duet_status fill(const eval *e, const duet_metric_table *t, int64_t count,
                        const duet_preprocess *how, uint8_t *drawn, uint8_t *real) {
    const int64_t size = how->size * how->size * how->channels;
    int64_t numbers[MOST];
    duet_status status = DUET_OK;
    for (int64_t i = 0; i < count; i++) numbers[i] = (int64_t)t->cells[i * t->columns];
    if (e->samples.model != NULL) status = draw_rows(e, numbers, count, drawn);
    for (int64_t i = 0; i < count && status == DUET_OK; i++) {
        if (e->samples.model == NULL)
            status = read_row(&e->samples, numbers[i], how, drawn + i * size);
        if (status == DUET_OK)
            status =
                read_row(&e->real, (int64_t)t->cells[i * t->columns + 1], how, real + i * size);
    }
    return status;
}

/* Lines of COLUMNS drawn images, below each its training image. */
static duet_status save(const uint8_t *drawn, const uint8_t *real, int64_t count,
                        const duet_preprocess *how, const char *path) {
    const int64_t size = how->size * how->size * how->channels,
                  columns = count < COLUMNS ? count : COLUMNS,
                  lines = (count + columns - 1) / columns;
    uint8_t *const sheet = malloc((size_t)(2 * lines * columns * size));
    if (sheet == NULL) return cli_fail(DUET_NO_MEMORY, "not enough memory for the copies");
    memset(sheet, 255, (size_t)(2 * lines * columns * size));
    for (int64_t i = 0; i < count; i++) {
        uint8_t *const to = sheet + (2 * (i / columns) * columns + i % columns) * size;
        memcpy(to, drawn + i * size, (size_t)size);
        memcpy(to + columns * size, real + i * size, (size_t)size);
    }
    const duet_status status =
        duet_images_save(sheet, 2 * lines * columns, how->size, how->channels, columns, path,
                         "above: drawn images; below: the training images that are likest to them");
    free(sheet);
    return status;
}

duet_status cli_eval_copies(const eval *e, const char *path, bool *made) {
    const duet_metric_table *const t = table_of(e);
    duet_preprocess how = {0};
    *made = false;
    if (t == NULL || t->rows == 0 || !cli_side_images(&e->samples) || e->real.set == NULL)
        return DUET_OK;
    const int64_t count = t->rows < MOST ? t->rows : MOST;
    cli_side_size(&e->samples, &how.size, &how.channels);
    const int64_t bytes = count * how.size * how.size * how.channels;
    uint8_t *const both = malloc((size_t)(2 * bytes));
    if (both == NULL) return cli_fail(DUET_NO_MEMORY, "not enough memory for the copies");
    duet_status status = fill(e, t, count, &how, both, both + bytes);
    if (status == DUET_OK) status = save(both, both + bytes, count, &how, path);
    free(both);
    *made = status == DUET_OK;
    return status;
}
