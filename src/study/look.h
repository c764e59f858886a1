/* SPDX-License-Identifier: MIT
 * study/look.h: what duet/look.h gives, and what its functions share. */
#ifndef DUET_STUDY_LOOK_H
#define DUET_STUDY_LOOK_H

#include <duet/look.h>
#include <jansson.h>

#include "figure/figure.h"

/* Takes ownership of both. DUET_FORMAT where the object is NULL: a text was not UTF-8. */
DUET_NODISCARD duet_status duet_look_new(duet_look **out, json_t *json, duet_figure *figure);
/* The rows to look at; DUET_ARG where the split has none. */
DUET_NODISCARD duet_status duet_look_view(duet_view *out, const duet_dataset *dataset,
                                          const duet_look_rows *rows);
/* The columns of a reader of a grid that are of the largest pool of their (t, tap), in order; they
 * are selected. Owned by the caller: duet_release. */
DUET_NODISCARD duet_status duet_look_columns(duet_reader *reader, int64_t **out, int64_t *count);
/* Levels to read at where none are given: clean only, or 1, 10, 100 and 300 as far as the model has
 * them. */
DUET_NODISCARD duet_status duet_look_times(duet_int_list *times, const duet_model *model);
/* "model": its name, path and hash. */
json_t *duet_look_model(const duet_model *model);
json_t *duet_look_number(double value); /* null where it is not finite */
const char *duet_look_model_name(const duet_model *model);

#endif
