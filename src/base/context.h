/* SPDX-License-Identifier: MIT
 * base/context.h: log, progress and cancellation leave the library here. All accept ctx == NULL
 * (silent, one thread). */
#ifndef DUET_BASE_CONTEXT_H
#define DUET_BASE_CONTEXT_H

#include <duet/base.h>

void duet_log(const duet_context *ctx, duet_log_level level, const char *format, ...)
    DUET_PRINTF(3, 4);
void duet_progress_report(const duet_context *ctx, const char *task, const char *unit, double done,
                          double total, const char *detail);
bool duet_cancelled(const duet_context *ctx);
/* DUET_OK, or DUET_CANCELLED with its message. */
DUET_NODISCARD duet_status duet_check_cancelled(const duet_context *ctx);

#endif
