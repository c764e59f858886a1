/* SPDX-License-Identifier: MIT
 * study/auto_rows.c: rows and features of a search's rounds, and heads on them. */
#include "study/auto.h"

#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/mem.h"
#include "base/str.h"
#include "feature/reader/reader.h"

/* Smaller draws of one seed are part of larger ones (duet_view_divide). */
static duet_status thin(const duet_searching *s, duet_view *out, const duet_view *in, int share) {
    const int64_t rows = in->count / share > 0 ? in->count / share : 1;
    return duet_view_divide(out, NULL, s->dataset, in, rows, 0, s->options->sweep.seed);
}

duet_status duet_searching_views(duet_searching *s, int share) {
    duet_sweep_views_free(&s->views);
    memset(&s->views, 0, sizeof s->views);
    DUET_TRY(thin(s, &s->views.fit, &s->all.fit, share));
    DUET_TRY(thin(s, &s->views.val, &s->all.val, share));
    return duet_sweep_views_join(&s->views);
}

static duet_status open_set(const duet_searching *s, duet_feature_set **out, duet_reader *reader,
                            const duet_view *view) {
    duet_features_options options = {
        .stored = s->options->sweep.stored, .label = "features", .bad = s->options->sweep.bad};
    (void)duet_copy_text(options.cache, sizeof options.cache, s->options->sweep.cache);
    return duet_feature_set_open(s->ctx, out, reader, s->dataset, view, &options);
}

duet_status duet_searching_read(const duet_searching *s, duet_feature_set **out,
                                duet_reader **reader, const duet_reader_options *grid,
                                duet_auto_cost *cost) {
    DUET_TRY(duet_reader_open(s->ctx, reader, s->reader, s->model, &s->how, grid));
    DUET_TRY(open_set(s, out, *reader, &s->views.rows));
    const duet_features_work work = duet_feature_set_work(*out);
    cost->passes += (double)work.computed;
    cost->seconds_passes += work.seconds;
    return DUET_OK;
}

duet_reader_options duet_searching_reader(const duet_searching *s) {
    const duet_sweep_options *o = &s->options->sweep;
    return (duet_reader_options){
        .noise_seed = o->seed, .weight_seed = o->seed + 1, .batch = o->batch};
}

duet_status duet_searching_columns(duet_candidate **out, int64_t *count,
                                   const duet_feature_set *set) {
    *count = duet_feature_set_columns(set);
    DUET_TRY(duet_alloc(out, *count + DUET_AUTO_JOINED, sizeof **out));
    for (int64_t c = 0; c < *count; c++) {
        duet_candidate *const one = &(*out)[c];
        one->settings.count = 1;
        duet_feature_set_column(set, c, &one->settings.v[0], &one->dim);
    }
    return DUET_OK;
}

duet_status duet_searching_table(const duet_searching *s, const char *reader,
                                 const duet_settings *settings, const duet_view *view,
                                 uint64_t noise, duet_feature_table *out) {
    duet_reader_options options = duet_searching_reader(s);
    options.settings = *settings;
    options.noise_seed = noise;
    duet_status status = DUET_OK;
    duet_reader *opened = NULL;
    duet_feature_set *set = NULL;
    DUET_DO(duet_reader_open(s->ctx, &opened, reader, s->model, &s->how, &options));
    DUET_DO(open_set(s, &set, opened, view));
    DUET_DO(duet_feature_set_join(set, view, out));
done:
    duet_feature_set_close(set);
    duet_reader_close(opened);
    return status;
}

typedef struct load_user {
    const duet_searching *s;
    const duet_candidate *list;
} load_user;

/* The trial's column is the number of a candidate. */
static duet_status load(const duet_trials *trials, duet_trial *trial, void *user) {
    const load_user *u = user;
    const duet_settings *settings = &u->list[trial->column].settings;
    const uint64_t seed = u->s->options->sweep.seed;
    DUET_TRY(duet_searching_table(u->s, u->s->reader, settings, trials->fit, seed, &trial->fit));
    return duet_searching_table(u->s, u->s->reader, settings, trials->val, seed, &trial->val);
}

duet_status duet_searching_fit(const duet_searching *s, duet_trial **out,
                               const duet_candidate *list, int64_t count,
                               const duet_head_list *heads, const char *label,
                               duet_auto_cost *cost) {
    load_user user = {s, list};
    const duet_trials trials = {.ctx = s->ctx,
                                .fit = &s->views.fit,
                                .val = &s->views.val,
                                .heads = heads,
                                .class_count = duet_dataset_describe(s->dataset)->class_count,
                                .quick = true,
                                .label = label,
                                .load = load,
                                .user = &user};
    const int64_t all = count * heads->count;
    duet_trial *made = NULL;
    DUET_TRY(duet_alloc(&made, all, sizeof *made));
    for (int64_t i = 0; i < all; i++)
        made[i] = (duet_trial){.column = i / heads->count,
                               .head = (int)(i % heads->count),
                               .dim = list[i / heads->count].dim};
    const double start = duet_clock();
    const duet_status status = duet_trials_run(&trials, made, all);
    cost->seconds_heads += duet_clock() - start;
    if (status != DUET_OK) {
        duet_trials_free(made, all);
        return status;
    }
    *out = made;
    return DUET_OK;
}
