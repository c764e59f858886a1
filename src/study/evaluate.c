/* SPDX-License-Identifier: MIT
 * study/evaluate.c: a model's own classifier, whose logits are its last tap, on a split of a data
 * set. Every row counts, the last batch too. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "study/study.h"

duet_status duet_own_setting(duet_reader_options *out, const duet_model *model) {
    if (duet_model_logits(model) == 0)
        return duet_fail(
            DUET_ARG, "the model has no classifier of its own; 'duet probe' makes a head for it");
    const duet_tap_row *last = duet_model_tap(model, duet_model_tap_count(model) - 1);
    *out = (duet_reader_options){
        .t = -1, .taps = {.count = 1, .v = {last->block}}, .pools = {.count = 1, .v = {1}}};
    return DUET_OK;
}

static duet_status count(duet_context *ctx, duet_accuracy *out, duet_model *model,
                         const duet_dataset *dataset, const duet_view *view) {
    duet_status status = DUET_OK;
    duet_feature_table *tables = NULL;
    int64_t columns = 0;
    duet_features_options options = {.label = "classes"};
    DUET_DO(duet_own_setting(&options.reader, model));
    DUET_DO(duet_features(ctx, &tables, &columns, model, NULL, dataset, view, &options));
    duet_accuracy_add(out, tables[0].x, tables[0].labels, tables[0].rows);
done:
    duet_features_free(tables, columns);
    return status;
}

duet_status duet_evaluate(duet_context *ctx, duet_accuracy *out, duet_model *model,
                          const duet_dataset *dataset, duet_split split) {
    duet_status status = DUET_OK;
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    const int64_t classes = duet_model_logits(model);
    duet_view view = {0};
    duet_accuracy accuracy = {0};
    if (!info->labelled)
        return duet_fail(DUET_ARG,
                         "data set '%s' has no labels, so there is no accuracy to measure",
                         info->name);
    if (classes > 0 && info->class_count > classes)
        return duet_fail(DUET_SHAPE, "the model knows %lld classes, data set '%s' has %d",
                         (long long)classes, info->name, info->class_count);
    if (info->count[split] == 0)
        return duet_fail(DUET_ARG, "data set '%s' has no '%s' split", info->name,
                         duet_split_name(split));
    DUET_DO(duet_accuracy_new(&accuracy, classes > 0 ? (int)classes : 1));
    DUET_DO(duet_view_all(&view, dataset, split));
    DUET_DO(count(ctx, &accuracy, model, dataset, &view));
    *out = accuracy;
    accuracy = (duet_accuracy){0};
done:
    duet_view_free(&view);
    duet_accuracy_free(&accuracy);
    return status;
}
