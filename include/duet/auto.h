/* SPDX-License-Identifier: MIT
 * duet/auto.h: the choice of setting and head for a data set: duet sweep --auto. */
#ifndef DUET_AUTO_H
#define DUET_AUTO_H

#include <duet/study.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The setting (joined from several, where that helps) and the head of a data set, at a fraction of
 * a sweep's cost: successive halving (Karnin et al. 2013; Jamieson and Talwalkar 2016) of all of
 * its columns over three rounds of ever more rows and ever fewer levels, ranked by ridge
 * regression; then the heads on what is left. */
enum { DUET_AUTO_ROUNDS = 3, DUET_AUTO_JOINED = 3, DUET_AUTO_REPEATS = 3 };
typedef struct duet_auto_options {
    /* The last round has half of its rows, or all where they are few or that costs little of what
     * the sweep would; with minutes, as many as they allow (at least 300). Needs a cache. */
    duet_sweep_options sweep;
    int joined;      /* settings at most, 1 to DUET_AUTO_JOINED */
    char reader[16]; /* one of settings, "random"; "" = "model" */
    /* Without labels, and without heads: the one setting whose features tell most images apart
     * whatever noise and small changes do to them (duet_auto_result.rows, `information`). */
    bool unlabelled;
} duet_auto_options;
/* Images through the network (once per level), and time. */
typedef struct duet_auto_cost {
    double passes, seconds_passes, seconds_heads;
} duet_auto_cost;
typedef struct duet_auto_round {
    int64_t fit_rows, val_rows, settings, levels; /* that were tried */
    duet_auto_cost cost;
} duet_auto_round;
typedef struct duet_auto_pick {
    duet_settings settings;
    char head[DUET_TEXT_SIZE];
    int64_t dim;
    double strength, top1; /* on the validation rows of the last round, percent */
} duet_auto_pick;
typedef struct duet_auto_result {
    duet_auto_pick best;
    duet_auto_pick *picks; /* all of the last round; owned */
    int64_t pick_count;
    /* top1 of the best one with other divisions of its rows, and with other noise on (some of) its
     * validation rows: the first of each is as chosen; deviations in points */
    double splits[DUET_AUTO_REPEATS], splits_std, noise[DUET_AUTO_REPEATS], noise_std;
    int64_t noise_rows;
    /* the best setting's rows of random weights, and raw pixels, with its head; NaN = not read */
    double random, pixels;
    duet_sweep_row *rows; /* of the first round: all columns, by ridge; owned */
    bool unlabelled;      /* then rows and best are all there is; top1 is NaN */
    int64_t count;
    duet_auto_round rounds[DUET_AUTO_ROUNDS];
    duet_auto_cost spent;    /* of the choice, without the uncertainty and the baselines */
    duet_auto_cost expected; /* before it began */
    duet_auto_cost grid;     /* of the sweep of all columns and heads on all rows, expected */
    double seconds;
} duet_auto_result;
DUET_NODISCARD duet_status duet_auto(duet_context *ctx, duet_auto_result *out, duet_model *model,
                                     const duet_dataset *dataset, const duet_auto_options *options);
void duet_auto_result_free(duet_auto_result *result);
void duet_auto_recommends(duet_recommendation *out, const duet_auto_result *result,
                          const duet_dataset *dataset);
/* FOLDER/result.json, that of a sweep with more in it */
DUET_NODISCARD duet_status duet_auto_save(const duet_auto_result *result,
                                          const duet_auto_options *options, const duet_model *model,
                                          const duet_dataset *dataset, const char *folder);

#ifdef __cplusplus
}
#endif
#endif
