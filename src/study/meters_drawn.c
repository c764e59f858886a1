/* SPDX-License-Identifier: MIT
 * study/meters_drawn.c: what is measured of drawn images while a model is trained. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <duet/sample.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/resize.h"
#include "model/model.h"
#include "study/copies.h"
#include "study/meters.h"

#define FAST_SAMPLER "ddim:steps=20"
#define RANDOM_JUDGE "resnet:small=true,blocks=1/1/1,base=16,classes=0"

/* ---- features ---- */

duet_status duet_meter_features(duet_meters *m, duet_model *model, const duet_preprocess *how,
                                const duet_settings *settings, const uint8_t *pixels, int64_t count,
                                float **x, int64_t *dim) {
    duet_status status = DUET_OK;
    duet_reader *reader = NULL;
    int64_t *index = NULL;
    const int64_t size = how->size * how->size * how->channels;
    const duet_reader_options options = {.settings = *settings, .rows = count};
    DUET_DO(duet_reader_open(m->ctx, &reader, "model", model, how, &options));
    *dim = duet_reader_dim(reader);
    const int64_t batch = duet_reader_batch(reader);
    DUET_DO(duet_alloc(x, count * *dim, sizeof **x));
    DUET_DO(duet_alloc(&index, batch, sizeof *index));
    for (int64_t first = 0; first < count; first += batch) {
        const int64_t rows = first + batch < count ? batch : count - first;
        if (duet_cancelled(m->ctx)) DUET_FAIL(DUET_CANCELLED, "interrupted");
        for (int64_t i = 0; i < rows; i++) index[i] = first + i;
        DUET_DO(duet_reader_join(reader, pixels + first * size, index, rows, *x + first * *dim));
    }
done:
    duet_release(index);
    duet_reader_close(reader);
    return status;
}

/* ---- distance ---- */

static duet_status open_judge(duet_meters *m, const duet_preprocess *how) {
    char spec[DUET_SPEC_SIZE];
    if (m->judge != NULL) return DUET_OK; /* made once for all measurements */
    m->judge = m->options.judge;
    if (m->judge != NULL) return DUET_OK;
    snprintf(spec, sizeof spec, RANDOM_JUDGE ",image_size=%lld,in_channels=%d",
             (long long)how->size, how->channels);
    DUET_TRY(duet_model_new(m->ctx, &m->own, spec, 0));
    duet_copy_text(m->own->card.noise, sizeof m->own->card.noise, "none");
    m->judge = m->own;
    return DUET_OK;
}

static duet_status judge_images(duet_meters *m, const duet_preprocess *how, const uint8_t *pixels,
                                int64_t count, float **x) {
    duet_setting one;
    if (!duet_model_feature_setting(m->judge, &one))
        return duet_fail(DUET_UNSUPPORTED, "the judge has no features");
    const duet_settings settings = duet_settings_of(one.t, one.tap, one.pool);
    return duet_meter_features(m, m->judge, how, &settings, pixels, count, x, &m->dim);
}

static duet_status draw(duet_meters *m, duet_model *model, uint8_t *pixels) {
    duet_generator *generator = NULL;
    duet_generator_options options = {.batch = 0};
    duet_copy_text(options.sampler, sizeof options.sampler, m->options.sampler);
    if (options.sampler[0] == '\0')
        duet_copy_text(options.sampler, sizeof options.sampler,
                       duet_model_sampler(model) != NULL ? duet_model_sampler(model)
                                                         : FAST_SAMPLER);
    DUET_TRY(duet_generator_open(m->ctx, &generator, model, &options));
    const duet_status status =
        duet_generator_run(generator, 0, m->options.samples, 0, NULL, pixels);
    duet_generator_close(generator);
    return status;
}

