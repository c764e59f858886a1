/* SPDX-License-Identifier: MIT
 * study/map.c: duet_map_images of duet/look.h: rows of features, each column with mean 0 and
 * deviation 1, → a member of the family `plane` → points and their picture. */
#include <math.h>
#include <string.h>

#include "base/choice.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/bad_images.h"
#include "model/setting.h"
#include "plane/plane.h"
#include "report/quantity.h"
#include "study/look.h"
#include "study/map_figure.h"
#include "study/study.h"

enum { TRUSTED = 10 }; /* most neighbours whose place is checked */

typedef struct work {
    duet_context *ctx;
    duet_model *model;
    const duet_dataset *dataset;
    const duet_map_options *o;
    duet_preprocess how;
    duet_feature_table table;
    duet_features_work read;
    duet_plane plane;
    const char *method; /* its title */
    int neighbours;     /* whose place is checked */
    double trust;
    json_t *metrics; /* of the features */
} work;

static json_t *value_json(const char *name, const char *title, const char *unit, double value) {
    return json_pack("{s:s,s:s,s:s,s:o}", "name", name, "title", title, "unit", unit, "value",
                     duet_look_number(value));
}

static duet_status read_features(work *w) {
    duet_status status = DUET_OK;
    duet_view view = {0};
    duet_reader *reader = NULL;
    duet_feature_set *set = NULL;
    const duet_look_rows *rows = &w->o->rows;
    const duet_reader_options reading = {
        .settings = w->o->settings, .noise_seed = rows->seed, .batch = rows->batch};
    duet_features_options options = {
        .stored = DUET_F32, .label = "features of the images", .bad = rows->bad};
    memcpy(options.cache, w->o->cache, sizeof options.cache);
    DUET_DO(duet_look_view(&view, w->dataset, rows));
    DUET_DO(duet_reader_open(w->ctx, &reader, w->o->reader[0] != '\0' ? w->o->reader : "model",
                             w->model, NULL, &reading));
    w->how = duet_reader_describe(reader).preprocess;
    DUET_DO(duet_feature_set_open(w->ctx, &set, reader, w->dataset, &view, &options));
    DUET_DO(duet_feature_set_join(set, &view, &w->table));
    w->read = duet_feature_set_work(set);
    if (w->table.rows < 3)
        DUET_FAIL(DUET_ARG, "%lld images are too few for a map", (long long)w->table.rows);
done:
    duet_feature_set_close(set);
    duet_reader_close(reader);
    duet_view_free(&view);
    return status;
}

/* Alignment, where there are labels, and uniformity of the features as they are. */
static duet_status measure(work *w) {
    const duet_dataset_info *info = duet_dataset_describe(w->dataset);
    const duet_metric_setup setup = {.given = DUET_METRIC_LABELS | DUET_METRIC_FEATURES,
                                     .classes = info->labelled ? info->class_count : 1,
                                     .dim = w->table.dim,
                                     .threads = duet_context_threads(w->ctx)};
    const duet_metric_batch batch = {.rows = w->table.rows,
                                     .labels = w->table.labels,
                                     .features = w->table.x,
                                     .index = w->table.index};
    duet_status status = DUET_OK;
    duet_metrics *metrics = NULL;
    duet_metric_result result;
    DUET_DO(duet_metrics_open(&metrics, info->labelled ? "alignment,uniformity" : "uniformity",
                              &setup));
    DUET_DO(duet_metrics_add(metrics, &batch));
    DUET_DO(duet_metrics_finish(metrics, &result));
    w->metrics = json_array();
    for (int i = 0; i < result.value_count; i++)
        json_array_append_new(w->metrics,
                              value_json(result.values[i].name, result.values[i].title,
                                         result.values[i].unit, result.values[i].value));
done:
    duet_metrics_close(metrics);
    return status;
}

static void standardise(duet_feature_table *t) {
    for (int64_t j = 0; j < t->dim; j++) {
        double sum = 0, square = 0;
        for (int64_t i = 0; i < t->rows; i++) sum += (double)t->x[i * t->dim + j];
        const double mean = sum / (double)t->rows;
        for (int64_t i = 0; i < t->rows; i++) {
            const double v = (double)t->x[i * t->dim + j] - mean;
            square += v * v;
        }
        const double deviation = sqrt(square / (double)t->rows);
        for (int64_t i = 0; i < t->rows; i++) {
            float *const v = &t->x[i * t->dim + j];
            *v = deviation > 0 ? (float)(((double)*v - mean) / deviation) : 0.0F;
        }
    }
}

static duet_status lay_out(work *w) {
    duet_status status = DUET_OK;
    double *distance = NULL;
    DUET_DO(duet_alloc(&distance, w->table.rows * w->table.rows, sizeof *distance));
    DUET_DO(duet_plane_distances(distance, w->table.x, w->table.rows, w->table.dim));
    const duet_plane_rows rows = {
        .x = w->table.x, .rows = w->table.rows, .dim = w->table.dim, .distance = distance};
    DUET_DO(duet_plane_lay(w->ctx, &w->plane, &w->method, w->o->method, &rows));
    w->neighbours = rows.rows < 2 * TRUSTED + 2 ? (int)(rows.rows - 2) / 2 : TRUSTED;
    w->trust = duet_plane_trust(&rows, w->plane.point, w->neighbours);
done:
    duet_release(distance);
    return status;
}

/* ---- the result ---- */

