/* SPDX-License-Identifier: MIT
 * study/probe.h: what the files of a probe share. */
#ifndef DUET_STUDY_PROBE_H
#define DUET_STUDY_PROBE_H

#include "study/few.h"
#include "study/study.h"

/* Rows of one training: part + held = rows. */
typedef struct duet_probe_draw {
    duet_view rows, part, held;
} duet_probe_draw;
enum { DUET_PROBE_DRAWS = 16 }; /* most seeds */

typedef struct duet_probing {
    duet_context *ctx;
    duet_model *model;
    const duet_dataset *dataset;
    const duet_probe_options *options;
    duet_baselines baselines;
    duet_preprocess how;
    /* apart: rows that only calibrate, of the split train or val. train: of all draws together */
    duet_view train, test, apart;
    duet_probe_draw draw[DUET_PROBE_DRAWS];
    int draws;         /* of the labels; 1 without a budget of labels */
    duet_few_plan few; /* the curve over the number of labels, once the model has been read */
    int64_t few_room;  /* of out->few */
    double
        few_cost; /* most floating-point operations of a reader's curve; 0 = as usual, < 0: none */
    duet_probe_result *out;
    const char *folder;
    int64_t bad[DUET_SPLIT_COUNT]; /* images left out when the first table of a split was made */
    bool read[DUET_SPLIT_COUNT];
    int64_t tested; /* heads, and draws of the noise, that the test rows were classified by */
    bool again; /* more images were left out since: then the first table had rows that later ones
                   lack */
} duet_probing;

/* ---- probe_views.c ---- */

/* Whether a budget of labels is given. */
bool duet_probing_budget(const duet_probing *p);
DUET_NODISCARD duet_status duet_probing_views(duet_probing *p);
void duet_probing_free_views(duet_probing *p);
/* Rows of `table` that belong to `view`; both are sorted by index. */
DUET_NODISCARD duet_status duet_probing_pick(duet_feature_table *out,
                                             const duet_feature_table *table,
                                             const duet_view *view);

/* ---- probe.c ---- */

/* The settings of the training rows: one draw. Means over draws are those of the rows that are
 * classified; those with the mirrored image are of both, since they are other features: a head that
 * had not seen them lost 3 to 9 points on Fashion-MNIST, whose shoes all look the same way. */
duet_settings duet_probing_single(const duet_settings *settings);
/* Clean images have no noise. */
bool duet_probing_noisy(const duet_settings *settings);
DUET_NODISCARD duet_status duet_probing_open(const duet_probing *p, duet_reader **out,
                                             const char *name);
DUET_NODISCARD duet_status duet_probing_features(duet_probing *p, duet_feature_table *out,
                                                 duet_reader *reader, const duet_view *view,
                                                 uint64_t seed, const char *label);

/* ---- probe_head.c ---- */

/* A head on the rows of a draw, with what chose it in `row`. calibration: NULL, or gets that of the
 * head, unless rows set apart make it. */
DUET_NODISCARD duet_status duet_probing_train(duet_probing *p, duet_head **out,
                                              const duet_feature_table *train,
                                              const duet_probe_draw *draw, duet_probe_row *row,
                                              duet_calibration *calibration);
/* The calibration of a head by rows set apart. */
DUET_NODISCARD duet_status duet_probing_calibrate(duet_probing *p, duet_reader *reader,
                                                  const duet_head *head,
                                                  duet_calibration *calibration);

/* ---- probe_time.c ---- */

/* Chooses the number of training rows for which there is time, options->train_rows. `own`:
 * p->options. start: when the probe began. */
DUET_NODISCARD duet_status duet_probing_keep_time(duet_probing *p, duet_probe_options *own,
                                                  double start);

#endif
