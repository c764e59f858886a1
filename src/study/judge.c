/* SPDX-License-Identifier: MIT
 * study/judge.c: images of a source → features, spatial features and logits of one pass of a
 * network → metrics. A setting that is asked for twice is one column of the reader. */
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "feature/reader/images.h"
#include "feature/reader/reader.h"
#include "study/study.h"

enum { MOST_COLUMNS = 2 * DUET_MOST_SETTINGS + 1 };

/* Columns of the reader side by side. */
typedef struct joined {
    int64_t column[DUET_MOST_SETTINGS], dim[DUET_MOST_SETTINGS];
    int count;
    int64_t width;
    float *x; /* [batch, width] */
} joined;

struct duet_judge {
    duet_context *ctx;
    duet_reader *reader;
    duet_judge_info info;
    joined features, spatial, logits;
    float *column[MOST_COLUMNS]; /* [batch, dim] of each column */
    int64_t columns, batch;
    int64_t size;       /* of the images that come to a network */
    int channels;       /* of them */
    uint8_t *fitted;    /* [batch] raw pixels of the size that was asked for */
    duet_class_map map; /* of the labels; to NULL = none */
    int32_t *labels;    /* [batch] */
    int64_t *numbers;   /* [batch] */
};

/* ---- opening ---- */

static duet_status find_settings(duet_judge *j, duet_model *model,
                                 const duet_judge_options *options) {
    duet_settings *own = &j->info.settings;
    const duet_settings *recommended = &duet_model_card(model)->recommended.settings;
    *own = options->settings;
    j->info.setting_from = "given";
    if (own->count == 0 && duet_model_feature_setting(model, &own->v[0])) {
        own->count = 1;
        j->info.setting_from = "model";
    } else if (own->count == 0 && recommended->count > 0) {
        *own = *recommended;
        j->info.setting_from = "card";
    } else if (own->count == 0) {
        own->count = 1;
        own->v[0] = (duet_setting){.t = DUET_LEVEL_UNSET};
        j->info.setting_from = "guess";
    }
    for (int i = 0; i < own->count;
         i++) /* the mean over the map, unless another one is asked for */
        if (own->v[i].pool == 0) own->v[i].pool = 1;
    DUET_TRY(duet_settings_guess(j->ctx, own, model));
    j->info.spatial = options->spatial;
    return j->info.spatial.count > 0 ? duet_settings_guess(j->ctx, &j->info.spatial, model)
                                     : DUET_OK;
}

/* Adds settings to those of the reader, unless they are there. */
static duet_status add_columns(duet_settings *all, joined *to, const duet_settings *own) {
    for (int i = 0; i < own->count; i++) {
        int at = 0;
        while (at < all->count && !duet_setting_equal(&all->v[at], &own->v[i])) at++;
        if (at == DUET_MOST_SETTINGS)
            return duet_fail(DUET_ARG, "more than %d settings in one judge", DUET_MOST_SETTINGS);
        if (at == all->count) all->v[all->count++] = own->v[i];
        to->column[to->count++] = at;
    }
    return DUET_OK;
}

static duet_status choose_columns(duet_judge *j, duet_model *model, duet_settings *all) {
    const int64_t classes = duet_model_logits(model);
    const duet_card *card = duet_model_card(model);
    DUET_TRY(add_columns(all, &j->features, &j->info.settings));
    DUET_TRY(add_columns(all, &j->spatial, &j->info.spatial));
    if (classes == 0) return DUET_OK;
    const duet_tap_row *last = duet_model_tap(model, duet_model_tap_count(model) - 1);
    const duet_settings logits = duet_settings_of(-1, last->block, 1);
    j->info.classes = (int)classes;
    if (card->class_count == j->info.classes)
        j->info.class_names = (const char *const *)card->class_names;
    return add_columns(all, &j->logits, &logits);
}

static duet_status make_room(duet_judge *j, joined *part) {
    for (int i = 0; i < part->count; i++) {
        duet_reader_column(j->reader, part->column[i], NULL, &part->dim[i]);
        part->width += part->dim[i];
    }
    return part->count > 0 ? duet_alloc(&part->x, j->batch * part->width, sizeof *part->x)
                           : DUET_OK;
}