static duet_status distance(const duet_meters *m, const float *drawn, double *out) {
    duet_status status = DUET_OK;
    duet_metrics *metrics = NULL;
    duet_metric_result result = {0};
    const duet_metric_setup setup = {.given = DUET_METRIC_FEATURES | DUET_METRIC_REAL,
                                     .dim = m->dim,
                                     .threads = duet_context_threads(m->ctx)};
    duet_metric_batch batch = {.rows = m->fit.count, .features = m->real};
    DUET_DO(duet_metrics_open(&metrics, "fid:bootstrap=0", &setup));
    DUET_DO(duet_metrics_real_add(metrics, &batch));
    batch.rows = 0;
    DUET_DO(duet_metrics_real_add(metrics, &batch));
    batch = (duet_metric_batch){.rows = m->options.samples, .features = drawn};
    DUET_DO(duet_metrics_add(metrics, &batch));
    DUET_DO(duet_metrics_finish(metrics, &result));
    *out = duet_metric_find(&result, "fid", NAN);
done:
    duet_metrics_close(metrics);
    return status;
}

/* Features of images and of their mirror images: [count, 2, dim], owned. */
static duet_status judge_both(duet_meters *m, const duet_preprocess *how, const uint8_t *pixels,
                              int64_t count, float **x) {
    duet_status status = DUET_OK;
    uint8_t *both = NULL;
    const int64_t size = how->size * how->size * how->channels;
    DUET_DO(duet_alloc(&both, 2 * count * size, 1));
    for (int64_t i = 0; i < count; i++) {
        memcpy(both + 2 * i * size, pixels + i * size, (size_t)size);
        duet_pixels_mirror(both + (2 * i + 1) * size, pixels + i * size, 1, how->size,
                           how->channels);
    }
    DUET_DO(judge_images(m, how, both, 2 * count, x));
done:
    duet_release(both);
    return status;
}

/* pixels of the images drawn. Warns at the first alarm. */
static duet_status measure_copies(duet_meters *m, const duet_preprocess *how, const uint8_t *pixels,
                                  double *out) {
    duet_copies copies;
    float *drawn = NULL;
    if (m->every == NULL) DUET_TRY(judge_images(m, how, m->all.pixels, m->all.count, &m->every));
    if (m->held == NULL) DUET_TRY(judge_both(m, how, m->val.pixels, m->val.count, &m->held));
    DUET_TRY(judge_both(m, how, pixels, m->options.samples, &drawn));
    const duet_status status = duet_copies_count(&copies, m->every, m->all.count, m->held,
                                                 m->val.count, drawn, m->options.samples, m->dim);
    duet_release(drawn);
    if (status != DUET_OK) return status;
    *out = 100.0 * (double)copies.count / (double)copies.of;
    if (copies.alarm && !m->alarm)
        duet_log(
            m->ctx, DUET_LOG_WARNING,
            "the model copies its training images: %.1f %% of %lld drawn ones are nearer to one "
            "of them than new images are (%.1f %% by chance); more images or fewer passes over "
            "them help, and --stop auto keeps the model from before",
            *out, (long long)copies.of, 100.0 * copies.chance);
    m->alarm = copies.alarm;
    return DUET_OK;
}

duet_status duet_meter_distance(duet_meters *m, duet_model *model, const duet_preprocess *how,
                                double *out, double *copies) {
    duet_status status = DUET_OK;
    uint8_t *pixels = NULL;
    float *drawn = NULL;
    DUET_DO(open_judge(m, how));
    if (m->real == NULL) DUET_DO(judge_images(m, how, m->fit.pixels, m->fit.count, &m->real));
    DUET_DO(duet_alloc(&pixels, m->options.samples * how->size * how->size * how->channels, 1));
    DUET_DO(draw(m, model, pixels));
    DUET_DO(judge_images(m, how, pixels, m->options.samples, &drawn));
    DUET_DO(distance(m, drawn, out));
    if (m->all.count > 1 && m->val.count > 0) DUET_DO(measure_copies(m, how, pixels, copies));
done:
    duet_release(pixels);
    duet_release(drawn);
    return status;
}
