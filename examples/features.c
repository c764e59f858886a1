/* SPDX-License-Identifier: MIT
 * features.c: reads features, trains a linear head on them and prints its test accuracy.
 *   features MODEL.safetensors DATA [ROWS]
 * DATA is a path or "synth:size=32,classes=4"; ROWS is the most training rows to use (default
 * 2000). The setting (t, tap, pool), or those that are joined, are what the model's card
 * recommends. The test rows' features go to features.npz. */
#include <stdio.h>
#include <stdlib.h>

#include <duet.h>

typedef struct setting {
    duet_context *ctx;
    duet_model *model;
    duet_dataset *dataset;
    duet_reader *reader;
} setting;

/* The table of one view: the features of all settings side by side. */
static duet_status read_table(const setting *s, const duet_view *view, duet_feature_table *out) {
    const duet_features_options options = {.label = "features"};
    duet_feature_set *set = NULL;
    duet_status status = duet_feature_set_open(s->ctx, &set, s->reader, s->dataset, view, &options);
    if (status == DUET_OK) status = duet_feature_set_join(set, view, out);
    duet_feature_set_close(set);
    return status;
}

static duet_status evaluate(const duet_head *head, const duet_feature_table *test) {
    const int classes = duet_head_classes(head);
    float *logits = malloc(sizeof(float) * (size_t)(test->rows * classes));
    duet_accuracy accuracy = {0};
    duet_status status = logits != NULL ? duet_accuracy_new(&accuracy, classes) : DUET_NO_MEMORY;
    if (status == DUET_OK) {
        duet_head_logits(head, test->x, test->rows, logits);
        duet_accuracy_add(&accuracy, logits, test->labels, test->rows);
        printf("test accuracy %.2f %% on %lld rows\n", duet_accuracy_top1(&accuracy),
               (long long)accuracy.rows);
    }
    duet_accuracy_free(&accuracy);
    free(logits);
    return status;
}

/* Training rows fit the head, other rows of the training split choose its strength, test rows are
 * read once. */
static duet_status probe(const setting *s, int64_t rows) {
    duet_view all = {0}, fit = {0}, val = {0}, test = {0};
    duet_feature_table x_fit = {0}, x_val = {0}, x_test = {0};
    duet_head *head = NULL;
    duet_status status = duet_view_all(&all, s->dataset, DUET_TRAIN);
    if (status == DUET_OK)
        status = duet_view_divide(&fit, &val, s->dataset, &all, rows, rows / 4, 0);
    if (status == DUET_OK) status = duet_view_all(&test, s->dataset, DUET_TEST);
    if (status == DUET_OK) status = read_table(s, &fit, &x_fit);
    if (status == DUET_OK) status = read_table(s, &val, &x_val);
    if (status == DUET_OK) status = read_table(s, &test, &x_test);
    if (status == DUET_OK) {
        const duet_head_fit how = {.train = &x_fit,
                                   .val = &x_val,
                                   .class_count = duet_dataset_describe(s->dataset)->class_count};
        duet_head_result result;
        status = duet_head_train(s->ctx, &head, "linear", &how, &result);
        if (status == DUET_OK)
            printf("strength %g, validation accuracy %.2f %%\n", result.strength, result.val_top1);
    }
    if (status == DUET_OK) status = evaluate(head, &x_test);
    if (status == DUET_OK) status = duet_feature_table_save(&x_test, "features.npz", DUET_F32);
    duet_head_free(head);
    duet_feature_table_free(&x_fit);
    duet_feature_table_free(&x_val);
    duet_feature_table_free(&x_test);
    duet_view_free(&all);
    duet_view_free(&fit);
    duet_view_free(&val);
    duet_view_free(&test);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s MODEL.safetensors DATA [ROWS]\n", argv[0]);
        return 2;
    }
    const int64_t rows = argc > 3 ? atoll(argv[3]) : 2000;
    setting s = {0};
    duet_status status = duet_context_new(&s.ctx, NULL);
    if (status == DUET_OK) status = duet_model_open(s.ctx, &s.model, argv[1]);
    if (status == DUET_OK) status = duet_dataset_open(s.ctx, &s.dataset, argv[2]);
    if (status == DUET_OK) {
        duet_reader_options reading = {.settings = {.count = 0}};
        const char *from = NULL; /* the card's setting, or a guess */
        status = duet_settings_find(s.ctx, &reading.settings, &from, s.model);
        if (status == DUET_OK && *from == '\0')
            status = duet_settings_guess(s.ctx, &reading.settings, s.model);
        if (status == DUET_OK)
            status = duet_reader_open(s.ctx, &s.reader, "model", s.model, NULL, &reading);
    }
    if (status == DUET_OK) status = probe(&s, rows);
    if (status != DUET_OK)
        fprintf(stderr, "features: %s: %s\n", duet_status_name(status), duet_error_message());
    duet_reader_close(s.reader);
    duet_dataset_close(s.dataset);
    duet_model_close(s.model);
    duet_context_free(s.ctx);
    return status == DUET_OK ? 0 : 1;
}