static duet_status begin(duet_judge *j, duet_model *model, const duet_preprocess *how,
                         const duet_judge_options *options) {
    duet_reader_options wanted = {.batch = options->batch};
    j->info.setting_from = "";
    if (model != NULL) {
        DUET_TRY(find_settings(j, model, options));
        DUET_TRY(choose_columns(j, model, &wanted.settings));
    } else if (options->settings.count > 0 || options->spatial.count > 0) {
        return duet_fail(DUET_ARG, "raw pixels have no settings; give a model as the reader");
    } else {
        j->features.count = 1;
    }
    const char *spec = options->reader[0] != '\0' ? options->reader : "model";
    DUET_TRY(
        duet_reader_open(j->ctx, &j->reader, model != NULL ? spec : "pixels", model, how, &wanted));
    const duet_reader_info reader = duet_reader_describe(j->reader);
    j->info.reader = reader.name;
    j->info.hash = reader.hash;
    j->info.preprocess = j->reader->to;
    j->size = reader.preprocess.size;
    j->channels = reader.preprocess.channels;
    j->batch = duet_reader_batch(j->reader);
    j->columns = duet_reader_columns(j->reader);
    for (int64_t c = 0; c < j->columns; c++) {
        int64_t dim = 0;
        duet_reader_column(j->reader, c, NULL, &dim);
        DUET_TRY(duet_alloc(&j->column[c], j->batch * dim, sizeof(float)));
    }
    DUET_TRY(make_room(j, &j->features));
    DUET_TRY(make_room(j, &j->spatial));
    DUET_TRY(make_room(j, &j->logits));
    const duet_preprocess *p = &j->info.preprocess;
    DUET_TRY(duet_alloc(&j->fitted, j->batch * p->size * p->size * p->channels, 1));
    DUET_TRY(duet_alloc(&j->labels, j->batch, sizeof *j->labels));
    DUET_TRY(duet_alloc(&j->numbers, j->batch, sizeof *j->numbers));
    j->info.dim = j->features.width;
    j->info.spatial_dim = j->spatial.width;
    j->info.gives = DUET_METRIC_FEATURES | (j->spatial.count > 0 ? DUET_METRIC_SPATIAL : 0u) |
                    (j->logits.count > 0 ? DUET_METRIC_LOGITS : 0u);
    return DUET_OK;
}

duet_status duet_judge_open(duet_context *ctx, duet_judge **out, duet_model *model,
                            const duet_preprocess *how, const duet_judge_options *options) {
    duet_judge *j = NULL;
    DUET_TRY(duet_alloc(&j, 1, sizeof *j));
    j->ctx = ctx;
    const duet_status status = begin(j, model, how, options);
    if (status != DUET_OK) {
        duet_judge_close(j);
        return status;
    }
    *out = j;
    return DUET_OK;
}

void duet_judge_close(duet_judge *judge) {
    if (judge == NULL) return;
    duet_reader_close(judge->reader);
    for (int64_t c = 0; c < judge->columns; c++) duet_release(judge->column[c]);
    duet_release(judge->features.x);
    duet_release(judge->spatial.x);
    duet_release(judge->logits.x);
    duet_release(judge->fitted);
    duet_release(judge->labels);
    duet_release(judge->numbers);
    duet_release(judge->map.to);
    duet_release(judge);
}

const duet_judge_info *duet_judge_describe(const duet_judge *judge) {
    return &judge->info;
}

duet_status duet_judge_match(duet_judge *judge, const char *set, const char *const *names,
                             int count) {
    duet_class_map map = {.to = NULL};
    if (judge->info.classes == 0)
        return duet_fail(DUET_ARG, "the reader is no classifier, so it has no classes");
    DUET_TRY(
        duet_class_map_new(&map, set, names, count, judge->info.class_names, judge->info.classes));
    duet_release(judge->map.to);
    judge->map = map;
    return DUET_OK;
}

/* ---- reading ---- */

static void join(const duet_judge *j, joined *part, int64_t rows) {
    int64_t at = 0;
    for (int i = 0; i < part->count; i++, at += part->dim[i - 1])
        for (int64_t r = 0; r < rows; r++)
            memcpy(part->x + r * part->width + at, j->column[part->column[i]] + r * part->dim[i],
                   (size_t)part->dim[i] * sizeof *part->x);
}

/* Networks resize for themselves, without rounding where they are judges; raw pixels become bytes
 * of the size that was asked for. */
