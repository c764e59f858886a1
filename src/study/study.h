/* SPDX-License-Identifier: MIT
 * study/study.h: what sweep, probe and neighbours share. */
#ifndef DUET_STUDY_STUDY_H
#define DUET_STUDY_STUDY_H

#include <duet/study.h>
#include <duet/metric.h>
#include <jansson.h>

/* Writes the object, of which it takes ownership, to FOLDER/name, atomically. */
DUET_NODISCARD duet_status duet_study_write(const char *folder, const char *name, json_t *object);
/* Writes the sheet of neighbours, FOLDER/neighbours.png: images of some rows of `query` beside
 * their nearest rows of `base`. */
DUET_NODISCARD duet_status duet_study_neighbours(const duet_dataset *dataset,
                                                 const duet_preprocess *how,
                                                 const duet_feature_table *query,
                                                 const duet_feature_table *base, int shown,
                                                 const char *folder, duet_bad_images *bad);
/* "left_out": images of each split that cannot be read, and why the first of them cannot. */
json_t *duet_study_bad_json(duet_bad_images *bad);
/* The setting at which the model's own classifier is read; DUET_ARG where it has none. */
DUET_NODISCARD duet_status duet_own_setting(duet_reader_options *out, const duet_model *model);
/* The setting of a classifier: of a head, or of the model's own (head and card NULL). DUET_ARG
 * where the head belongs to another model. */
DUET_NODISCARD duet_status duet_classifier_setting(duet_reader_options *out,
                                                   const duet_model *model, const duet_head *head,
                                                   const duet_head_card *card);
/* DUET_SHAPE where the head takes another number of features. */
DUET_NODISCARD duet_status duet_classifier_check(const duet_head *head, int tap, int pool,
                                                 int64_t dim);
/* Rows order[0..count) of a table. */
DUET_NODISCARD duet_status duet_study_rows(duet_feature_table *out, const duet_feature_table *table,
                                           const int64_t *order, int64_t count);
/* Adds the work of a feature set to the total. */
void duet_study_add_work(duet_features_work *total, duet_features_work work);
/* The object "features": rows (times levels) that were computed and that came from the cache, rows
 * per second, and the share of time in the network. */
json_t *duet_study_work_json(const duet_features_work *work);
#define DUET_STUDY_NEIGHBOURS 8

#endif
