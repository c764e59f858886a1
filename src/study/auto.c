/* SPDX-License-Identifier: MIT
 * study/auto.c: the rounds of the search (duet/study.h). Rows are nested: what a round computes is
 * in the cache for the next one. Round 1 sees all levels on a sixth of the rows, round 2 the two
 * best levels on half of them, round 3 those of the best candidates on all; networks end after the
 * last tap in question. */
#include "study/auto.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/mem.h"
#include "base/str.h"

enum {
    LEVELS = DUET_AUTO_LEVELS,
    FEW = 8,       /* candidates of round 2, */
    MANY = 24,     /* between a sixth of them all */
    FINALISTS = 3, /* single settings of round 3 */
    BEST = 3       /* columns whose mean ranks a level */
};

bool duet_candidate_better(const duet_candidate *a, const duet_candidate *b) {
    if (a->score != b->score) return a->score > b->score;
    if (a->dim != b->dim) return a->dim < b->dim;
    return a->settings.v[0].t < b->settings.v[0].t;
}

static int ranked(const void *a, const void *b) {
    return duet_candidate_better(b, a) - duet_candidate_better(a, b);
}

static void add_once(duet_int_list *list, int64_t value) {
    for (int i = 0; i < list->count; i++)
        if (list->v[i] == value) return;
    if (list->count < DUET_LIST_SIZE) list->v[list->count++] = value;
}

/* The grid that holds all that is alive. */
static duet_reader_options grid_of(const duet_searching *s) {
    duet_reader_options grid = duet_searching_reader(s);
    for (int64_t i = 0; i < s->count; i++)
        for (int k = 0; k < s->alive[i].settings.count; k++) {
            const duet_setting *one = &s->alive[i].settings.v[k];
            add_once(&grid.times, one->t);
            add_once(&grid.taps, one->tap);
            add_once(&grid.pools, one->pool);
        }
    if (grid.taps.count == DUET_LIST_SIZE) grid.taps.count = 0; /* all */
    duet_study_sort(&grid.times);
    duet_study_sort(&grid.taps);
    duet_study_sort(&grid.pools);
    return grid;
}

static duet_status rank(duet_searching *s, const char *label, duet_auto_round *round) {
    int64_t rows = 0;
    DUET_TRY(duet_searching_rank(s, s->alive, s->count, label, &rows, &round->cost));
    round->settings += s->count;
    return DUET_OK;
}

static void open_round(duet_searching *s, duet_auto_round *round, int64_t levels) {
    round->fit_rows = duet_sweep_good_rows(s->options->sweep.bad, &s->views.fit);
    round->val_rows = duet_sweep_good_rows(s->options->sweep.bad, &s->views.val);
    round->levels = levels;
}

/* The rows of the first round, for the map of the report; in the order of the columns. */
static duet_status keep_rows(duet_searching *s) {
    DUET_TRY(duet_alloc(&s->out->rows, s->count, sizeof *s->out->rows));
    for (int64_t i = 0; i < s->count; i++) {
        duet_sweep_row *row = &s->out->rows[i];
        *row = (duet_sweep_row){.head = "ridge",
                                .setting = s->alive[i].settings.v[0],
                                .dim = s->alive[i].dim,
                                .top1 = s->alive[i].top1};
        (void)duet_copy_text(row->reader, sizeof row->reader, s->reader);
    }
    s->out->count = s->count;
    return DUET_OK;
}

/* Mean of the best columns of a level; s->alive is ranked. */
static double level_score(const duet_searching *s, int64_t t) {
    double sum = 0;
    int found = 0;
    for (int64_t i = 0; i < s->count && found < BEST; i++)
        if (s->alive[i].settings.v[0].t == t) {
            sum += s->alive[i].score;
            found++;
        }
    return found > 0 ? sum / found : -INFINITY;
}

/* The best candidates of the best levels go on. */
static void halve(duet_searching *s, const duet_int_list *levels) {
    int64_t chosen[LEVELS] = {0}, count = 0, most = s->count / 6, kept = 0;
    most = most < FEW ? FEW : most > MANY ? MANY : most;
    for (; count < LEVELS && count < levels->count; count++) {
        double best = -INFINITY;
        for (int i = 0; i < levels->count; i++) {
            const double score = level_score(s, levels->v[i]);
            if (score > best && !(count == 1 && levels->v[i] == chosen[0])) {
                best = score;
                chosen[count] = levels->v[i];
            }
        }
    }
    for (int64_t i = 0; i < s->count && kept < most; i++) {
        const int64_t t = s->alive[i].settings.v[0].t;
        if (t == chosen[0] || (count == 2 && t == chosen[1])) s->alive[kept++] = s->alive[i];
    }
    s->count = kept;
}

static duet_status first_round(duet_searching *s, const duet_reader_options *grid) {
    duet_auto_round *const round = &s->out->rounds[0];
    duet_status status = DUET_OK;
    duet_reader *reader = NULL;
    duet_feature_set *set = NULL;
    DUET_DO(duet_searching_views(s, duet_auto_share[0]));
    DUET_DO(duet_searching_read(s, &set, &reader, grid, &round->cost));
    open_round(s, round, grid->times.count);
    DUET_DO(duet_searching_columns(&s->alive, &s->count, set));
    DUET_DO(rank(s, "round 1 of 3", round));
    DUET_DO(keep_rows(s));
    qsort(s->alive, (size_t)s->count, sizeof *s->alive, ranked);
    halve(s, &grid->times);
done:
    duet_feature_set_close(set);
    duet_reader_close(reader);
    return status;
}

