/* SPDX-License-Identifier: MIT
 * study/sweep.h: heads on columns of features, fitted side by side: what a sweep of the whole grid
 * and a search share. */
#ifndef DUET_STUDY_SWEEP_H
#define DUET_STUDY_SWEEP_H

#include "base/error.h"
#include "study/study.h"

/* Specs of heads, joined by '+'. */
enum { DUET_MOST_HEADS = 8 };
typedef struct duet_head_list {
    int count;
    char v[DUET_MOST_HEADS][DUET_TEXT_SIZE];
} duet_head_list;
DUET_NODISCARD duet_status duet_head_list_parse(duet_head_list *out, const char *text);

/* A head to be fitted. Its tables are there while it is fitted only. */
typedef struct duet_trial {
    int64_t column; /* of the set; set by the caller, as all up to `dim` */
    int head;       /* in the list */
    int64_t dim;
    duet_feature_table fit, val; /* x is NULL before and after */
    duet_head_result result;
    duet_status status;
    duet_failure failure;
} duet_trial;

typedef struct duet_trials {
    duet_context *ctx;
    const duet_view *fit, *val;
    const duet_head_list *heads;
    int class_count;
    bool quick;        /* as duet_head_fit */
    const char *label; /* in progress reports */
    /* Gets both tables of a trial, from `user`. */
    duet_status (*load)(const struct duet_trials *trials, duet_trial *trial, void *user);
    void *user;
} duet_trials;

/* For `load`: columns of a duet_feature_set, which is the user. */
duet_status duet_trial_load(const duet_trials *trials, duet_trial *trial, void *set);
/* The trials of all columns and heads; owned by the caller: duet_trials_free. */
DUET_NODISCARD duet_status duet_trials_list(duet_trial **out, int64_t *count,
                                            const duet_feature_set *set, int heads);
/* The widest first, so that those that are fitted at once take about as long. */
void duet_trials_sort(duet_trial *trials, int64_t count);
/* Fits as many at once as there are threads and memory allows, the widest first; afterwards the
 * list is in the order of columns and heads. */
DUET_NODISCARD duet_status duet_trials_run(const duet_trials *trials, duet_trial *list,
                                           int64_t count);
void duet_trials_free(duet_trial *list, int64_t count);

/* Rows of the training split with a class: `fit` to fit on and `val` others to validate on; 0 fit =
 * all rows, a fifth of them to validate on. rows: both. DUET_ARG where there are too few. */
typedef struct duet_sweep_views {
    duet_view fit, val, rows;
} duet_sweep_views;
DUET_NODISCARD duet_status duet_sweep_views_new(duet_sweep_views *out, const duet_dataset *dataset,
                                                int64_t fit, int64_t val, uint64_t seed);
/* Makes `rows` of the two others. */
DUET_NODISCARD duet_status duet_sweep_views_join(duet_sweep_views *views);
void duet_sweep_views_free(duet_sweep_views *views);
/* Those of them that are not left out. */
int64_t duet_sweep_good_rows(duet_bad_images *bad, const duet_view *view);

/* For results: a row, and the taps of a model, which the report draws axes with. */
json_t *duet_sweep_row_json(const duet_sweep_row *row);
json_t *duet_sweep_taps_json(const duet_model *model);

#endif