static duet_status expect(duet_judge *j, const duet_source_info *from) {
    int64_t columns[MOST_COLUMNS];
    if (strcmp(j->info.reader, "pixels") == 0) return DUET_OK;
    if (from->size == j->size && from->channels == j->channels) return DUET_OK;
    for (int64_t c = 0; c < j->columns; c++) columns[c] = c;
    DUET_TRY(duet_reader_take(j->reader, from->size, from->channels));
    DUET_TRY(duet_reader_select(j->reader, columns, j->columns));
    j->size = from->size;
    j->channels = from->channels;
    return DUET_OK;
}

static duet_status fit(duet_judge *j, const uint8_t **out, const uint8_t *pixels, int64_t rows,
                       const duet_source_info *info) {
    const duet_preprocess *to = &j->info.preprocess,
                          from = {.size = info->size, .channels = info->channels};
    const int64_t in = from.size * from.size * from.channels,
                  fitted = to->size * to->size * to->channels;
    bool failed = false;
    *out = pixels;
    if (strcmp(j->info.reader, "pixels") != 0 || duet_images_fit(&from, to)) return DUET_OK;
    *out = j->fitted;
#pragma omp parallel for schedule(static) num_threads(duet_context_threads(j->ctx)) \
    reduction(||                                                                    \
              : failed)
    for (int64_t i = 0; i < rows; i++)
        failed =
            duet_images_to_bytes(j->fitted + i * fitted, pixels + i * in, &from, to) != DUET_OK ||
            failed;
    return failed ? duet_fail(DUET_NO_MEMORY, "out of memory: images for the reader") : DUET_OK;
}

static int32_t output_of(const duet_judge *j, int32_t label) {
    if (j->map.to == NULL || label < 0 || label >= j->map.classes) return -1;
    return j->map.to[label];
}

/* Up to a batch of the reader, from image `from` of a batch of the source. */
static duet_status read_some(duet_judge *j, const duet_batch *batch, int64_t from, int64_t rows,
                             const duet_source_info *info, const duet_judge_feed *feed) {
    const uint8_t *pixels = batch->pixels + from * info->size * info->size * info->channels;
    const uint8_t *fitted = NULL;
    DUET_TRY(fit(j, &fitted, pixels, rows, info));
    DUET_TRY(duet_reader_run(j->reader, fitted, batch->index + from, rows, j->column));
    join(j, &j->features, rows);
    join(j, &j->spatial, rows);
    join(j, &j->logits, rows);
    for (int64_t i = 0; i < rows; i++) {
        j->numbers[i] = feed->first + batch->index[from + i];
        j->labels[i] = output_of(j, batch->labels[from + i]);
    }
    const duet_metric_batch one = {.rows = rows,
                                   .labels = j->labels,
                                   .logits = j->logits.x,
                                   .pixels = pixels,
                                   .features = j->features.x,
                                   .spatial = j->spatial.x,
                                   .index = j->numbers};
    if (feed->images != NULL) DUET_TRY(duet_metrics_add(feed->images, &one));
    if (feed->features == NULL) return DUET_OK;
    return feed->real ? duet_metrics_real_add(feed->features, &one)
                      : duet_metrics_add(feed->features, &one);
}

duet_status duet_judge_read(duet_judge *judge, duet_source *source, const duet_judge_feed *feed,
                            int64_t *rows) {
    const duet_source_info *info = duet_source_describe(source);
    duet_batch batch;
    int64_t done = 0;
    DUET_TRY(expect(judge, info));
    for (;;) {
        DUET_TRY(duet_check_cancelled(judge->ctx));
        DUET_TRY(duet_source_next(source, &batch));
        if (batch.count == 0) break;
        for (int64_t from = 0; from < batch.count; from += judge->batch) {
            const int64_t rest = batch.count - from;
            DUET_TRY(read_some(judge, &batch, from, rest < judge->batch ? rest : judge->batch, info,
                               feed));
        }
        done += batch.count;
        duet_progress_report(judge->ctx, feed->task, "images", (double)done, (double)info->count,
                             NULL);
    }
    if (rows != NULL) *rows = done;
    const duet_metric_batch end = {.rows = 0};
    if (!feed->real || feed->more || feed->features == NULL) return DUET_OK;
    return duet_metrics_real_add(feed->features, &end);
}
