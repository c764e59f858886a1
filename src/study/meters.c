/* SPDX-License-Identifier: MIT
 * study/meters.c: what is measured while a model is trained. The images are read once and kept:
 *   accuracy  the model's own classifier on the validation rows, or a linear head fitted to the
 *             training rows of the set, of one strength; of one draw of the noise
 *   distance  Frechet, between the features of a judge on drawn images and on the training rows
 *   copies, gap  where images are held out: signs that training images are given back (copies.h)
 * Both are small and of one seed: they compare moments of one training, not models. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/view.h"
#include "base/context.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/model.h"
#include "study/copies.h"
#include "study/meter_file.h"
#include "study/meters.h"
#include "study/study.h"

#define FIT_ROWS  2000
#define VAL_ROWS  1000
#define SAMPLES   256
#define STRENGTH  0.01
#define MOST_ROWS 10000 /* of training sets in which copies are looked for */
#define GAP_ROWS  256
#define DRAWING   20   /* passes of a drawn image */
#define SECONDS   40.0 /* of a measurement; what is slower takes part of the rows, at least: */
#define LEAST     0.25

/* ---- the images ---- */

static duet_status choose(duet_meters *m) {
    duet_status status = DUET_OK;
    duet_view train = {0}, validation = {0};
    const duet_train_options *const training = &m->training;
    const int64_t fit = m->options.fit_rows, val = m->options.val_rows;
    DUET_DO(duet_train_views(&train, &validation, m->dataset, training));
    if (m->labelled) {
        duet_view_keep_labelled(&train, m->dataset);
        duet_view_keep_labelled(&validation, m->dataset);
    }
    if (validation.count == 0) {
        DUET_DO(duet_view_divide(&m->fit.view, &m->val.view, m->dataset, &train, fit, val,
                                 training->seed));
    } else {
        const int64_t f = fit < train.count ? fit : train.count,
                      v = val < validation.count ? val : validation.count;
        DUET_DO(duet_view_divide(&m->fit.view, NULL, m->dataset, &train, f, 0, training->seed));
        DUET_DO(
            duet_view_divide(&m->val.view, NULL, m->dataset, &validation, v, 0, training->seed));
        if (train.count <= MOST_ROWS)
            DUET_DO(duet_view_divide(&m->all.view, NULL, m->dataset, &train, train.count, 0,
                                     training->seed));
    }
done:
    duet_view_free(&train);
    duet_view_free(&validation);
    return status;
}

static void free_images(duet_meter_images *of) {
    duet_view_free(&of->view);
    duet_release(of->pixels);
    duet_release(of->labels);
}

/* Before the first measurement: fewer rows and drawn images where the network is so slow that it
 * would keep the training waiting. A step costs three passes, which says how many a second there
 * are. Halves, so that a training that is gone on with takes the same. */
static duet_status fit_time(duet_meters *m, const duet_model *model,
                            const duet_train_moment *moment) {
    duet_meters_options *const o = &m->options;
    const double rate = 3.0 * (double)moment->images / moment->seconds,
                 passes = (double)(o->fit_rows + o->val_rows) +
                          (duet_shape_part(&model->shape, DUET_DENOISES) != NULL && o->samples > 0
                               ? (double)(DRAWING * o->samples)
                               : 0.0);
    double part = 1.0;
    while (part > LEAST && part * passes > SECONDS * rate) part /= 2.0;
    if (part >= 1.0 || !isfinite(rate)) return DUET_OK;
    o->fit_rows = (int64_t)(part * (double)o->fit_rows);
    o->val_rows = (int64_t)(part * (double)o->val_rows);
    if (o->samples > 0) o->samples = (int64_t)(part * (double)o->samples);
    duet_meter_images *const views[] = {&m->fit, &m->val, &m->all};
    for (int i = 0; i < DUET_COUNT(views); i++) {
        free_images(views[i]);
        *views[i] = (duet_meter_images){.pixels = NULL};
    }
    return choose(m);
}

