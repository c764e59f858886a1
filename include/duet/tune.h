/* SPDX-License-Identifier: MIT
 * duet/tune.h: the choice of kernels by measurement. A table holds the fastest kernel of every case
 * (op, shapes, storage, threads) that was tuned on this processor; the kernels of other cases are
 * chosen by rule. A context with a table (duet_context_set_tuning) uses it for all its plans,
 * except where results must be exact. */
#ifndef DUET_TUNE_H
#define DUET_TUNE_H

#include <duet/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An empty table for this machine. */
DUET_NODISCARD duet_status duet_tuning_new(duet_tuning **out);
void duet_tuning_free(duet_tuning *tuning);
/* A file that is damaged, or was made by another version or on another processor, gives an empty
 * table and a warning in the log; DUET_NOT_FOUND where there is none, DUET_IO where it cannot be
 * read. */
DUET_NODISCARD duet_status duet_tuning_load(duet_context *ctx, duet_tuning **out, const char *path);
DUET_NODISCARD duet_status duet_tuning_save(const duet_tuning *tuning,
                                            const char *path); /* atomic */
int64_t duet_tuning_count(const duet_tuning *tuning);
/* A hash of machine, cases and choices: tables with equal hashes choose alike. NULL and empty
 * tables have 0. */
uint64_t duet_tuning_hash(const duet_tuning *tuning);

#ifdef __cplusplus
}
#endif
#endif
