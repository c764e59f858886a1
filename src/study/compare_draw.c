/* SPDX-License-Identifier: MIT
 * study/compare_draw.c: images that a rival draws, beside real ones of the training split: on the
 * features of a judge, or on pixels scaled down to SIDE. */
#include <math.h>
#include <string.h>

#include <duet/sample.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/model.h"
#include "study/compare.h"

enum { SIDE = 16, GRID = 64, COLUMNS = 8, BATCH = 64 };

static duet_sample_options drawing_of(const duet_contest *c, const duet_model *model,
                                      int64_t count) {
    duet_sample_options o = {.count = count, .seed = 1, .label = -1};
    if (duet_model_sampler(model) == NULL)
        (void)duet_copy_text(o.sampler, sizeof o.sampler, c->options.sampler);
    return o;
}

static duet_status draw_grid(const duet_contest *c, duet_model *model, const char *folder) {
    const duet_preprocess *const how = &duet_model_card(model)->preprocess;
    const duet_sample_options o = drawing_of(c, model, GRID);
    duet_status status = DUET_OK;
    char path[DUET_PATH_SIZE];
    uint8_t *pixels = NULL;
    DUET_TRY(duet_path_join(path, folder, "samples.png"));
    if (duet_path_exists(path)) return DUET_OK;
    DUET_DO(duet_alloc(&pixels, GRID * how->size * how->size * how->channels, 1));
    DUET_DO(duet_sample(c->ctx, model, &o, pixels));
    DUET_DO(duet_images_save(pixels, GRID, how->size, how->channels, COLUMNS, path, NULL));
done:
    duet_release(pixels);
    return status;
}

/* Real images, at most options.real of the training split. */
static duet_status open_real(const duet_contest *c, const duet_judge *judge, duet_source **out) {
    duet_status status = DUET_OK;
    duet_view all = {0}, some = {0};
    duet_loader_options options = {.preprocess = duet_judge_describe(judge)->preprocess,
                                   .batch = BATCH};
    DUET_DO(duet_view_all(&all, c->dataset, DUET_TRAIN));
    DUET_DO(duet_view_divide(&some, NULL, c->dataset, &all,
                             all.count < c->options.real ? all.count : c->options.real, 0,
                             c->options.seed));
    DUET_DO(duet_source_open_view(c->ctx, out, c->dataset, &some, &options));
done:
    duet_view_free(&all);
    duet_view_free(&some);
    return status;
}

static duet_status read(const duet_contest *c, duet_judge *judge, duet_model *model,
                        duet_metrics *features, duet_metrics *images) {
    const duet_sample_options o = drawing_of(c, model, c->options.samples);
    const duet_judge_feed real = {.features = features, .real = true, .task = "real images"},
                          drawn = {.features = features, .images = images, .task = "drawn images"};
    duet_status status = DUET_OK;
    duet_source *source = NULL;
    DUET_DO(open_real(c, judge, &source));
    DUET_DO(duet_judge_read(judge, source, &real, NULL));
    duet_source_close(source);
    source = NULL;
    DUET_DO(duet_source_open_samples(c->ctx, &source, model, &o));
    DUET_DO(duet_judge_read(judge, source, &drawn, NULL));
done:
    duet_source_close(source);
    return status;
}

static duet_status open_images(const duet_contest *c, duet_metrics **out) {
    const duet_preprocess how = {.size = c->size, .channels = c->channels};
    const duet_metric_setup setup = {
        .given = DUET_METRIC_IMAGES | DUET_METRIC_REAL, .size = c->size, .channels = c->channels};
    duet_source *real = NULL;
    duet_status status = duet_metrics_open(out, "damaged", &setup);
    if (status == DUET_OK) status = duet_damage_source(c->ctx, &real, c->dataset, &how);
    if (status == DUET_OK) status = duet_metrics_real(*out, real);
    duet_source_close(real);
    return status;
}

duet_status duet_contest_draw(const duet_contest *c, duet_model *model, const char *folder,
                              duet_compare_row *out) {
    const duet_preprocess small = {.size = c->size < SIDE ? c->size : SIDE,
                                   .channels = c->channels};
    const duet_judge_options options = {.batch = 0};
    duet_status status = DUET_OK;
    duet_judge *judge = NULL;
    duet_metrics *features = NULL, *images = NULL;
    duet_metric_result result;
    if (duet_model_refusal(model) != NULL) return DUET_OK;
    DUET_DO(draw_grid(c, model, folder));
    DUET_DO(duet_judge_open(c->ctx, &judge, c->options.judge,
                            c->options.judge == NULL ? &small : NULL, &options));
    const duet_judge_info *const info = duet_judge_describe(judge);
    const duet_metric_setup setup = {.given = info->gives | DUET_METRIC_REAL,
                                     .classes = info->classes,
                                     .class_names = info->class_names,
                                     .dim = info->dim,
                                     .threads = duet_context_threads(c->ctx)};
    const bool names = (info->gives & DUET_METRIC_LOGITS) != 0;
    DUET_DO(duet_metrics_open(
        &features, names ? "fid:bootstrap=0,prdc,classes" : "fid:bootstrap=0,prdc", &setup));
    DUET_DO(open_images(c, &images));
    DUET_DO(read(c, judge, model, features, images));
    DUET_DO(duet_metrics_finish(features, &result));
    out->fid = duet_metric_find(&result, "fid", NAN);
    out->precision = duet_metric_find(&result, "precision", NAN);
    out->recall = duet_metric_find(&result, "recall", NAN);
    out->seen = duet_metric_find(&result, "classes_seen", NAN);
    DUET_DO(duet_metrics_finish(images, &result));
    out->damaged = duet_metric_find(&result, "damaged", NAN);
done:
    duet_metrics_close(features);
    duet_metrics_close(images);
    duet_judge_close(judge);
    return status;
}
