/* SPDX-License-Identifier: MIT
 * study/auto.h: what the files of the search for the best setting share. */
#ifndef DUET_STUDY_AUTO_H
#define DUET_STUDY_AUTO_H

#include <duet/auto.h>

#include "study/sweep.h"

/* A setting, or several joined, with what it reached in the last round that it was in. */
typedef struct duet_candidate {
    duet_settings settings;
    int64_t dim;
    double top1;
    double score; /* what ranks it: top1, or minus the mean log2 of the rank of the class */
} duet_candidate;
bool duet_candidate_better(const duet_candidate *a, const duet_candidate *b);

/* Seconds of an image at one level, of an operation of ridge regression, and of all heads together
 * those of a fit and of a feature of a row; of the columns the number and the features together;
 * the features of the settings of the last round together, and of the one that is chosen: those are
 * a guess until the second round has ended. */
typedef struct duet_auto_rates {
    double pass, operation, fit, feature;
    int64_t columns, features, last, chosen;
} duet_auto_rates;

typedef struct duet_searching {
    duet_context *ctx;
    duet_model *model;
    const duet_dataset *dataset;
    const duet_auto_options *options;
    duet_auto_result *out;
    duet_preprocess how;
    const char *reader; /* whose settings are compared */
    duet_head_list heads, ridge;
    duet_auto_rates rates;
    double start;               /* of the search, by duet_clock */
    int64_t most_fit, most_val; /* rows that a whole sweep would have */
    duet_sweep_views all;       /* of the last round */
    duet_sweep_views views;     /* of the present one: some of them */
    duet_candidate *alive;      /* [count], the best first: of the next round */
    int64_t count;
} duet_searching;

enum {
    DUET_AUTO_FIRST = 6,  /* the first round has one in so many of the rows */
    DUET_AUTO_LEVELS = 2, /* of round 2 */
    DUET_AUTO_NOISE = 500 /* validation rows that are read with other noise */
};
/* A round has one in so many of the rows. */
extern const int duet_auto_share[DUET_AUTO_ROUNDS];

/* ---- auto_rows.c ---- */

/* What all readers of a search have in common: noise, weights and batch. */
duet_reader_options duet_searching_reader(const duet_searching *s);
/* The views of a round: one in `share` of the rows of the last one. */
DUET_NODISCARD duet_status duet_searching_views(duet_searching *s, int share);
/* Features at all levels, taps and pools of `grid` for the rows of the round, from one pass. */
DUET_NODISCARD duet_status duet_searching_read(const duet_searching *s, duet_feature_set **out,
                                               duet_reader **reader,
                                               const duet_reader_options *grid,
                                               duet_auto_cost *cost);
/* The columns of a set as candidates, with room for the joins of two rounds. duet_release. */
DUET_NODISCARD duet_status duet_searching_columns(duet_candidate **out, int64_t *count,
                                                  const duet_feature_set *set);
/* Rows of joined settings by a reader; what the cache lacks is computed. */
DUET_NODISCARD duet_status duet_searching_table(const duet_searching *s, const char *reader,
                                                const duet_settings *settings,
                                                const duet_view *view, uint64_t noise,
                                                duet_feature_table *out);
/* Fits each head on each candidate, on the rows of the round; the trials in the order of the
 * candidates. Owned by the caller: duet_trials_free. */
DUET_NODISCARD duet_status duet_searching_fit(const duet_searching *s, duet_trial **out,
                                              const duet_candidate *list, int64_t count,
                                              const duet_head_list *heads, const char *label,
                                              duet_auto_cost *cost);

/* ---- auto_rank.c ---- */

/* Whether columns of these features together, [rows, features / columns] each, are ranked by their
 * leave-one-out errors. */
bool duet_searching_left_out(int64_t rows, int64_t columns, int64_t features);
/* top1 and score of each candidate by ridge regression on the rows of the round; *rows: those that
 * they are of. */
DUET_NODISCARD duet_status duet_searching_rank(const duet_searching *s, duet_candidate *list,
                                               int64_t count, const char *label, int64_t *rows,
                                               duet_auto_cost *cost);

/* ---- auto_join.c ---- */

/* The best join of candidates, one setting added after the other: out[0] has two settings, out[1]
 * three; *count of them. */
DUET_NODISCARD duet_status duet_searching_join(const duet_searching *s,
                                               duet_candidate out[DUET_AUTO_JOINED - 1], int *count,
                                               duet_auto_round *round);

/* ---- auto_last.c ---- */

/* All heads on the candidates: picks and best of the result. */
DUET_NODISCARD duet_status duet_searching_pick(duet_searching *s, duet_auto_round *round);
/* How sure the choice is, and the baselines. */
DUET_NODISCARD duet_status duet_searching_repeat(duet_searching *s);

/* ---- auto_unlabelled.c ---- */

DUET_NODISCARD duet_status duet_searching_unlabelled(duet_searching *s);

/* ---- auto_plan.c ---- */

/* Divides the rows for the rounds, after a few are timed, and says what it will cost. */
DUET_NODISCARD duet_status duet_searching_plan(duet_searching *s, const duet_reader_options *grid);
/* As many rows for the last round as the time that is left allows, now that its settings are known.
 */
DUET_NODISCARD duet_status duet_searching_replan(duet_searching *s);

/* ---- auto_cost.c ---- */

/* Images of the rounds before they begin, and rows and levels of a whole sweep. */
typedef struct duet_auto_plan {
    int64_t rows[DUET_AUTO_ROUNDS], fit[DUET_AUTO_ROUNDS], levels[DUET_AUTO_ROUNDS];
    int64_t grid_rows, grid_fit;
} duet_auto_plan;
/* Times a few rows, of the first round, and heads; that is part of the first round's cost. */
DUET_NODISCARD duet_status duet_searching_time(duet_searching *s, const duet_reader_options *grid);
/* Of all rounds, and of the last one alone. */
duet_auto_cost duet_auto_last(const duet_auto_plan *plan, const duet_auto_rates *rates);
duet_auto_cost duet_auto_expected(const duet_auto_plan *plan, const duet_auto_rates *rates);
/* What follows the choice: how sure it is, and `random` readers of its rows. */
duet_auto_cost duet_auto_after(const duet_auto_plan *plan, const duet_auto_rates *rates,
                               int random);
duet_auto_cost duet_auto_grid(const duet_auto_plan *plan, const duet_auto_rates *rates);

#endif
