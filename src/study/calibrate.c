/* SPDX-License-Identifier: MIT
 * study/calibrate.c: see calibrate.h. */
#include "study/calibrate.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "study/study.h"

/* ---- folds ---- */

typedef struct folds {
    duet_context *ctx;
    const duet_feature_table *table;
    const char *spec;
    int classes;
    int32_t *fold;              /* [rows] */
    int64_t *order;             /* [rows], scratch */
    const duet_head_result *at; /* the options of all; NULL = each chooses */
    duet_head_result result[DUET_FOLDS];
    int trained;
    float *logits;
} folds;

bool duet_study_folds_fit(const duet_feature_table *table, int classes) {
    int64_t *size = NULL, paired = 0;
    if (duet_alloc(&size, classes, sizeof *size) != DUET_OK) return false;
    for (int64_t i = 0; i < table->rows; i++)
        if (table->labels[i] >= 0 && table->labels[i] < classes) size[table->labels[i]]++;
    for (int k = 0; k < classes; k++) paired += size[k] > 1 ? size[k] : 0;
    duet_release(size);
    return 2 * paired >= table->rows && paired >= DUET_FOLDS;
}

/* The rows of each class are dealt out in random order, beginning with another fold for each. */
static duet_status deal(folds *f, uint64_t seed) {
    duet_status status = DUET_OK;
    int64_t *dealt = NULL;
    DUET_DO(duet_alloc(&f->fold, f->table->rows, sizeof *f->fold));
    DUET_DO(duet_alloc(&f->order, f->table->rows, sizeof *f->order));
    DUET_DO(duet_alloc(&dealt, f->classes, sizeof *dealt));
    duet_rng_permutation(duet_rng_make(seed, "folds", 0), f->order, f->table->rows);
    for (int64_t i = 0; i < f->table->rows; i++) {
        const int32_t c = f->table->labels[f->order[i]];
        if (c >= 0 && c < f->classes)
            f->fold[f->order[i]] = (int32_t)((c + dealt[c]++) % DUET_FOLDS);
    }
done:
    duet_release(dealt);
    return status;
}

/* The rows of a fold, or the others. */
static duet_status take_rows(folds *f, duet_feature_table *out, int fold, bool of) {
    int64_t count = 0;
    for (int64_t i = 0; i < f->table->rows; i++)
        if ((f->fold[i] == fold) == of) f->order[count++] = i;
    return duet_study_rows(out, f->table, f->order, count);
}

static duet_status train_fold(folds *f, int fold) {
    duet_status status = DUET_OK;
    duet_feature_table seen = {0}, held = {0};
    duet_head *head = NULL;
    float *logits = NULL;
    const int K = f->classes;
    DUET_DO(take_rows(f, &seen, fold, false));
    DUET_DO(take_rows(f, &held, fold, true));
    if (seen.rows == 0 || held.rows == 0) goto done;
    const duet_head_fit fit = {.train = &seen,
                               .val = f->at == NULL ? &held : NULL,
                               .class_count = K,
                               .strength = f->at != NULL ? f->at->strength : 0};
    const char *const spec = f->at != NULL && f->at->chosen[0] != '\0' ? f->at->chosen : f->spec;
    DUET_DO(duet_head_train(f->ctx, &head, spec, &fit, &f->result[f->trained++]));
    DUET_DO(duet_alloc(&logits, held.rows * K, sizeof *logits));
    duet_head_logits(head, held.x, held.rows, logits);
    for (int64_t i = 0; i < held.rows; i++) /* order[i]: the row of the table, from take_rows */
        memcpy(f->logits + f->order[i] * K, logits + i * K, (size_t)K * sizeof *logits);
done:
    duet_release(logits);
    duet_head_free(head);
    duet_feature_table_free(&seen);
    duet_feature_table_free(&held);
    return status;
}

static double top1_of(const float *logits, const int32_t *labels, int64_t rows, int classes) {
    duet_accuracy accuracy = {0};
    if (duet_accuracy_new(&accuracy, classes) != DUET_OK) return NAN;
    duet_accuracy_add(&accuracy, logits, labels, rows);
    const double top1 = duet_accuracy_top1(&accuracy);
    duet_accuracy_free(&accuracy);
    return top1;
}

static void take_median(folds *f, duet_head_result *chosen) {
    for (int i = 1; i < f->trained; i++)
        for (int k = i; k > 0 && f->result[k - 1].strength > f->result[k].strength; k--) {
            const duet_head_result held = f->result[k];
            f->result[k] = f->result[k - 1];
            f->result[k - 1] = held;
        }
    *chosen = f->result[f->trained / 2];
    chosen->val_top1 = top1_of(f->logits, f->table->labels, f->table->rows, f->classes);
}

