/* SPDX-License-Identifier: MIT
 * duet/report.h: run folders and the report made from their files (docs/run_folder.md). Reads files
 * and plain numbers only, so any report can be rebuilt later. */
#ifndef DUET_REPORT_H
#define DUET_REPORT_H

#include <duet/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes `parent`/NNNNN-name with the next free number; the path goes to out (4096 bytes). */
DUET_NODISCARD duet_status duet_run_new(char out[4096], const char *parent, const char *name);
/* Makes `run`/<command>-NNN. */
DUET_NODISCARD duet_status duet_run_step_new(char out[4096], const char *run, const char *command);
/* Whether it is a folder with a run.json. */
bool duet_run_is(const char *path);
/* Path of the newest file `prefix`NNNNNNNN`suffix` of the folder, DUET_NOT_FOUND when there is
 * none. */
DUET_NODISCARD duet_status duet_run_newest(char out[4096], const char *run, const char *prefix,
                                           const char *suffix);

/* Builds RUN/report.html from what is in the folder; sections without their files are left out. The
 * absolute path goes to out (4096 bytes; may be NULL). */
DUET_NODISCARD duet_status duet_report_write(char *out, const char *run);

#ifdef __cplusplus
}
#endif
#endif
