/* SPDX-License-Identifier: MIT
 * study/probe.c: the strength is chosen on a class-balanced tenth of the training rows (at most
 * 10,000), the head is trained on all of them, and the test split is used once for each reader; the
 * row of the model also with several draws of the noise. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "feature/reader/reader.h"
#include "study/budget.h"
#include "study/probe_save.h"
#include "study/study.h"

/* Training rows that are timed where the time is limited, and the fewest that are used. */
enum { PILOT_ROWS = 1000, FEWEST_ROWS = 50 };

typedef struct probe {
    duet_context *ctx;
    duet_model *model;
    const duet_dataset *dataset;
    const duet_probe_options *options;
    duet_baselines baselines;
    duet_preprocess how;
    duet_view train, test, part, held; /* part + held = train */
    duet_probe_result *out;
    const char *folder;
    int64_t bad[DUET_SPLIT_COUNT]; /* images left out when the first table of a split was made */
    bool read[DUET_SPLIT_COUNT];
    bool again; /* more images were left out since: then the first table had rows that later ones
                   lack */
} probe;

/* Called after everything that reads images of a split. */
static void compare_bad(probe *p, duet_split split) {
    const int64_t bad = duet_bad_images_count(p->options->bad, split);
    if (!p->read[split]) p->bad[split] = bad;
    p->read[split] = true;
    if (bad != p->bad[split]) p->again = true;
}

/* The settings of the training rows: one draw, not mirrored. Means over draws and views are those
 * of the rows that are classified. */
static duet_settings single(const duet_settings *settings) {
    duet_settings out = *settings;
    for (int i = 0; i < out.count; i++) {
        out.v[i].draws = 1;
        out.v[i].flip = false;
    }
    return out;
}

static duet_reader_options reading(const probe *p, const duet_view *view, uint64_t seed) {
    const duet_probe_options *o = p->options;
    return (duet_reader_options){.settings = view == &p->test ? o->settings : single(&o->settings),
                                 .noise_seed = seed,
                                 .weight_seed = o->seed + 1,
                                 .batch = o->batch};
}

static duet_status features(probe *p, duet_feature_table *out, duet_reader *reader,
                            const duet_view *view, uint64_t seed, const char *label) {
    const duet_reader_options how = reading(p, view, seed);
    duet_features_options options = {
        .stored = p->options->stored, .label = label, .bad = p->options->bad};
    duet_feature_set *set = NULL;
    (void)duet_copy_text(options.cache, sizeof options.cache, p->options->cache);
    const double start = duet_clock();
    DUET_TRY(duet_reader_change(reader, &how));
    DUET_TRY(duet_feature_set_open(p->ctx, &set, reader, p->dataset, view, &options));
    const duet_status status = duet_feature_set_join(set, view, out);
    duet_features_work work = duet_feature_set_work(set);
    work.seconds = duet_clock() - start;
    duet_study_add_work(&p->out->features, work);
    duet_feature_set_close(set);
    compare_bad(p, view->split);
    return status;
}

/* Rows of `table` (over p->train) that belong to `view`; both lists are sorted by index. */
static duet_status pick(duet_feature_table *out, const duet_feature_table *table,
                        const duet_view *view) {
    int64_t *order = NULL, found = 0;
    DUET_TRY(duet_alloc(&order, view->count, sizeof *order));
    for (int64_t i = 0, k = 0; i < table->rows && k < view->count; i++) {
        while (k < view->count && view->index[k] < table->index[i]) k++;
        if (k < view->count && view->index[k] == table->index[i]) order[found++] = i;
    }
    const duet_status status = duet_study_rows(out, table, order, found);
    duet_release(order);
    return status;
}

