/* SPDX-License-Identifier: MIT
 * study/compare.h: what the files of a comparison share. */
#ifndef DUET_STUDY_COMPARE_H
#define DUET_STUDY_COMPARE_H

#include <duet/compare.h>
#include <jansson.h>

#include "study/sweep.h"

/* A row that is in the table, with what it may take. */
typedef struct duet_contest_row {
    duet_rival rival;
    double rate;    /* images a second in training, idle; 0 = not trained */
    int64_t images; /* to train on */
} duet_contest_row;

typedef struct duet_contest {
    duet_context *ctx;
    const duet_dataset *dataset;
    duet_compare_options options; /* complete */
    const char *run;
    duet_head_list heads;
    duet_contest_row rows[DUET_RIVALS];
    int count;
    int64_t size;
    int channels;
} duet_contest;

/* ---- compare_plan.c ---- */

/* Which rows there are, and how many images each is trained on: from RUN/plan.json, or measured and
 * written there. */
DUET_NODISCARD duet_status duet_contest_plan(duet_contest *c);

/* ---- compare_row.c ---- */

/* One row with one seed: what its folder lacks is done. */
DUET_NODISCARD duet_status duet_contest_row_run(const duet_contest *c, const duet_contest_row *row,
                                                int seed, duet_compare_row *out);

/* ---- compare_draw.c ---- */

/* Distance, precision, recall and damaged images of a model that draws; a grid of its first images
 * in FOLDER/samples.png. */
DUET_NODISCARD duet_status duet_contest_draw(const duet_contest *c, duet_model *model,
                                             const char *folder, duet_compare_row *out);

/* ---- compare_save.c ---- */

json_t *duet_compare_row_json(const duet_compare_row *row);
DUET_NODISCARD duet_status duet_compare_row_read(duet_compare_row *out, const json_t *object);
DUET_NODISCARD duet_status duet_compare_save(const duet_compare_result *result,
                                             const duet_contest *contest, const char *folder);

#endif
