/* SPDX-License-Identifier: MIT
 * duet/report.h: the page made from the files of a run folder (docs/run_folder.md). Reads files
 * only, so any report can be rebuilt later. */
#ifndef DUET_REPORT_H
#define DUET_REPORT_H

#include <duet/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Builds RUN/report.html from what is in the folder; sections without their files are left out. The
 * absolute path goes to out (4096 bytes; may be NULL). */
DUET_NODISCARD duet_status duet_report_write(char *out, const char *run);

#ifdef __cplusplus
}
#endif
#endif
