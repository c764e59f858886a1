/* SPDX-License-Identifier: MIT
 * study/cell.h: a reader of a model on a data set, measured by the protocol of transfer and
 * compare: one search of settings for all heads (duet_auto), then a probe per head, trained on the
 * whole training split and tested once. Its folder keeps what is done; what is there already is not
 * done again. */
#ifndef DUET_STUDY_CELL_H
#define DUET_STUDY_CELL_H

#include <duet/study.h>
#include <jansson.h>

#include "base/file.h"

typedef struct duet_cell {
    duet_context *ctx;
    duet_model *model; /* also of raw pixels, for the preprocessing */
    const duet_dataset *dataset;
    const char *reader;               /* "model", "random", "pixels" */
    const duet_sweep_options *search; /* heads, levels, pools, rows and seed; cache */
    int noise_seeds;                  /* of the tests */
    int64_t few_labels;               /* labels a class of heads beside the probe; 0 = none */
    char folder[DUET_PATH_SIZE];
} duet_cell;

/* Hash of what the results depend on beside data and model. */
unsigned duet_cell_hash(const duet_sweep_options *search, int noise_seeds);
/* The search, unless it is done or the reader has no settings. */
DUET_NODISCARD duet_status duet_cell_search(const duet_cell *cell);
/* The probe of a head; *result: its result.json, to be released by json_decref. */
DUET_NODISCARD duet_status duet_cell_probe(const duet_cell *cell, const char *head,
                                           json_t **result);

#endif
