/* SPDX-License-Identifier: MIT
 * cli/eval_bounds.c: the ends of the scale on which a Frechet distance lies: real images that are
 * none of those compared with (the least that can be reached) and random bytes (nothing is worse).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/eval.h"

/* Another split of the real set, the test images first; DUET_SPLIT_COUNT = it has no other. */
static duet_split other_split(const eval_side *real) {
    static const duet_split order[] = {DUET_TEST, DUET_VAL, DUET_TRAIN};
    const duet_dataset_info *info = duet_dataset_describe(real->set);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (order[i] != real->split && info->count[order[i]] > 1) return order[i];
    return DUET_SPLIT_COUNT;
}

/* Whether the labels of these images are outputs of the reader: then it says how many it knows. */
static bool recognises(const eval *e, const eval_side *side) {
    const duet_dataset_info *info = duet_dataset_describe(side->set);
    if (duet_judge_describe(e->judge)->classes == 0 || !info->labelled) return false;
    return duet_judge_match(e->judge, info->name, info->class_names, info->class_count) == DUET_OK;
}

static duet_status measure_side(const eval *e, eval_side *side, const duet_moments *real,
                                bool labels, eval_bound *out) {
    const duet_judge_info *info = duet_judge_describe(e->judge);
    duet_metrics *metrics = NULL;
    duet_metric_result result = {0};
    const duet_metric_setup setup = {.given = info->gives | DUET_METRIC_MOMENTS |
                                              (labels ? DUET_METRIC_LABELS : 0u),
                                     .classes = info->classes,
                                     .class_names = info->class_names,
                                     .dim = info->dim,
                                     .spatial_dim = info->spatial_dim,
                                     .threads = duet_context_threads(e->cli->ctx)};
    duet_status status = duet_metrics_open(
        &metrics, labels ? "fid:bootstrap=0,accuracy" : "fid:bootstrap=0", &setup);
    if (status == DUET_OK) status = duet_metrics_real_moments(metrics, real, NULL);
    if (status == DUET_OK) status = cli_side_read(e->cli, side, e->judge, metrics, NULL, false);
    if (status == DUET_OK) status = duet_metrics_finish(metrics, &result);
    if (status == DUET_OK) {
        out->rows = side->rows;
        out->distance = duet_metric_find(&result, "fid", NAN);
        out->top1 = duet_metric_find(&result, "top1", NAN);
    }
    duet_metrics_close(metrics);
    return status;
}

/* As many rows as the samples are, drawn at random: the distance depends on their number. */
static duet_status measure_real(const eval *e, const duet_moments *real, eval_bound *out) {
    eval_side side = {.path = e->real.path,
                      .set = e->real.set, /* borrowed */
                      .bad = e->bad_real,
                      .split = other_split(&e->real)};
    duet_view all = {0};
    if (side.split == DUET_SPLIT_COUNT) return DUET_OK;
    duet_status status = duet_view_all(&all, side.set, side.split);
    if (status == DUET_OK)
        status = duet_view_divide(&side.view, NULL, side.set, &all,
                                  e->samples.rows < all.count ? e->samples.rows : all.count, 0,
                                  e->o->seed);
    duet_view_free(&all);
    if (status == DUET_OK) status = measure_side(e, &side, real, recognises(e, &side), out);
    out->split = duet_split_name(side.split);
    duet_view_free(&side.view);
    return status;
}

static duet_status measure_noise(const eval *e, const duet_moments *real, eval_bound *out) {
    eval_side side = {.split = DUET_TEST};
    char spec[128];
    int64_t size = 0;
    int channels = 0;
    cli_side_size(&e->samples, &size, &channels);
    snprintf(spec, sizeof spec, "noise:size=%lld,channels=%d,train=0,test=%lld",
             (long long)(size < 1024 ? size : 1024), channels == 1 ? 1 : 3,
             (long long)e->samples.rows);
    side.path = spec;
    duet_status status = duet_dataset_open(e->cli->ctx, &side.set, spec);
    if (status == DUET_OK) status = measure_side(e, &side, real, false, out);
    cli_side_close(&side);
    return status;
}

duet_status cli_eval_bounds(eval *e) {
    duet_moments rows = {.dim = 0};
    const duet_moments *real = e->real.moments.dim > 0 ? &e->real.moments : &rows;
    duet_status status = DUET_OK;
    if (real == &rows)
        status = duet_metrics_moments(e->features, DUET_METRIC_FEATURES, true, &rows);
    if (status == DUET_OK) status = measure_real(e, real, &e->floor);
    if (status == DUET_OK) status = measure_noise(e, real, &e->ceiling);
    duet_moments_free(&rows);
    return status;
}