duet_status duet_study_folds(duet_context *ctx, const duet_feature_table *table, int classes,
                             const char *spec, bool choose, uint64_t seed, duet_head_result *chosen,
                             float *logits) {
    duet_status status = DUET_OK;
    folds f = {.ctx = ctx,
               .table = table,
               .spec = spec,
               .classes = classes,
               .at = choose ? NULL : chosen,
               .logits = logits};
    DUET_DO(deal(&f, seed));
    for (int i = 0; i < DUET_FOLDS; i++) DUET_DO(train_fold(&f, i));
    if (f.trained == 0)
        DUET_FAIL(DUET_ARG, "%lld rows are too few to hold some out", (long long)table->rows);
    if (choose) take_median(&f, chosen);
done:
    duet_release(f.fold);
    duet_release(f.order);
    return status;
}

/* ---- what it says of a test ---- */

static void take_bins(duet_reliability_bin *out, const duet_metric_result *result) {
    for (int t = 0; t < result->table_count; t++) {
        const duet_metric_table *table = &result->tables[t];
        if (strcmp(table->name, "reliability") != 0) continue;
        for (int b = 0; b < DUET_RELIABILITY_BINS && b < table->rows; b++) {
            const double *cell = table->cells + b * table->columns;
            out[b] = (duet_reliability_bin){
                .rows = (int64_t)cell[2], .accuracy = cell[3], .confidence = cell[4]};
        }
    }
}

static duet_status measure_at(duet_probe_calibration *out, int which, const float *logits,
                              const int32_t *labels, int64_t rows, int classes) {
    duet_metrics *metrics = NULL;
    duet_metric_result result;
    char list[64];
    const duet_metric_setup setup = {.given = DUET_METRIC_LABELS | DUET_METRIC_LOGITS,
                                     .classes = classes};
    const duet_metric_batch batch = {.rows = rows, .labels = labels, .logits = logits};
    (void)duet_format(list, sizeof list, "ece:bins=%d,nll", DUET_RELIABILITY_BINS);
    DUET_TRY(duet_metrics_open(&metrics, list, &setup));
    duet_status status = duet_metrics_add(metrics, &batch);
    if (status == DUET_OK) status = duet_metrics_finish(metrics, &result);
    if (status == DUET_OK) {
        out->ece[which] = duet_metric_find(&result, "ece", NAN);
        out->nll[which] = duet_metric_find(&result, "nll", NAN);
        take_bins(out->bins[which], &result);
    }
    duet_metrics_close(metrics);
    return status;
}

duet_status duet_conformal_measure(duet_conformal_level *sets, int count,
                                   const duet_calibration *calibration, const float *logits,
                                   const int32_t *labels, int64_t rows, int classes) {
    double least[DUET_CONFORMAL_LEVELS], *p = NULL;
    int64_t inside[DUET_CONFORMAL_LEVELS] = {0}, size[DUET_CONFORMAL_LEVELS] = {0}, counted = 0;
    DUET_TRY(duet_alloc(&p, classes, sizeof *p));
    for (int s = 0; s < count; s++) least[s] = duet_conformal_least(calibration, sets[s].level);
    for (int64_t i = 0; i < rows; i++) {
        int best = 0;
        if (labels[i] < 0 || labels[i] >= classes) continue;
        duet_calibrated(calibration, logits + i * classes, classes, p);
        for (int k = 1; k < classes; k++)
            if (p[k] > p[best]) best = k;
        for (int s = 0; s < count; s++)
            for (int k = 0; k < classes; k++) {
                const bool in = k == best || p[k] >= least[s];
                size[s] += in;
                inside[s] += in && k == labels[i];
            }
        counted++;
    }
    for (int s = 0; s < count; s++) {
        sets[s].coverage = 100.0 * (double)inside[s] / (double)counted; /* NaN without rows */
        sets[s].mean_size = (double)size[s] / (double)counted;
    }
    duet_release(p);
    return DUET_OK;
}

duet_status duet_calibration_measure(duet_probe_calibration *out, const float *logits,
                                     const int32_t *labels, int64_t rows, int classes) {
    static const double levels[DUET_CONFORMAL_LEVELS] = {0.8, 0.9, 0.95, 0.99};
    duet_status status = DUET_OK;
    float *scaled = NULL;
    DUET_DO(duet_alloc(&scaled, rows * classes, sizeof *scaled));
    for (int64_t i = 0; i < rows * classes; i++)
        scaled[i] = (float)((double)logits[i] / out->made.temperature);
    DUET_DO(measure_at(out, 0, logits, labels, rows, classes));
    DUET_DO(measure_at(out, 1, scaled, labels, rows, classes));
    for (int s = 0; s < DUET_CONFORMAL_LEVELS; s++) out->sets[s].level = levels[s];
    DUET_DO(duet_conformal_measure(out->sets, DUET_CONFORMAL_LEVELS, &out->made, logits, labels,
                                   rows, classes));
done:
    duet_release(scaled);
    return status;
}