/* Computes what is alive on the rows of a later round. */
static duet_status begin_round(duet_searching *s, int number) {
    duet_auto_round *const round = &s->out->rounds[number];
    const duet_reader_options grid = grid_of(s);
    duet_reader *reader = NULL;
    duet_feature_set *set = NULL;
    DUET_TRY(duet_searching_views(s, duet_auto_share[number]));
    const duet_status status = duet_searching_read(s, &set, &reader, &grid, &round->cost);
    duet_feature_set_close(set);
    duet_reader_close(reader);
    open_round(s, round, grid.times.count);
    return status;
}

/* The best single settings of the best one's level, and the joins. */
static duet_status second_round(duet_searching *s) {
    duet_auto_round *const round = &s->out->rounds[1];
    duet_candidate joined[DUET_AUTO_JOINED - 1];
    int64_t kept = 0;
    int joins = 0;
    DUET_TRY(begin_round(s, 1));
    DUET_TRY(rank(s, "round 2 of 3", round));
    qsort(s->alive, (size_t)s->count, sizeof *s->alive, ranked);
    DUET_TRY(duet_searching_join(s, joined, &joins, round));
    for (int64_t i = 0; i < s->count && kept < FINALISTS; i++)
        if (s->alive[i].settings.v[0].t == s->alive[0].settings.v[0].t)
            s->alive[kept++] = s->alive[i];
    for (int i = 0; i < joins; i++) s->alive[kept++] = joined[i];
    s->count = kept;
    return DUET_OK;
}

static duet_status search(duet_searching *s, const duet_reader_options *grid) {
    DUET_TRY(first_round(s, grid));
    DUET_TRY(second_round(s));
    DUET_TRY(duet_searching_replan(s));
    DUET_TRY(begin_round(s, 2));
    DUET_TRY(duet_searching_pick(s, &s->out->rounds[2]));
    for (int r = 0; r < DUET_AUTO_ROUNDS; r++) {
        s->out->spent.passes += s->out->rounds[r].cost.passes;
        s->out->spent.seconds_passes += s->out->rounds[r].cost.seconds_passes;
        s->out->spent.seconds_heads += s->out->rounds[r].cost.seconds_heads;
    }
    return duet_searching_repeat(s);
}

static duet_status check(const duet_searching *s) {
    const duet_auto_options *o = s->options;
    if (o->sweep.t.count < 1) return duet_fail(DUET_ARG, "no levels of noise to try; give --t");
    if (o->unlabelled) return DUET_OK;
    if (!duet_dataset_describe(s->dataset)->labelled)
        return duet_fail(DUET_ARG, "the data set has no labels, so there is no accuracy to "
                                   "compare; --unlabelled chooses without");
    if (o->sweep.cache[0] == '\0')
        return duet_fail(DUET_ARG, "a search needs a folder in which features are kept");
    if (o->joined < 1 || o->joined > DUET_AUTO_JOINED)
        return duet_fail(DUET_ARG, "%d settings to join; 1 to %d are possible", o->joined,
                         DUET_AUTO_JOINED);
    return DUET_OK;
}

static void release(duet_searching *s) {
    duet_sweep_views_free(&s->all);
    duet_sweep_views_free(&s->views);
    duet_release(s->alive);
}

duet_status duet_auto(duet_context *ctx, duet_auto_result *out, duet_model *model,
                      const duet_dataset *dataset, const duet_auto_options *options) {
    const duet_sweep_options *const o = &options->sweep;
    const double start = duet_clock();
    duet_status status = DUET_OK;
    duet_auto_result result = {.random = NAN, .pixels = NAN};
    duet_searching s = {.ctx = ctx,
                        .model = model,
                        .dataset = dataset,
                        .options = options,
                        .start = start,
                        .out = &result,
                        .reader = options->reader[0] != '\0' ? options->reader : "model",
                        .how = duet_model_card(model)->preprocess};
    duet_reader_options grid = duet_searching_reader(&s);
    grid.times = o->t;
    grid.taps = o->taps;
    grid.pools = o->pools;
    DUET_DO(check(&s));
    DUET_DO(duet_head_list_parse(&s.heads, o->head));
    DUET_DO(duet_head_list_parse(&s.ridge, "ridge"));
    if (options->unlabelled) {
        DUET_DO(duet_searching_unlabelled(&s));
    } else {
        DUET_DO(duet_searching_plan(&s, &grid));
        DUET_DO(search(&s, &grid));
    }
    result.seconds = duet_clock() - start;
    *out = result;
    memset(&result, 0, sizeof result);
done:
    release(&s);
    duet_auto_result_free(&result);
    return status;
}

void duet_auto_result_free(duet_auto_result *result) {
    if (result == NULL) return;
    duet_release(result->rows);
    duet_release(result->picks);
    memset(result, 0, sizeof *result);
}
