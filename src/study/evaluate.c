/* SPDX-License-Identifier: MIT
 * study/evaluate.c: a head, or a model's own classifier, whose logits are its last tap, on a split
 * of a data set. Every row counts, also in the last batch. Classes are matched by name: class 0 of
 * a set need not be output 0. */
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/classes.h"
#include "study/answer.h"
#include "study/calibrate.h"
#include "study/study.h"

typedef struct evaluate {
    duet_context *ctx;
    duet_model *model;
    const duet_head *head;
    const duet_head_card *card;
    const duet_dataset *dataset;
    const duet_dataset_info *info;
    duet_evaluation *out;
    const char *const *outputs; /* names of the classifier's outputs; NULL = none */
    int output_count;
    duet_class_map map;
    const duet_classify_options *options; /* NULL = none */
} evaluate;

/* The classes of a card are those of the training data, which need not be the outputs of the
 * model. */
static void take_outputs(evaluate *e) {
    const duet_card *card = duet_model_card(e->model);
    e->output_count =
        e->head != NULL ? duet_head_classes(e->head) : (int)duet_model_logits(e->model);
    if (e->head != NULL && e->card->class_count == e->output_count)
        e->outputs = e->card->class_names;
    if (e->head == NULL && card->class_count == e->output_count)
        e->outputs = (const char *const *)card->class_names;
}

/* Converts labels of the set to outputs. */
static void map_labels(evaluate *e, duet_feature_table *table) {
    for (int64_t i = 0; i < table->rows; i++) {
        const int32_t label = table->labels[i];
        if (label < 0) continue;
        table->labels[i] = e->map.to[label];
        e->out->unmatched += e->map.to[label] < 0;
    }
    if (e->out->matched == e->info->class_count) return;
    duet_classes_list(e->out->others, sizeof e->out->others, e->info->class_names,
                      e->info->class_count, e->map.to, -1);
    duet_log(e->ctx, DUET_LOG_WARNING,
             "%d of the %d classes of data set '%s' are unknown to the classifier (%s): their %lld "
             "rows are left out",
             e->info->class_count - e->out->matched, e->info->class_count, e->info->name,
             e->out->others, (long long)e->out->unmatched);
}

static duet_status add_sets(evaluate *e, const duet_feature_table *table, const float *logits) {
    duet_conformal_level set = {.level = e->options != NULL ? e->options->conformal : 0};
    if (set.level == 0) return DUET_OK;
    DUET_TRY(duet_conformal_measure(&set, 1, &e->card->calibration, logits, table->labels,
                                    table->rows, e->output_count));
    e->out->coverage = set.coverage;
    e->out->mean_size = set.mean_size;
    return DUET_OK;
}

/* The table has the features of the first look. */
static duet_status add_rows(evaluate *e, const duet_feature_table *table, float *logits) {
    duet_metric_batch batch = {
        .rows = table->rows, .labels = table->labels, .logits = logits, .index = table->index};
    for (int64_t i = 0; i < table->rows; i++) e->out->rows += table->labels[i] >= 0;
    if (e->head == NULL) return duet_metrics_add(e->out->metrics, &batch);
    DUET_TRY(add_sets(e, table, logits));
    const duet_calibration *c = &e->card->calibration; /* probabilities are those of classify */
    for (int64_t i = 0; i < table->rows * e->output_count && c->rows > 0; i++)
        logits[i] = (float)((double)logits[i] / c->temperature);
    batch.features = table->x;
    return duet_metrics_add(e->out->metrics, &batch);
}

static duet_status open_metrics(evaluate *e, const char *metrics) {
    const unsigned features = e->head != NULL ? DUET_METRIC_FEATURES : 0u;
    const duet_metric_setup setup = {.given = DUET_METRIC_LABELS | DUET_METRIC_LOGITS | features,
                                     .classes = e->output_count,
                                     .class_names = e->outputs,
                                     .dim = features ? duet_head_dim(e->head) : 0,
                                     .threads = duet_context_threads(e->ctx)};
    e->out->outputs = e->output_count;
    return duet_metrics_open(&e->out->metrics, metrics[0] != '\0' ? metrics : "accuracy", &setup);
}

