/* SPDX-License-Identifier: MIT
 * run/run_record.h: run.json and result.json (docs/run_folder.md). Nothing else writes or reads
 * them, so that each is of one form whoever makes it. */
#ifndef DUET_RUN_RUN_RECORD_H
#define DUET_RUN_RUN_RECORD_H

#include <duet/run.h>

#include <jansson.h>

#define DUET_RUN_FILE    "run.json"
#define DUET_RESULT_FILE "result.json"
#define DUET_TESTS_FILE  "tests.jsonl"

/* run.json: what every run says of itself, and what only some do: NULL = it is not there. */
typedef struct duet_run_record {
    const char *command, *name, *version, *status, *created;
    json_t *settings, *data, *model, *denoise_t, *machine, *init, *images, *steps, *seconds,
        *final_loss, *validation, *tuning, *peak_memory;
} duet_run_record;

/* The time of now as in "created": "2026-01-31T12:00:00Z". */
void duet_run_now(char out[32]);
/* Writes RUN/run.json. The values of the record are consumed. DUET_FORMAT where a text is not
 * UTF-8. */
DUET_NODISCARD duet_status duet_run_record_write(const char *run, const duet_run_record *record);
/* The object in RUN/run.json; the caller releases it. `shown` names the file in messages; NULL: its
 * path. */
DUET_NODISCARD duet_status duet_run_record_read(json_t **out, const char *run, const char *shown);

/* The same for STEP/result.json; `result` is consumed. NULL is DUET_FORMAT: that is what a text
 * that is not UTF-8 makes of an object. */
DUET_NODISCARD duet_status duet_result_record_write(const char *step, json_t *result);
DUET_NODISCARD duet_status duet_result_record_read(json_t **out, const char *step,
                                                   const char *shown);

#endif
