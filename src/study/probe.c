/* SPDX-License-Identifier: MIT
 * study/probe.c: the strength is chosen on a class-balanced tenth of the training rows (at most
 * 10,000), the head is trained on all of them (probe_head.c), and the test split is used once for
 * each reader; the row of the model also with several draws of the noise, or, with a budget of
 * labels, all rows with several draws of the labels. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "feature/reader/reader.h"
#include "study/calibrate.h"
#include "study/few.h"
#include "study/probe.h"
#include "study/probe_save.h"

/* Called after everything that reads images of a split. */
static void compare_bad(duet_probing *p, duet_split split) {
    const int64_t bad = duet_bad_images_count(p->options->bad, split);
    if (!p->read[split]) p->bad[split] = bad;
    p->read[split] = true;
    if (bad != p->bad[split]) p->again = true;
}

duet_settings duet_probing_single(const duet_settings *settings) {
    duet_settings out = *settings;
    for (int i = 0; i < out.count; i++) out.v[i].draws = 1;
    return out;
}

bool duet_probing_noisy(const duet_settings *settings) {
    bool any = false;
    for (int i = 0; i < settings->count; i++) any |= settings->v[i].t >= 0;
    return any;
}

static duet_reader_options reading(const duet_probing *p, const duet_view *view, uint64_t seed) {
    const duet_probe_options *o = p->options;
    const bool whole = view == &p->test || view == &p->apart;
    return (duet_reader_options){.settings =
                                     whole ? o->settings : duet_probing_single(&o->settings),
                                 .noise_seed = seed,
                                 .weight_seed = o->seed + 1,
                                 .batch = o->batch};
}

duet_status duet_probing_open(const duet_probing *p, duet_reader **out, const char *name) {
    const duet_reader_options how = reading(p, &p->train, p->options->seed);
    return duet_reader_open(p->ctx, out, name, p->model, &p->how, &how);
}

