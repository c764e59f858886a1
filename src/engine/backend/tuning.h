/* SPDX-License-Identifier: MIT
 * engine/backend/tuning.h: the table of measured kernels. Its file is JSON:
 *   {"format": "duet tuning", "version": "0.2.0/1", "cpu": "…", "isa": "avx2",
 *    "rows": [{"case": "conv2d stride=1 … threads=2", "kernel": "winograd", "usual": "conv",
 *    "seconds": …, "usual_seconds": …}]} A file serves one processor. Names that no kernel of the
 *    call has are passed over when planning. */
#ifndef DUET_ENGINE_TUNING_H
#define DUET_ENGINE_TUNING_H

#include <duet/tune.h>

#include "base/str.h"
#include "engine/backend/backend.h"

/* To be raised with every change of what kernels there are, what they compute or how fast they are.
 */
#define DUET_KERNELS_VERSION "1"

typedef struct duet_tuning_row {
    const char *key;            /* of duet_tuning_key */
    const char *kernel, *usual; /* names */
    double seconds, usual_seconds;
} duet_tuning_row;

/* "conv2d stride=1,pad=1 f32[8x32x32x64] f32[128x64x3x3]* - - > f32[8x32x32x128] threads=2": *
 * marks parameters, - what is absent; a plan that trains adds " trains": its weights change with
 * every run and are packed again. */
DUET_NODISCARD duet_status duet_tuning_key(duet_str *out, const duet_call *call,
                                           const duet_kernel_options *options, bool trains);
const duet_tuning_row *duet_tuning_row_of(const duet_tuning *tuning,
                                          const char *key); /* NULL = unknown */
/* copied; replaces the key's row */
DUET_NODISCARD duet_status duet_tuning_put(duet_tuning *tuning, const duet_tuning_row *row);
DUET_NODISCARD duet_status duet_tuning_merge(duet_tuning *to,
                                             const duet_tuning *from); /* rows of `from` win */
/* The kernel that the table names for the call, if it supports it; else *out = NULL. Nothing is
 * chosen where bits must be exact: a table may differ between threads and batches. */
DUET_NODISCARD duet_status duet_tuning_choose(const duet_kernel **out, const duet_tuning *tuning,
                                              const duet_backend *backend, const duet_call *call,
                                              const duet_kernel_options *options, bool trains);

#endif