static duet_status train_head(probe *p, duet_head **out, const duet_feature_table *train,
                              duet_probe_row *row) {
    duet_status status = DUET_OK;
    duet_feature_table part = {0}, held = {0};
    duet_head_result chosen, final;
    duet_head *first = NULL;
    const int classes = duet_dataset_describe(p->dataset)->class_count;
    const double start = duet_clock();
    DUET_DO(pick(&part, train, &p->part));
    DUET_DO(pick(&held, train, &p->held));
    const duet_head_fit choose = {.train = &part, .val = &held, .class_count = classes};
    DUET_DO(duet_head_train(p->ctx, &first, p->options->head, &choose, &chosen));
    const duet_head_fit fit = {
        .train = train, .class_count = classes, .strength = chosen.strength, .start = first};
    const char *const spec = chosen.chosen[0] != '\0' ? chosen.chosen : p->options->head;
    DUET_DO(duet_head_train(p->ctx, out, spec, &fit, &final));
    if (!final.converged)
        duet_log(p->ctx, DUET_LOG_WARNING,
                 "the head of reader '%s' stopped after %d iterations without converging",
                 row->reader, final.iterations);
    row->strength = chosen.strength;
    memcpy(row->chosen, chosen.chosen, sizeof row->chosen);
    row->val_top1 = chosen.val_top1;
    row->dim = train->dim;
done:
    duet_head_free(first);
    p->out->seconds_head += duet_clock() - start;
    duet_feature_table_free(&part);
    duet_feature_table_free(&held);
    return status;
}

static duet_status test_head(const duet_head *head, const duet_feature_table *test,
                             duet_accuracy *out) {
    float *logits = NULL;
    DUET_TRY(duet_accuracy_new(out, duet_head_classes(head)));
    const duet_status status =
        duet_alloc(&logits, test->rows * duet_head_classes(head), sizeof *logits);
    if (status == DUET_OK) {
        duet_head_logits(head, test->x, test->rows, logits);
        duet_accuracy_add(out, logits, test->labels, test->rows);
    }
    duet_release(logits);
    return status;
}

static duet_status keep_details(duet_probe_result *out, const duet_accuracy *accuracy) {
    const int K = accuracy->classes;
    duet_release(out->per_class);
    duet_release(out->confusion);
    out->per_class = NULL;
    out->confusion = NULL;
    out->classes = K;
    out->top5 = duet_accuracy_top5(accuracy);
    out->mean_class = duet_accuracy_mean_class(accuracy);
    out->test_rows = accuracy->rows;
    DUET_TRY(duet_alloc(&out->per_class, K, sizeof *out->per_class));
    DUET_TRY(duet_alloc(&out->confusion, (int64_t)K * K, sizeof *out->confusion));
    for (int k = 0; k < K; k++) out->per_class[k] = duet_accuracy_class(accuracy, k);
    memcpy(out->confusion, accuracy->confusion, (size_t)K * (size_t)K * sizeof *out->confusion);
    return DUET_OK;
}

/* Clean images have no noise. */
static bool noisy(const duet_settings *settings) {
    bool any = false;
    for (int i = 0; i < settings->count; i++) any |= settings->v[i].t >= 0;
    return any;
}

/* The row of the model itself: several draws of the noise of the test images, details, neighbours,
 * the saved head. */