duet_status duet_probing_features(duet_probing *p, duet_feature_table *out, duet_reader *reader,
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

/* ---- a reader ---- */

typedef struct probe_read { /* what is known of a reader */
    duet_probing *p;
    duet_reader *reader;
    bool model;                     /* the one that is looked at closely, not a baseline */
    duet_feature_table train, test; /* test: of a baseline, or of the noise `noise` */
    int noise;
    duet_head *head; /* of the first draw of the labels */
    duet_probe_row *row;
    double top1[DUET_PROBE_DRAWS]; /* [tests] */
    int tests;
} probe_read;

/* The labels of a draw; without a budget of labels the table itself. */
static duet_status take_draw(const probe_read *r, int s, duet_feature_table *picked,
                             const duet_feature_table **out) {
    *out = &r->train;
    if (!duet_probing_budget(r->p)) return DUET_OK;
    *out = picked;
    return duet_probing_pick(picked, &r->train, &r->p->draw[s].rows);
}

static duet_status calibrate(probe_read *r) {
    duet_probing *p = r->p;
    duet_probe_calibration *c = &p->out->calibration;
    float *logits = NULL;
    duet_status status = DUET_OK;
    const int K = duet_head_classes(r->head);
    if (p->apart.count > 0) DUET_DO(duet_probing_calibrate(p, r->reader, r->head, &c->made));
    if (c->made.rows == 0) goto done;
    DUET_DO(duet_alloc(&logits, r->test.rows * K, sizeof *logits));
    duet_head_logits(r->head, r->test.x, r->test.rows, logits);
    DUET_DO(duet_calibration_measure(c, logits, r->test.labels, r->test.rows, K));
done:
    duet_release(logits);
    return status;
}

/* The features of the widest reader decide how far the curve goes. */
static void choose_few(duet_probing *p, const probe_read *r) {
    int64_t widest = r->train.dim;
    const int64_t pixels = p->how.size * p->how.size * p->how.channels;
    for (int i = 0; i < p->baselines.count; i++)
        if (!duet_reader_is_network(p->baselines.v[i]) && pixels > widest) widest = pixels;
    duet_few_choose(&p->few, &r->train, r->test.rows,
                    duet_dataset_describe(p->dataset)->class_count, widest, &p->options->few_labels,
                    p->few_cost, p->options->seed);
}

static duet_status measure_few(probe_read *r) {
    duet_probing *p = r->p;
    duet_probe_result *out = p->out;
    const double start = duet_clock();
    if (!p->options->few || duet_probing_budget(p) || p->few_cost < 0) return DUET_OK;
    if (r->model) choose_few(p, r);
    DUET_TRY(duet_grow(&out->few, &p->few_room, out->few_count + p->few.count, sizeof *out->few));
    DUET_TRY(duet_few_measure(p->ctx, out->few + out->few_count, &p->few, &r->train, &r->test));
    for (int64_t k = 0; k < p->few.count; k++) p->tested += out->few[out->few_count + k].draws;
    out->few_count += p->few.count;
    out->few_test_rows = p->few.test_rows;
    out->seconds_few += duet_clock() - start;
    return DUET_OK;
}

/* What is done once for the model: details, neighbours, calibration. */
static duet_status look_closer(probe_read *r, const duet_accuracy *accuracy) {
    duet_probing *p = r->p;
    DUET_TRY(keep_details(p->out, accuracy));
    if (p->options->neighbours > 0)
        DUET_TRY(duet_study_neighbours(p->dataset, &p->how, &r->test, &r->train,
                                       p->options->neighbours, p->folder, p->options->bad));
    compare_bad(p, r->train.split);
    compare_bad(p, r->test.split);
    return calibrate(r);
}

/* Features of the test images at a noise seed, and the accuracy of a head on them. */
static duet_status test(probe_read *r, const duet_head *head, int noise) {
    duet_probing *p = r->p;
    duet_status status = DUET_OK;
    duet_accuracy accuracy = {0};
    if (r->test.x == NULL || r->noise != noise) {
        duet_feature_table_free(&r->test);
        DUET_DO(duet_probing_features(p, &r->test, r->reader, &p->test,
                                      p->options->seed + (uint64_t)noise,
                                      "features of the test images"));
        r->noise = noise;
    }
    DUET_DO(test_head(head, &r->test, &accuracy));
    r->top1[r->tests++] = duet_accuracy_top1(&accuracy);
    p->tested++;
    if (r->tests > 1) goto done;
    if (r->model) DUET_DO(look_closer(r, &accuracy));
    DUET_DO(measure_few(r));
done:
    duet_accuracy_free(&accuracy);
    return status;
}

/* A head on a draw of the labels. Without a budget of labels there is one, which the model tests
 * with several draws of the noise; else each head has a noise of its own. */
static duet_status run_draw(probe_read *r, int s) {
    duet_probing *p = r->p;
    const bool budget = duet_probing_budget(p), once = budget && p->draws > 1;
    duet_status status = DUET_OK;
    duet_feature_table picked = {0};
    const duet_feature_table *rows = NULL;
    duet_head *head = NULL;
    duet_probe_row row = *r->row;
    DUET_DO(take_draw(r, s, &picked, &rows));
    DUET_DO(duet_probing_train(p, &head, rows, &p->draw[s], &row,
                               r->model && s == 0 ? &p->out->calibration.made : NULL));
    if (s == 0) {
        *r->row = row;
        r->head = head;
        if (r->model) p->out->train_rows = rows->rows;
    }
    const int first = once && r->model ? s : 0, end = once || !r->model ? first + 1 : p->out->seeds;
    for (int n = first; n < end; n++) DUET_DO(test(r, head, n));
done:
    if (head != r->head) duet_head_free(head);
    duet_feature_table_free(&picked);
    return status;
}

static void take_means(const probe_read *r) {
    duet_probe_result *out = r->p->out;
    double sum = 0, square = 0;
    for (int i = 0; i < r->tests; i++) sum += r->top1[i];
    r->row->top1 = sum / r->tests;
    for (int i = 0; i < r->tests; i++)
        square += (r->top1[i] - r->row->top1) * (r->top1[i] - r->row->top1);
    const double deviation = r->tests > 1 ? sqrt(square / (r->tests - 1)) : 0.0;
    if (r->p->draws > 1) r->row->top1_std = deviation;
    if (!r->model) return;
    out->top1 = r->row->top1;
    out->top1_std = deviation;
    memcpy(out->top1_seeds, r->top1, sizeof out->top1_seeds);
    out->seeds = r->tests;
}

static duet_status probe_reader(duet_probing *p, const char *name) {
    duet_status status = DUET_OK;
    probe_read r = {
        .p = p, .model = p->out->row_count == 0, .row = &p->out->rows[p->out->row_count]};
    char label[64];
    *r.row = (duet_probe_row){.dim = 0};
    (void)duet_copy_text(r.row->reader, sizeof r.row->reader, name);
    snprintf(label, sizeof label, "features of the training images, %.16s", name);
    DUET_DO(duet_probing_open(p, &r.reader, name));
    if (duet_reader_describe(r.reader).settings) r.row->settings = p->options->settings;
    DUET_DO(duet_probing_features(p, &r.train, r.reader, &p->train, p->options->seed, label));
    for (int s = 0; s < p->draws; s++) DUET_DO(run_draw(&r, s));
    take_means(&r);
    if (r.model && strcmp(name, "model") == 0)
        DUET_DO(duet_probe_save_head(p->out, p->options, p->model, p->dataset, r.head, p->folder));
    p->out->row_count++;
done:
    duet_head_free(r.head);
    duet_feature_table_free(&r.train);
    duet_feature_table_free(&r.test);
    duet_reader_close(r.reader);
    return status;
}

/* All readers use the same images. Where one of them finds an image unreadable that others could
 * read, all start again without it; what they have computed is in the cache. */
static duet_status probe_readers(duet_probing *p) {
    do {
        p->again = false;
        memset(p->read, 0, sizeof p->read);
        p->out->row_count = 0;
        p->out->few_count = 0;
        p->tested = 0;
        p->out->calibration = (duet_probe_calibration){.made = {.rows = 0}};
        DUET_TRY(probe_reader(p, *p->options->reader != '\0' ? p->options->reader : "model"));
        for (int i = 0; i < p->baselines.count; i++)
            DUET_TRY(probe_reader(p, p->baselines.v[i]->name));
    } while (p->again);
    return DUET_OK;
}

static duet_status check(const duet_probing *p) {
    const duet_probe_options *o = p->options;
    if (!duet_probing_budget(p)) return DUET_OK;
    if (o->train_rows > 0)
        return duet_fail(DUET_ARG, "a number of rows and a budget of labels exclude each other");
    if (o->minutes > 0)
        return duet_fail(DUET_ARG, "minutes, which limit the rows, and a budget of labels exclude "
                                   "each other");
    return DUET_OK;
}

/* Images without noise give the same features each time; labels are drawn all the same. */
static void count_seeds(duet_probing *p) {
    const duet_probe_options *o = p->options;
    const int wanted = o->noise_seeds < 1                  ? 1
                       : o->noise_seeds > DUET_PROBE_DRAWS ? DUET_PROBE_DRAWS
                                                           : o->noise_seeds;
    const bool drawn = duet_probing_budget(p) && o->labels.list[0] == '\0';
    p->out->seeds = drawn || duet_probing_noisy(&o->settings) ? wanted : 1;
}

static duet_status note(const duet_probing *p) {
    const duet_probe_options *o = p->options;
    const bool model = *o->reader == '\0' || strcmp(o->reader, "model") == 0;
    return duet_books_add(p->folder,
                          &(duet_test_look){.command = "probe",
                                            .data = duet_dataset_describe(p->dataset)->name,
                                            .head = o->head,
                                            .reader = model ? NULL : o->reader,
                                            .split = p->test.split,
                                            .settings = model ? &o->settings : NULL,
                                            .model_hash = duet_model_hash(p->model),
                                            .rows = p->out->test_rows,
                                            .heads = p->tested,
                                            .top1 = p->out->top1});
}

duet_status duet_probe(duet_context *ctx, duet_probe_result *out, duet_model *model,
                       const duet_dataset *dataset, const duet_probe_options *options,
                       const char *folder) {
    duet_status status = DUET_OK;
    duet_probe_result result = {0};
    duet_probe_options own = *options;
    duet_probing p = {.ctx = ctx,
                      .model = model,
                      .dataset = dataset,
                      .options = &own,
                      .how = duet_model_card(model)->preprocess,
                      .out = &result,
                      .folder = folder};
    const double start = duet_clock();
    if (!duet_dataset_describe(dataset)->labelled)
        return duet_fail(DUET_ARG, "the data set has no labels to probe with");
    DUET_TRY(check(&p));
    count_seeds(&p);
    DUET_DO(duet_baselines_parse(&p.baselines, options->baselines));
    DUET_DO(duet_probing_views(&p));
    if (own.minutes > 0) DUET_DO(duet_probing_keep_time(&p, &own, start));
    DUET_DO(probe_readers(&p));
    result.seconds = duet_clock() - start;
    DUET_DO(note(&p));
    DUET_DO(duet_probe_save(&result, &own, model, dataset, folder));
    *out = result;
    memset(&result, 0, sizeof result);
done:
    duet_probe_result_free(&result);
    duet_probing_free_views(&p);
    return status;
}

void duet_probe_result_free(duet_probe_result *result) {
    if (result == NULL) return;
    duet_release(result->per_class);
    duet_release(result->confusion);
    duet_release(result->few);
    memset(result, 0, sizeof *result);
}

duet_status duet_neighbours(duet_context *ctx, duet_model *model, const duet_dataset *dataset,
                            const duet_probe_options *options, const char *folder) {
    duet_status status = DUET_OK;
    duet_probe_result result = {0};
    duet_feature_table table = {0};
    duet_reader *reader = NULL;
    duet_probing p = {.ctx = ctx,
                      .model = model,
                      .dataset = dataset,
                      .options = options,
                      .how = duet_model_card(model)->preprocess,
                      .out = &result,
                      .folder = folder};
    DUET_DO(duet_view_all(&p.train, dataset, DUET_TRAIN));
    DUET_DO(duet_probing_open(&p, &reader, "model"));
    do {
        p.again = false;
        memset(p.read, 0, sizeof p.read);
        duet_feature_table_free(&table);
        DUET_DO(duet_probing_features(&p, &table, reader, &p.train, options->seed, "features"));
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
