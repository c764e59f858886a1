/* SPDX-License-Identifier: MIT
 * study/calibrate.h: training a head with rows that it does not see, for the choice of its options
 * and for its calibration. */
#ifndef DUET_STUDY_CALIBRATE_H
#define DUET_STUDY_CALIBRATE_H

#include <duet/study.h>

enum { DUET_FOLDS = 5 };

/* Trains DUET_FOLDS heads, each without a fifth of every class of the table, and takes the logits
 * of a row, [rows, classes], from the head that did not see it. choose: a head's options are chosen
 * on the rows it does not see; *chosen gets the choice with the median strength, and top-1 of all
 * rows. Otherwise all have those of `chosen`. */
DUET_NODISCARD duet_status duet_study_folds(duet_context *ctx, const duet_feature_table *table,
                                            int classes, const char *spec, bool choose,
                                            uint64_t seed, duet_head_result *chosen, float *logits);
/* Whether enough classes have two rows for that. */
bool duet_study_folds_fit(const duet_feature_table *table, int classes);
/* Coverage and mean size of the sets at sets[count].level, at most DUET_CONFORMAL_LEVELS; rows with
 * a label < 0 do not count. */
DUET_NODISCARD duet_status duet_conformal_measure(duet_conformal_level *sets, int count,
                                                  const duet_calibration *calibration,
                                                  const float *logits, const int32_t *labels,
                                                  int64_t rows, int classes);
/* Whether options may ask for sets of classes of this head (NULL = the model's own classifier). */
DUET_NODISCARD duet_status duet_conformal_check(const duet_classify_options *options,
                                                const duet_head *head, const duet_head_card *card);
/* What the calibration says of rows of a test: out->made is set before. */
DUET_NODISCARD duet_status duet_calibration_measure(duet_probe_calibration *out,
                                                    const float *logits, const int32_t *labels,
                                                    int64_t rows, int classes);

#endif