static duet_status probe_model(probe *p, duet_reader *reader, const duet_feature_table *train,
                               const duet_head *head, duet_probe_row *row) {
    duet_probe_result *out = p->out;
    duet_status status = DUET_OK;
    double sum = 0, square = 0;
    out->seeds = p->options->noise_seeds < 1    ? 1
                 : p->options->noise_seeds > 16 ? 16
                                                : p->options->noise_seeds;
    if (!noisy(&p->options->settings)) out->seeds = 1;
    for (int s = 0; s < out->seeds; s++) {
        duet_feature_table test = {0};
        duet_accuracy accuracy = {0};
        DUET_DO(features(p, &test, reader, &p->test, p->options->seed + (uint64_t)s,
                         "features of the test images"));
        status = test_head(head, &test, &accuracy);
        if (status == DUET_OK) out->top1_seeds[s] = duet_accuracy_top1(&accuracy);
        if (status == DUET_OK && s == 0) status = keep_details(out, &accuracy);
        if (status == DUET_OK && s == 0 && p->options->neighbours > 0)
            status = duet_study_neighbours(p->dataset, &p->how, &test, train,
                                           p->options->neighbours, p->folder, p->options->bad);
        compare_bad(p, train->split);
        compare_bad(p, test.split);
        duet_accuracy_free(&accuracy);
        duet_feature_table_free(&test);
        DUET_DO(status);
        sum += out->top1_seeds[s];
    }
    out->top1 = sum / out->seeds;
    for (int s = 0; s < out->seeds; s++)
        square += (out->top1_seeds[s] - out->top1) * (out->top1_seeds[s] - out->top1);
    out->top1_std = out->seeds > 1 ? sqrt(square / (out->seeds - 1)) : 0.0;
    row->top1 = out->top1;
    DUET_DO(duet_probe_save_head(p->out, p->options, p->model, p->dataset, head, p->folder));
done:
    return status;
}

static duet_status open_reader(const probe *p, duet_reader **out, const char *name) {
    const duet_reader_options how = reading(p, &p->train, p->options->seed);
    return duet_reader_open(p->ctx, out, name, p->model, &p->how, &how);
}

static duet_status probe_reader(probe *p, const char *name) {
    duet_status status = DUET_OK;
    duet_reader *reader = NULL;
    duet_feature_table train = {0}, test = {0};
    duet_head *head = NULL;
    duet_accuracy accuracy = {0};
    duet_probe_row *row = &p->out->rows[p->out->row_count];
    char label[64];
    *row = (duet_probe_row){.dim = 0};
    (void)duet_copy_text(row->reader, sizeof row->reader, name);
    snprintf(label, sizeof label, "features of the training images, %.16s", name);
    DUET_DO(open_reader(p, &reader, name));
    if (duet_reader_describe(reader).settings) row->settings = p->options->settings;
    DUET_DO(features(p, &train, reader, &p->train, p->options->seed, label));
    DUET_DO(train_head(p, &head, &train, row));
    if (strcmp(name, "model") == 0) {
        p->out->train_rows = train.rows;
        DUET_DO(probe_model(p, reader, &train, head, row));
    } else {
        DUET_DO(
            features(p, &test, reader, &p->test, p->options->seed, "features of the test images"));
        DUET_DO(test_head(head, &test, &accuracy));
        row->top1 = duet_accuracy_top1(&accuracy);
    }
    p->out->row_count++;
done:
    duet_accuracy_free(&accuracy);
    duet_head_free(head);
    duet_feature_table_free(&train);
    duet_feature_table_free(&test);
    duet_reader_close(reader);
    return status;
}

static duet_status make_views(probe *p) {
    const duet_dataset_info *info = duet_dataset_describe(p->dataset);
    duet_view all = {0}, rest = {0};
    DUET_TRY(duet_view_all(&all, p->dataset, DUET_TRAIN));
    duet_status status = DUET_OK;
    const int64_t want = p->options->train_rows;
    if (want > 0 && want < all.count) {
        DUET_DO(duet_view_divide(&p->train, &rest, p->dataset, &all, want, 0, p->options->seed));
    } else {
        p->train = all;
        all.index = NULL;
    }
    const int64_t held = p->train.count / 10 < 10000 ? p->train.count / 10 : 10000;
    DUET_DO(duet_view_divide(&p->part, &p->held, p->dataset, &p->train, p->train.count - held, held,
                             p->options->seed));
    DUET_DO(duet_view_all(&p->test, p->dataset, info->count[DUET_TEST] > 0 ? DUET_TEST : DUET_VAL));
    if (p->held.count < 1)
        DUET_FAIL(DUET_ARG,
                  "the training split has %lld images, which are too few to hold some out",
                  (long long)p->train.count);
    if (p->test.count < 1) DUET_FAIL(DUET_ARG, "the data set has no test or val split to test on");
done:
    duet_view_free(&all);
    duet_view_free(&rest);
    return status;
}

