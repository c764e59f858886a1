/* SPDX-License-Identifier: MIT
 * Which rows are trained on and which measure the training: those held out, or else the split
 * 'val'. The split 'test' is never touched. A classifier's accuracy is that of the averaged
 * weights. */
#include <string.h>

#include <duet/feature.h>
#include <duet/metric.h>

#include "base/context.h"
#include "base/error.h"
#include "data/view.h"
#include "train/trainer.h"

static duet_status label_budget(duet_label_budget *out, const duet_train_options *options) {
    return duet_label_budget_of(out, options->labels, options->shots, options->label_list);
}

static duet_status choose_views(duet_view *train, duet_view *validation,
                                const duet_dataset *dataset, const duet_train_options *options) {
    const int64_t held = options->hold_out;
    duet_view all = {0};
    DUET_TRY(duet_view_all(&all, dataset, DUET_TRAIN));
    if (held > 0 && held < all.count) {
        const duet_status status = duet_view_divide(train, validation, dataset, &all,
                                                    all.count - held, held, options->seed);
        duet_view_free(&all);
        return status;
    }
    *train = all;
    return duet_view_all(validation, dataset, DUET_VAL);
}

duet_status duet_train_views(duet_view *train, duet_view *validation, const duet_dataset *dataset,
                             const duet_train_options *options) {
    duet_label_budget budget;
    duet_view all = {0};
    DUET_TRY(label_budget(&budget, options));
    if (!duet_label_budget_given(&budget)) return choose_views(train, validation, dataset, options);
    duet_status status = choose_views(&all, validation, dataset, options);
    if (status == DUET_OK)
        status = duet_view_labels(train, dataset, &all, &budget, options->seed, NULL);
    duet_view_free(&all);
    return status;
}

static duet_status refuse_labels(const duet_train_options *options) {
    duet_label_budget budget;
    DUET_TRY(label_budget(&budget, options));
    if (!duet_label_budget_given(&budget)) return DUET_OK;
    return duet_fail(DUET_ARG,
                     "the task '%s' learns without labels; 'labels', 'shots' and "
                     "'label_list' are for tasks that learn from them",
                     options->task);
}

duet_status duet_trainer_choose_rows(duet_trainer *trainer) {
    const duet_dataset_info *info = duet_dataset_describe(trainer->dataset);
    const int64_t count = info->count[DUET_TRAIN];
    if (count == 0)
        return duet_fail(DUET_ARG, "the data set '%s' has no training images", info->path);
    if (trainer->options.hold_out >= count)
        return duet_fail(DUET_ARG,
                         "'hold_out' is %lld, but the data set '%s' has %lld training images; some "
                         "must be left to train on",
                         (long long)trainer->options.hold_out, info->path, (long long)count);
    DUET_TRY(duet_train_views(&trainer->view, &trainer->validation, trainer->dataset,
                              &trainer->options));
    if (trainer->task == NULL || !trainer->task->labels) return refuse_labels(&trainer->options);
    if (trainer->task->head == NULL) /* beside a head, rows without a class teach the rest */
        duet_view_keep_labelled(&trainer->view, trainer->dataset);
    duet_view_keep_labelled(&trainer->validation, trainer->dataset);
    return DUET_OK;
}

/* The features of all rows at these settings. */
static duet_status read_rows(duet_trainer *trainer, const duet_settings *settings,
                             duet_bad_images *bad, duet_feature_table *out) {
    duet_status status = DUET_OK;
    duet_reader *reader = NULL;
    duet_feature_set *set = NULL;
    const duet_reader_options options = {.settings = *settings, .rows = trainer->validation.count};
    const duet_features_options how = {.label = "validation", .bad = bad};
    DUET_DO(duet_reader_open(trainer->ctx, &reader, "model", trainer->ema, NULL, &options));
    DUET_DO(duet_feature_set_open(trainer->ctx, &set, reader, trainer->dataset,
                                  &trainer->validation, &how));
    DUET_DO(duet_feature_set_join(set, &trainer->validation, out));
done:
    duet_feature_set_close(set);
    duet_reader_close(reader);
    return status;
}

/* What classifies is the network itself, whose logits are the last tap, or a head that is trained
 * with it. */
static duet_status read_logits(duet_trainer *trainer, duet_bad_images *bad, duet_feature_table *x,
                               float **logits) {
    duet_status status = DUET_OK;
    duet_model *const model = trainer->ema;
    const duet_tap_row *last = duet_model_tap(model, duet_model_tap_count(model) - 1);
    const duet_settings own = duet_settings_of(-1, last->block, 1);
    duet_head *head = NULL;
    duet_head_card card = {.settings = own};
    if (trainer->task->head != NULL) DUET_DO(duet_trainer_head(trainer, &head, &card));
    DUET_DO(read_rows(trainer, &card.settings, bad, x));
    DUET_DO(duet_alloc(logits, x->rows * trainer->setup.classes, sizeof **logits));
    if (head != NULL)
        duet_head_logits(head, x->x, x->rows, *logits);
    else
        memcpy(*logits, x->x, (size_t)(x->rows * x->dim) * sizeof **logits);
done:
    duet_head_free(head);
    return status;
}

duet_status duet_trainer_validate(duet_trainer *trainer) {
    duet_status status = DUET_OK;
    duet_feature_table table = {0};
    float *logits = NULL;
    duet_accuracy accuracy = {0};
    duet_bad_images *bad = NULL;
    if (!trainer->task->labels || trainer->validation.count == 0) return DUET_OK;
    DUET_DO(duet_slots_pull(trainer->slots));
    if (strcmp(trainer->options.on_bad, "skip") == 0) DUET_DO(duet_bad_images_new(&bad));
    DUET_DO(read_logits(trainer, bad, &table, &logits));
    DUET_DO(duet_accuracy_new(&accuracy, trainer->setup.classes));
    duet_accuracy_add(&accuracy, logits, table.labels, table.rows);
    trainer->top1_rows = accuracy.rows;
    trainer->top1 = accuracy.rows > 0 ? duet_accuracy_top1(&accuracy) : 0.0;
done:
    duet_accuracy_free(&accuracy);
    duet_feature_table_free(&table);
    duet_release(logits);
    duet_bad_images_free(bad);
    return status;
}
