/* SPDX-License-Identifier: MIT
 * study/auto_last.c: the end of a search: all heads on the settings that are left, how sure the
 * best of them is, and the baselines beside it. */
#include "study/auto.h"

#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "head/head.h"

static bool better(const duet_auto_pick *a, const duet_auto_pick *b) {
    return a->top1 != b->top1 ? a->top1 > b->top1 : a->dim < b->dim;
}

duet_status duet_searching_pick(duet_searching *s, duet_auto_round *round) {
    duet_auto_result *const out = s->out;
    const int heads = s->heads.count;
    duet_trial *trials = NULL;
    DUET_TRY(duet_alloc(&out->picks, s->count * heads, sizeof *out->picks));
    DUET_TRY(duet_searching_fit(s, &trials, s->alive, s->count, &s->heads, "round 3 of 3",
                                &round->cost));
    for (int64_t i = 0; i < s->count * heads; i++) {
        duet_auto_pick *const pick = &out->picks[i];
        const duet_candidate *const from = &s->alive[i / heads];
        *pick = (duet_auto_pick){.settings = from->settings,
                                 .dim = from->dim,
                                 .strength = trials[i].result.strength,
                                 .top1 = trials[i].result.val_top1};
        (void)duet_copy_text(pick->head, sizeof pick->head, s->heads.v[trials[i].head]);
        if (i == 0 || better(pick, &out->best)) out->best = *pick;
    }
    duet_trials_free(trials, s->count * heads);
    out->pick_count = s->count * heads;
    round->settings = s->count;
    return DUET_OK;
}

static double deviation(const double *values, int count) {
    double mean = 0, squares = 0;
    for (int i = 0; i < count; i++) mean += values[i] / count;
    for (int i = 0; i < count; i++) squares += (values[i] - mean) * (values[i] - mean);
    return sqrt(squares / (count - 1));
}

/* The best head on these rows, as in the last round; head: NULL, or gets it. */
static duet_status train(const duet_searching *s, const char *spec, const duet_feature_table *fit,
                         const duet_feature_table *val, duet_head **head, double *top1) {
    const duet_head_fit problem = {.train = fit,
                                   .val = val,
                                   .class_count = duet_dataset_describe(s->dataset)->class_count,
                                   .quick = true};
    duet_head_result result;
    DUET_TRY(duet_head_train(s->ctx, head, spec, &problem, &result));
    *top1 = result.val_top1;
    return DUET_OK;
}

/* Other divisions of all rows of the last round into as many to fit and to validate on. */
static duet_status repeat_splits(duet_searching *s) {
    const duet_auto_pick *const best = &s->out->best;
    duet_status status = DUET_OK;
    duet_feature_table all = {0}, fit = {0}, val = {0};
    int64_t *order = NULL;
    s->out->splits[0] = best->top1;
    DUET_DO(duet_searching_table(s, s->reader, &best->settings, &s->views.rows,
                                 s->options->sweep.seed, &all));
    DUET_DO(duet_alloc(&order, all.rows, sizeof *order));
    const int64_t rows = s->views.fit.count * all.rows / s->views.rows.count;
    for (int k = 1; k < DUET_AUTO_REPEATS; k++) {
        duet_rng_permutation(duet_rng_make(s->options->sweep.seed, "splits", (uint64_t)k), order,
                             all.rows);
        DUET_DO(duet_study_rows(&fit, &all, order, rows));
        DUET_DO(duet_study_rows(&val, &all, order + rows, all.rows - rows));
        DUET_DO(train(s, best->head, &fit, &val, NULL, &s->out->splits[k]));
        duet_feature_table_free(&fit);
        duet_feature_table_free(&val);
    }
    s->out->splits_std = deviation(s->out->splits, DUET_AUTO_REPEATS);
done:
    duet_feature_table_free(&all);
    duet_feature_table_free(&fit);
    duet_feature_table_free(&val);
    duet_release(order);
    return status;
}

/* The chosen head on validation rows that are read with other noise. */
static duet_status repeat_noise(duet_searching *s, const duet_feature_table *fit,
                                const duet_feature_table *val) {
    const duet_auto_pick *const best = &s->out->best;
    const uint64_t seed = s->options->sweep.seed;
    duet_status status = DUET_OK;
    duet_head *head = NULL;
    duet_view few = {0};
    duet_feature_table table = {0};
    float *logits = NULL;
    double top1 = 0;
    DUET_DO(train(s, best->head, fit, val, &head, &top1));
    const int64_t rows =
        s->views.val.count < DUET_AUTO_NOISE ? s->views.val.count : DUET_AUTO_NOISE;
    DUET_DO(duet_alloc(&logits, rows * duet_head_classes(head), sizeof *logits));
    DUET_DO(duet_view_divide(&few, NULL, s->dataset, &s->views.val, rows, 0, seed));
    for (int k = 0; k < DUET_AUTO_REPEATS; k++) {
        const uint64_t noise =
            k == 0 ? seed : duet_rng_u64(duet_rng_make(seed, "draws", 0), (uint64_t)k);
        DUET_DO(duet_searching_table(s, s->reader, &best->settings, &few, noise, &table));
        s->out->noise[k] = duet_head_top1(head, &table, logits);
        s->out->noise_rows = table.rows;
        duet_feature_table_free(&table);
    }
    s->out->noise_std = deviation(s->out->noise, DUET_AUTO_REPEATS);
done:
    duet_head_free(head);
    duet_release(logits);
    duet_view_free(&few);
    duet_feature_table_free(&table);
    return status;
}

static duet_status baseline(duet_searching *s, const char *reader, double *top1) {
    const duet_auto_pick *const best = &s->out->best;
    const uint64_t seed = s->options->sweep.seed;
    duet_status status = DUET_OK;
    duet_feature_table fit = {0}, val = {0};
    DUET_DO(duet_searching_table(s, reader, &best->settings, &s->views.fit, seed, &fit));
    DUET_DO(duet_searching_table(s, reader, &best->settings, &s->views.val, seed, &val));
    if (reader == s->reader)
        DUET_DO(repeat_noise(s, &fit, &val));
    else
        DUET_DO(train(s, best->head, &fit, &val, NULL, top1));
done:
    duet_feature_table_free(&fit);
    duet_feature_table_free(&val);
    return status;
}

duet_status duet_searching_repeat(duet_searching *s) {
    duet_baselines baselines;
    DUET_TRY(repeat_splits(s));
    DUET_TRY(baseline(s, s->reader, NULL));
    DUET_TRY(duet_baselines_parse(&baselines, s->options->sweep.baselines));
    for (int i = 0; i < baselines.count; i++) {
        const char *const name = baselines.v[i]->name;
        DUET_TRY(
            baseline(s, name, strcmp(name, "random") == 0 ? &s->out->random : &s->out->pixels));
    }
    return DUET_OK;
}