static void free_views(probe *p) {
    duet_view_free(&p->train);
    duet_view_free(&p->test);
    duet_view_free(&p->part);
    duet_view_free(&p->held);
}

/* Computes features of `rows` training rows and, with `seconds_row`, measures the cost of a head on
 * them. */
static duet_status measure(probe *p, const char *name, duet_probe_options *own, int64_t rows,
                           double *seconds_row) {
    duet_status status = DUET_OK;
    duet_reader *reader = NULL;
    duet_feature_table table = {0};
    duet_head *head = NULL;
    duet_probe_row row = {.reader = "measured"};
    own->train_rows = rows;
    free_views(p);
    DUET_DO(make_views(p));
    DUET_DO(open_reader(p, &reader, name));
    DUET_DO(features(p, &table, reader, &p->train, own->seed, "first features, measured"));
    const double began = duet_clock();
    if (seconds_row != NULL) DUET_DO(train_head(p, &head, &table, &row));
    if (seconds_row != NULL) *seconds_row = (duet_clock() - began) / (double)table.rows;
done:
    duet_head_free(head);
    duet_feature_table_free(&table);
    duet_reader_close(reader);
    return status;
}

/* Seconds of a head on a row of the baselines that are no networks, whose cost does not follow from
 * that of the model: pixels are wide. */
static duet_status measure_others(probe *p, duet_probe_options *own, int64_t few, double *out) {
    *out = 0;
    for (int i = 0; i < p->baselines.count; i++) {
        double seconds = 0;
        if (duet_reader_is_network(p->baselines.v[i])) continue;
        DUET_TRY(measure(p, p->baselines.v[i]->name, own, few < FEWEST_ROWS ? few : FEWEST_ROWS,
                         &seconds));
        *out += seconds;
    }
    return DUET_OK;
}

/* The passes through a network that a row takes. */
static double passes_of(const duet_settings *settings) {
    double passes = 0;
    for (int i = 0; i < settings->count; i++) {
        bool first = true;
        for (int k = 0; k < i; k++) first &= settings->v[k].t != settings->v[i].t;
        const double draws = settings->v[i].draws > 1 ? (double)settings->v[i].draws : 1.0;
        if (first) passes += draws * (settings->v[i].flip ? 2.0 : 1.0);
    }
    return passes;
}

/* Chooses the number of training rows for which there is time. Features and heads of few rows are
 * timed; these features are in the cache then. `start`: when the probe began. */
static duet_status keep_time(probe *p, duet_probe_options *own, double start) {
    duet_status status = DUET_OK;
    double head = 0, others = 0, readers = 1.0;
    const int64_t most = p->train.count, pilot = most < PILOT_ROWS ? most : PILOT_ROWS,
                  few = pilot / 5 + 1 < 20 ? most : pilot / 5 + 1, tests = p->test.count;
    const duet_features_work none = p->out->features;
    const duet_settings trained = single(&own->settings);
    for (int i = 0; i < p->baselines.count; i++)
        readers += duet_reader_is_network(p->baselines.v[i]) ? 1.0 : 0.0;
    DUET_DO(measure(p, "model", own, few, &head));
    const duet_features_work first = p->out->features;
    DUET_DO(measure_others(p, own, few, &others));
    const duet_features_work before = p->out->features;
    DUET_DO(measure(p, "model", own, pilot, NULL));
    const duet_features_work all = p->out->features;
    const double pass =
                     duet_cost_of_row(first.seconds, first.computed, all.seconds - before.seconds,
                                      all.computed - before.computed),
                 row = pass * passes_of(&trained), test = pass * passes_of(&own->settings),
                 draws = (double)(noisy(&own->settings) ? own->noise_seeds : 1) + readers - 1.0;
    own->train_rows =
        duet_rows_within(60.0 * own->minutes - (duet_clock() - start), (double)tests * draws * test,
                         readers * (row + head) + others, FEWEST_ROWS, most);
    duet_log(p->ctx, DUET_LOG_DEBUG,
             "a row: %.2g s a pass, %.2g s a head, %.2g s other heads: %lld rows", pass, head,
             others, (long long)own->train_rows);
    free_views(p);
    DUET_DO(make_views(p));
done:
    p->out->features = none;
    p->out->seconds_head = 0;
    return status;
}

