/* SPDX-License-Identifier: MIT
 * study/study.h: what sweep, probe and neighbours share. */
#ifndef DUET_STUDY_STUDY_H
#define DUET_STUDY_STUDY_H

#include <duet/study.h>
#include <duet/metric.h>
#include <jansson.h>

/* Writes object (taken over) to FOLDER/name, atomically. */
DUET_NODISCARD duet_status duet_study_write(const char *folder, const char *name, json_t *object);
/* The neighbours' sheet: images of `query` rows (table rows picked) beside their nearest of `base`.
 * FOLDER/neighbours.png. */
DUET_NODISCARD duet_status duet_study_neighbours(const duet_dataset *dataset,
                                                 const duet_preprocess *how,
                                                 const duet_feature_table *query,
                                                 const duet_feature_table *base, int shown,
                                                 const char *folder);
/* Where the model's own classifier is read; DUET_ARG if it has none. */
DUET_NODISCARD duet_status duet_own_setting(duet_reader_options *out, const duet_model *model);
/* Rows order[0..count) of a table. */
DUET_NODISCARD duet_status duet_study_rows(duet_feature_table *out, const duet_feature_table *table,
                                           const int64_t *order, int64_t count);
/* Adds what a set has done. */
void duet_study_add_work(duet_features_work *total, duet_features_work work);
/* "features": rows (times noise steps) computed and from the cache, rows per second, part of the
 * time in the network. */
json_t *duet_study_work_json(const duet_features_work *work);
#define DUET_STUDY_NEIGHBOURS 8

#endif