/* Images that cannot be read are left out. */
static duet_status read_images(duet_meters *m, duet_meter_images *to, const duet_preprocess *how) {
    duet_status status = DUET_OK;
    duet_bad_images *bad = NULL;
    const int64_t size = how->size * how->size * how->channels;
    DUET_DO(duet_bad_images_new(&bad));
    DUET_DO(duet_alloc(&to->pixels, to->view.count * size, 1));
    DUET_DO(duet_alloc(&to->labels, to->view.count, sizeof *to->labels));
    to->count = 0;
    const duet_loader_options options = {.preprocess = *how, .batch = 64, .bad = bad};
    duet_loader *loader = NULL;
    duet_batch batch = {0};
    DUET_DO(duet_loader_open(m->ctx, &loader, m->dataset, &to->view, &options));
    do {
        status = duet_loader_next(loader, &batch);
        if (status != DUET_OK || batch.count == 0) break;
        memcpy(to->pixels + to->count * size, batch.pixels, (size_t)(batch.count * size));
        memcpy(to->labels + to->count, batch.labels, (size_t)batch.count * sizeof *to->labels);
        to->count += batch.count;
    } while (batch.count > 0);
    duet_loader_close(loader);
done:
    duet_bad_images_free(bad);
    return status;
}

/* ---- accuracy ---- */

static duet_status count_right(const float *logits, const duet_meter_images *of, int classes,
                               double *out) {
    duet_accuracy accuracy = {0};
    DUET_TRY(duet_accuracy_new(&accuracy, classes));
    duet_accuracy_add(&accuracy, logits, of->labels, of->count);
    *out = accuracy.rows > 0 ? duet_accuracy_top1(&accuracy) : NAN;
    duet_accuracy_free(&accuracy);
    return DUET_OK;
}

static duet_status measure_own(duet_meters *m, duet_model *model, const duet_preprocess *how,
                               double *out) {
    const duet_tap_row *last = duet_model_tap(model, duet_model_tap_count(model) - 1);
    const duet_settings logits = duet_settings_of(-1, last->block, 1);
    float *x = NULL;
    int64_t dim = 0;
    duet_status status =
        duet_meter_features(m, model, how, &logits, m->val.pixels, m->val.count, &x, &dim);
    if (status == DUET_OK) status = count_right(x, &m->val, (int)dim, out);
    duet_release(x);
    return status;
}

/* Where features are taken: as the card recommends, or of a recogniser its features, or usual. */
static duet_status find_settings(duet_meters *m, duet_model *model, duet_settings *out) {
    duet_setting one;
    *out = duet_model_card(model)->recommended.settings;
    if (out->count > 0) return DUET_OK;
    if (duet_model_feature_setting(model, &one)) {
        *out = duet_settings_of(one.t, one.tap, one.pool);
        return DUET_OK;
    }
    return duet_settings_guess(m->ctx, out, model);
}

static duet_status measure_head(duet_meters *m, duet_model *model, const duet_preprocess *how,
                                double *out) {
    duet_status status = DUET_OK;
    duet_settings settings = {0};
    duet_feature_table fit = {.rows = m->fit.count, .labels = m->fit.labels};
    float *rows = NULL, *logits = NULL;
    duet_head *head = NULL;
    duet_head_result fitted;
    const int classes = duet_dataset_describe(m->dataset)->class_count;
    DUET_DO(find_settings(m, model, &settings));
    DUET_DO(duet_meter_features(m, model, how, &settings, m->fit.pixels, m->fit.count, &fit.x,
                                &fit.dim));
    DUET_DO(duet_meter_features(m, model, how, &settings, m->val.pixels, m->val.count, &rows,
                                &fit.dim));
    const duet_head_fit how_fit = {
        .train = &fit, .class_count = classes, .strength = STRENGTH, .quick = true};
    DUET_DO(duet_head_train(m->ctx, &head, "linear", &how_fit, &fitted));
    DUET_DO(duet_alloc(&logits, m->val.count * classes, sizeof *logits));
    duet_head_logits(head, rows, m->val.count, logits);
    DUET_DO(count_right(logits, &m->val, classes, out));
done:
    duet_head_free(head);
    duet_release(fit.x);
    duet_release(rows);
    duet_release(logits);
    return status;
}

/* ---- whole ---- */

static int64_t or_usual(int64_t value, int64_t usual) {
    return value == 0 ? usual : value;
}

