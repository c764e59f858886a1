/* SPDX-License-Identifier: MIT
 * study/auto_rank.c: what ranks the candidates of a round: ridge regression, with no option that
 * could be tuned wrongly. On few rows every one of them is foretold by a fit to all others
 * (few_ridge.h), in closed form, and the rank of the row's class counts: of 250 rows of 50 classes
 * a third to validate on would tell next to nothing. On many rows a part validates, which costs a
 * third of that. */
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "study/auto.h"
#include "study/few_ridge.h"

/* Floating-point operations of all candidates together: 10 to 20 s of two cores. */
static const double MOST_COST = 4e11;

bool duet_searching_left_out(int64_t rows, int64_t columns, int64_t features) {
    return (double)columns * duet_few_ridge_cost(rows, features / columns) <= MOST_COST;
}

/* A candidate and its rows while it is ranked. */
typedef struct ranking {
    duet_candidate *candidate;
    duet_feature_table table;
    duet_status status;
    duet_failure failure;
} ranking;

static void foretell(ranking *r, int classes) {
    duet_left_out found = {0};
    r->status = duet_few_ridge_left_out(&found, &r->table, classes);
    if (r->status != DUET_OK) duet_failure_take(&r->failure);
    r->candidate->top1 = found.top1;
    r->candidate->score = -found.log_rank;
}

/* As many at once as there are threads. */
static duet_status foretell_some(const duet_searching *s, ranking *some, int count) {
    const int classes = duet_dataset_describe(s->dataset)->class_count;
    for (int i = 0; i < count; i++)
        DUET_TRY(duet_searching_table(s, s->reader, &some[i].candidate->settings, &s->views.rows,
                                      s->options->sweep.seed, &some[i].table));
#pragma omp parallel for schedule(dynamic, 1) num_threads(count) if (count > 1)
    for (int i = 0; i < count; i++) foretell(&some[i], classes);
    for (int i = 0; i < count; i++)
        if (some[i].status != DUET_OK) {
            duet_failure_put(&some[i].failure);
            return some[i].status;
        }
    return DUET_OK;
}

static duet_status rank_left_out(const duet_searching *s, duet_candidate *list, int64_t count,
                                 const char *label, int64_t *rows) {
    const int threads = duet_context_threads(s->ctx);
    const int before = duet_linalg_set_threads(1);
    ranking *some = NULL;
    duet_status status = duet_alloc(&some, threads, sizeof *some);
    for (int64_t done = 0; done < count && status == DUET_OK;) {
        int now = 0;
        memset(some, 0, (size_t)threads * sizeof *some);
        while (now < threads && done < count) some[now++].candidate = &list[done++];
        status = foretell_some(s, some, now);
        *rows = some[0].table.rows;
        for (int i = 0; i < now; i++) duet_feature_table_free(&some[i].table);
        if (status == DUET_OK) status = duet_check_cancelled(s->ctx);
        duet_progress_report(s->ctx, label, "settings", (double)done, (double)count, NULL);
    }
    (void)duet_linalg_set_threads(before);
    duet_release(some);
    return status;
}

static duet_status rank_validated(const duet_searching *s, duet_candidate *list, int64_t count,
                                  const char *label, int64_t *rows, duet_auto_cost *cost) {
    duet_trial *trials = NULL;
    DUET_TRY(duet_searching_fit(s, &trials, list, count, &s->ridge, label, cost));
    for (int64_t i = 0; i < count; i++) list[i].top1 = list[i].score = trials[i].result.val_top1;
    duet_trials_free(trials, count);
    *rows = s->views.val.count;
    return DUET_OK;
}

duet_status duet_searching_rank(const duet_searching *s, duet_candidate *list, int64_t count,
                                const char *label, int64_t *rows, duet_auto_cost *cost) {
    int64_t features = 0;
    for (int64_t i = 0; i < count; i++) features += list[i].dim;
    if (!duet_searching_left_out(s->views.rows.count, count, features))
        return rank_validated(s, list, count, label, rows, cost);
    const double start = duet_clock();
    const duet_status status = rank_left_out(s, list, count, label, rows);
    cost->seconds_heads += duet_clock() - start;
    return status;
}