static json_t *points_json(const work *w) {
    json_t *const list = json_array();
    for (int64_t i = 0; i < w->table.rows; i++)
        json_array_append_new(list, json_pack("[f,f,i,I]", w->plane.point[2 * i],
                                              w->plane.point[2 * i + 1], (int)w->table.labels[i],
                                              (json_int_t)w->table.index[i]));
    return list;
}

static json_t *values_json(const work *w) {
    json_t *const list = json_array();
    for (int i = 0; i < w->plane.says_count; i++) {
        const duet_plane_value *v = &w->plane.says[i];
        json_array_append_new(list, value_json(v->name, v->title, v->unit, v->value));
    }
    return list;
}

static json_t *result_json(const work *w, double seconds) {
    const duet_dataset_info *info = duet_dataset_describe(w->dataset);
    json_t *const setting = json_object();
    duet_settings_put(setting, &w->table.settings);
    return json_pack(
        "{s:s,s:o,s:s,s:I,s:o,s:f,s:o,s:s,s:o,s:s,s:s,s:o,s:o,s:i,s:O,s:o,s:o,s:o,s:o}", "command",
        "map", "data", duet_json_name(info->name), "split", duet_split_name(w->o->rows.split),
        "rows", (json_int_t)w->table.rows, "seed", duet_json_u64(w->o->rows.seed), "seconds",
        seconds, "model", duet_look_model(w->model), "reader", w->table.reader, "setting", setting,
        "method", w->o->method, "method_title", w->method, "values", values_json(w), "trust",
        duet_look_number(w->trust), "neighbours", w->neighbours, "metrics", w->metrics, "points",
        points_json(w), "class_names",
        duet_json_names(info->class_names, info->labelled ? info->class_count : 0), "features",
        duet_study_work_json(&w->read), "left_out", duet_study_bad_json(w->o->rows.bad));
}

/* "fashion-mnist at t = 5, tap 12, pool 4"; of other readers than the model, their name. */
static void name_features(const work *w, char *out, size_t size) {
    const duet_settings *settings = &w->table.settings;
    const char *const reader = w->table.reader,
                      *name = strcmp(reader, "model") == 0    ? duet_look_model_name(w->model)
                              : strcmp(reader, "pixels") == 0 ? "the pixels"
                              : strcmp(reader, "random") == 0 ? "the network untrained"
                                                              : reader;
    int used = duet_format(out, size, "%s", name);
    for (int i = 0; i < settings->count && used < (int)size; i++) {
        const duet_setting *s = &settings->v[i];
        char level[40] = "";
        if (s->t >= 0) duet_format(level, sizeof level, "t = %lld, ", (long long)s->t);
        used += duet_format(out + used, size - (size_t)used, "%s%stap %lld, pool %lld",
                            i == 0 ? " at " : " + ", level, (long long)s->tap, (long long)s->pool);
    }
}

/* "trustworthiness 0.97, divergence (KL) 1.02 nats" */
static void describe(const work *w, char *out, size_t size) {
    int used = isfinite(w->trust) ? duet_format(out, size, "trustworthiness of %d neighbours %.3f",
                                                TRUSTED, w->trust)
                                  : duet_format(out, size, "%lld images", (long long)w->table.rows);
    for (int i = 0; i < w->plane.says_count && used < (int)size; i++) {
        const duet_plane_value *v = &w->plane.says[i];
        used += duet_format(out + used, size - (size_t)used, ", %s %.3g %s", v->title, v->value,
                            v->unit);
    }
}

static duet_status draw(const work *w, duet_figure **out) {
    char features[DUET_SETTINGS_SIZE + 300], title[DUET_SETTINGS_SIZE + 700], line[400];
    duet_arena *arena = NULL;
    DUET_TRY(duet_arena_new(&arena));
    name_features(w, features, sizeof features);
    duet_format(title, sizeof title, "%s images of %s in the features of %s",
                duet_quantity_count(arena, (double)w->table.rows),
                duet_dataset_describe(w->dataset)->name, features);
    int used = duet_format(line, sizeof line, "%s: ", w->method);
    describe(w, line + used, sizeof line - (size_t)used);
    const duet_map_points points = {.dataset = w->dataset,
                                    .split = w->table.split,
                                    .how = &w->how,
                                    .point = w->plane.point,
                                    .index = w->table.index,
                                    .labels = w->table.labels,
                                    .rows = w->table.rows,
                                    .title = title,
                                    .line = line,
                                    .note = title};
    const duet_status status = duet_map_figure(out, &points);
    duet_arena_free(arena);
    return status;
}

duet_status duet_map_images(duet_context *ctx, duet_look **out, duet_model *model,
                            const duet_dataset *dataset, const duet_map_options *options) {
    const double start = duet_clock();
    duet_status status = DUET_OK;
    work w = {.ctx = ctx, .model = model, .dataset = dataset, .o = options};
    duet_figure *figure = NULL;
    duet_choice method; /* a wrong spec is found before the work begins */
    DUET_TRY(duet_choice_parse(&method, &duet_family_plane, options->method));
    DUET_DO(read_features(&w));
    DUET_DO(measure(&w));
    standardise(&w.table);
    DUET_DO(lay_out(&w));
    DUET_DO(draw(&w, &figure));
    DUET_DO(duet_look_new(out, result_json(&w, duet_clock() - start), figure));
done:
    duet_feature_table_free(&w.table);
    duet_plane_free(&w.plane);
    json_decref(w.metrics);
    return status;
}