static duet_status read_look(evaluate *e, const duet_answering *answering, int look,
                             const duet_view *view, duet_bad_images *bad,
                             duet_feature_table *table) {
    duet_feature_set *set = NULL;
    const duet_features_options options = {.label = "classes", .bad = bad};
    duet_answering_look(answering, look);
    DUET_TRY(duet_feature_set_open(e->ctx, &set, answering->reader, e->dataset, view, &options));
    const duet_status status = duet_feature_set_join(set, view, table);
    duet_feature_set_close(set);
    return status;
}

/* Other looks at the rows of the first one. */
static duet_status add_looks(evaluate *e, const duet_answering *answering, const duet_view *view,
                             duet_bad_images *bad, const duet_feature_table *first, float *logits) {
    duet_status status = DUET_OK;
    duet_feature_table table = {0};
    DUET_TRY(duet_answering_add(answering, first->x, first->rows, false, logits));
    for (int look = 1; look < duet_answering_looks(answering); look++) {
        DUET_DO(read_look(e, answering, look, view, bad, &table));
        DUET_DO(duet_answering_add(answering, table.x, table.rows, false, logits));
        duet_feature_table_free(&table);
    }
done:
    duet_feature_table_free(&table);
    return status;
}

static duet_status count(evaluate *e, duet_reader *reader, const duet_view *view,
                         duet_bad_images *bad) {
    const duet_answering answering =
        duet_answering_of(reader, e->head, e->output_count, e->options);
    duet_status status = DUET_OK;
    duet_feature_table table = {0};
    float *logits = NULL;
    DUET_DO(read_look(e, &answering, 0, view, bad, &table));
    if (table.rows == 0)
        DUET_FAIL(DUET_FORMAT, "none of the %lld images of split %s of '%s' can be read: %s",
                  (long long)view->count, duet_split_name(view->split), e->info->name,
                  duet_bad_images_first(bad));
    map_labels(e, &table);
    DUET_DO(duet_alloc(&logits, table.rows * e->output_count, sizeof *logits));
    DUET_DO(add_looks(e, &answering, view, bad, &table, logits));
    DUET_DO(add_rows(e, &table, logits));
done:
    duet_release(logits);
    duet_feature_table_free(&table);
    return status;
}

duet_status duet_evaluate(duet_context *ctx, duet_evaluation *out, duet_model *model,
                          duet_head *head, const duet_head_card *card, const duet_dataset *dataset,
                          duet_split split, const char *metrics,
                          const duet_classify_options *options, duet_bad_images *bad) {
    duet_status status = DUET_OK;
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    duet_view view = {0};
    duet_evaluation result = {.coverage = NAN, .mean_size = NAN};
    duet_reader *reader = NULL;
    evaluate e = {.ctx = ctx,
                  .model = model,
                  .head = head,
                  .card = card,
                  .dataset = dataset,
                  .info = info,
                  .out = &result,
                  .options = options};
    DUET_TRY(duet_conformal_check(options, head, card));
    if (!info->labelled)
        return duet_fail(DUET_ARG,
                         "data set '%s' has no labels, so there is no accuracy to measure",
                         info->name);
    if (info->count[split] == 0)
        return duet_fail(DUET_ARG, "data set '%s' has no '%s' split", info->name,
                         duet_split_name(split));
    DUET_TRY(duet_classifier_open(ctx, &reader, model, head, card, 0));
    take_outputs(&e);
    DUET_DO(duet_class_map_new(&e.map, info->name, info->class_names, info->class_count, e.outputs,
                               e.output_count));
    result.matched = e.map.matched;
    result.by_name = e.map.by_name;
    DUET_DO(open_metrics(&e, metrics));
    DUET_DO(duet_view_all(&view, dataset, split));
    DUET_DO(count(&e, reader, &view, bad));
    DUET_DO(duet_metrics_finish(result.metrics, &result.result));
    *out = result;
    result = (duet_evaluation){.by_name = false};
done:
    duet_reader_close(reader);
    duet_release(e.map.to);
    duet_view_free(&view);
    duet_evaluation_free(&result);
    return status;
}

void duet_evaluation_free(duet_evaluation *evaluation) {
    if (evaluation == NULL) return;
    duet_metrics_close(evaluation->metrics);
    *evaluation = (duet_evaluation){.by_name = false};
}