duet_status duet_meters_open(duet_context *ctx, duet_meters **out, const duet_dataset *dataset,
                             const duet_train_options *training, const duet_meters_options *options,
                             const char *run) {
    duet_status status = DUET_OK;
    duet_meters *m = NULL;
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    duet_setting ignored;
    if (options->judge != NULL && !duet_model_feature_setting(options->judge, &ignored))
        return duet_fail(DUET_UNSUPPORTED,
                         "the judge '%s' takes noise; give a network that recognises clean images, "
                         "such as 'duet train --task classify' makes",
                         duet_model_path(options->judge));
    DUET_DO(duet_alloc(&m, 1, sizeof *m));
    *m = (duet_meters){.ctx = ctx,
                       .dataset = dataset,
                       .options = *options,
                       .training = *training,
                       .labelled = info->labelled && info->class_count > 1};
    m->options.val_rows = options->fit_rows == 0 ? VAL_ROWS : options->val_rows;
    m->options.fit_rows = or_usual(options->fit_rows, FIT_ROWS);
    m->options.samples = or_usual(options->samples, SAMPLES);
    if (!duet_copy_text(m->run, sizeof m->run, run))
        DUET_FAIL(DUET_ARG, "the path of the run folder '%s' is too long", run);
    DUET_DO(choose(m));
    *out = m;
    m = NULL;
done:
    duet_meters_close(m);
    return status;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static duet_status measure(duet_meters *m, duet_model *model, const duet_train_moment *moment,
                           double value[DUET_METER_VALUES]) {
    const duet_preprocess *how = &duet_model_card(model)->preprocess;
    if (!m->read) {
        DUET_TRY(fit_time(m, model, moment));
        DUET_TRY(read_images(m, &m->fit, how));
        DUET_TRY(read_images(m, &m->val, how));
        if (m->all.view.count > 0) DUET_TRY(read_images(m, &m->all, how));
        m->read = true;
    }
    if (m->labelled && m->val.count > 0) {
        if (duet_model_logits(model) > 0)
            DUET_TRY(measure_own(m, model, how, &value[DUET_METER_OWN]));
        else
            DUET_TRY(measure_head(m, model, how, &value[DUET_METER_PROBE]));
    }
    if (m->options.samples < 0 || duet_model_refusal(model) != NULL) return DUET_OK;
    if (duet_shape_part(&model->shape, DUET_DENOISES) != NULL && model->shape.low_res == 0 &&
        m->all.count > 0 && m->val.count > 0)
        DUET_TRY(duet_denoising_gap(m->ctx, model, m->all.pixels, least(m->all.count, GAP_ROWS),
                                    m->val.pixels, least(m->val.count, GAP_ROWS),
                                    &value[DUET_METER_GAP]));
    return duet_meter_distance(
        m, model, how, &value[m->options.judge != NULL ? DUET_METER_JUDGE : DUET_METER_RANDOM],
        &value[DUET_METER_COPIES]);
}

duet_status duet_meters_measure(void *user, duet_model *model, const duet_train_moment *moment) {
    duet_meters *m = user;
    double value[DUET_METER_VALUES];
    bool any = false;
    for (int k = 0; k < DUET_METER_VALUES; k++) value[k] = NAN;
    const duet_status status = measure(m, model, moment, value);
    for (int k = 0; k < DUET_METER_VALUES; k++) any = any || !isnan(value[k]);
    if (!any) return status;
    if (status == DUET_OK) return duet_meter_line(m->run, moment, value);
    duet_failure failure;
    duet_failure_take(&failure); /* what was measured is kept */
    const duet_status written = duet_meter_line(m->run, moment, value);
    duet_failure_put(&failure);
    return written == DUET_OK ? status : written;
}

bool duet_meters_stops(void *user) {
    return ((const duet_meters *)user)->alarm;
}

void duet_meters_close(duet_meters *meters) {
    if (meters == NULL) return;
    free_images(&meters->fit);
    free_images(&meters->val);
    free_images(&meters->all);
    duet_model_close(meters->own);
    duet_release(meters->real);
    duet_release(meters->every);
    duet_release(meters->held);
    duet_release(meters);
}
