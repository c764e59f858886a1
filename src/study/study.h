/* SPDX-License-Identifier: MIT
 * study/study.h: what sweep, probe and neighbours share. */
#ifndef DUET_STUDY_STUDY_H
#define DUET_STUDY_STUDY_H

#include <duet/study.h>
#include <duet/metric.h>
#include <jansson.h>

#include "run/run_record.h"

/* Writes the sheet of neighbours, FOLDER/neighbours.png: images of some rows of `query` beside
 * their nearest rows of `base`. */
DUET_NODISCARD duet_status duet_study_neighbours(const duet_dataset *dataset,
                                                 const duet_preprocess *how,
                                                 const duet_feature_table *query,
                                                 const duet_feature_table *base, int shown,
                                                 const char *folder, duet_bad_images *bad);
/* "left_out": images of each split that cannot be read, and why the first of them cannot. */
json_t *duet_study_bad_json(duet_bad_images *bad);
/* A reader with the columns of a classifier: of a head, or of the model's own (head and card NULL).
 * DUET_ARG where there is none, or the head belongs to another model; DUET_SHAPE where the head
 * takes another number of features. rows: of images in all, 0 = many. */
DUET_NODISCARD duet_status duet_classifier_open(duet_context *ctx, duet_reader **out,
                                                duet_model *model, const duet_head *head,
                                                const duet_head_card *card, int64_t rows);
/* Classes of a data set as outputs of a classifier; names of either may be NULL or only numbers. */
typedef struct duet_class_map {
    int32_t *to; /* [classes]: the output, -1 = none; duet_release */
    int classes, matched;
    bool by_name;
} duet_class_map;
DUET_NODISCARD duet_status duet_class_map_new(duet_class_map *out, const char *set,
                                              const char *const *names, int count,
                                              const char *const *outputs, int output_count);
/* The readers named by "random+pixels". */
typedef struct duet_baselines {
    int count;
    const duet_entry *v[DUET_MOST_READERS];
} duet_baselines;
DUET_NODISCARD duet_status duet_baselines_parse(duet_baselines *out, const char *text);
/* Rows order[0..count) of a table. */
DUET_NODISCARD duet_status duet_study_rows(duet_feature_table *out, const duet_feature_table *table,
                                           const int64_t *order, int64_t count);
void duet_study_sort(duet_int_list *list); /* ascending */
/* Adds the work of a feature set to the total. */
void duet_study_add_work(duet_features_work *total, duet_features_work work);
/* The object "features": rows (times levels) that were computed and that came from the cache, rows
 * per second, and the share of time in the network. */
json_t *duet_study_work_json(const duet_features_work *work);
#define DUET_STUDY_NEIGHBOURS 8

#endif