/* All readers use the same images. Where one of them finds an image unreadable that others could
 * read, all start again without it; what they have computed is in the cache. */
static duet_status probe_readers(probe *p) {
    do {
        p->again = false;
        memset(p->read, 0, sizeof p->read);
        p->out->row_count = 0;
        DUET_TRY(probe_reader(p, "model"));
        for (int i = 0; i < p->baselines.count; i++)
            DUET_TRY(probe_reader(p, p->baselines.v[i]->name));
    } while (p->again);
    return DUET_OK;
}

duet_status duet_probe(duet_context *ctx, duet_probe_result *out, duet_model *model,
                       const duet_dataset *dataset, const duet_probe_options *options,
                       const char *folder) {
    duet_status status = DUET_OK;
    duet_probe_result result = {0};
    duet_probe_options own = *options;
    probe p = {.ctx = ctx,
               .model = model,
               .dataset = dataset,
               .options = &own,
               .how = duet_model_card(model)->preprocess,
               .out = &result,
               .folder = folder};
    const double start = duet_clock();
    if (!duet_dataset_describe(dataset)->labelled)
        return duet_fail(DUET_ARG, "the data set has no labels to probe with");
    DUET_DO(duet_baselines_parse(&p.baselines, options->baselines));
    DUET_DO(make_views(&p));
    if (own.minutes > 0) DUET_DO(keep_time(&p, &own, start));
    DUET_DO(probe_readers(&p));
    result.seconds = duet_clock() - start;
    DUET_DO(duet_probe_save(&result, &own, model, dataset, folder));
    *out = result;
    memset(&result, 0, sizeof result);
done:
    duet_probe_result_free(&result);
    free_views(&p);
    return status;
}

void duet_probe_result_free(duet_probe_result *result) {
    if (result == NULL) return;
    duet_release(result->per_class);
    duet_release(result->confusion);
    memset(result, 0, sizeof *result);
}

duet_status duet_neighbours(duet_context *ctx, duet_model *model, const duet_dataset *dataset,
                            const duet_probe_options *options, const char *folder) {
    duet_status status = DUET_OK;
    duet_probe_result result = {0};
    duet_feature_table table = {0};
    duet_reader *reader = NULL;
    probe p = {.ctx = ctx,
               .model = model,
               .dataset = dataset,
               .options = options,
               .how = duet_model_card(model)->preprocess,
               .out = &result,
               .folder = folder};
    DUET_DO(duet_view_all(&p.train, dataset, DUET_TRAIN));
    DUET_DO(open_reader(&p, &reader, "model"));
    do {
        p.again = false;
        memset(p.read, 0, sizeof p.read);
        duet_feature_table_free(&table);
        DUET_DO(features(&p, &table, reader, &p.train, options->seed, "features"));
        DUET_DO(duet_study_neighbours(dataset, &p.how, &table, &table,
                                      options->neighbours > 0 ? options->neighbours : 6, folder,
                                      options->bad));
        compare_bad(&p, DUET_TRAIN);
    } while (p.again);
    DUET_DO(duet_neighbours_save(options, dataset, folder));
done:
    duet_reader_close(reader);
    duet_feature_table_free(&table);
    duet_view_free(&p.train);
    return status;
}
