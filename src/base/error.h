/* SPDX-License-Identifier: MIT
 * base/error.h: how a failure travels. Message and cause are set where the failure is detected and
 * passed up untouched; DUET_CONTEXT adds a frame only where it helps ("cannot load 'x.pt': …").
 * Nobody looks into the text of a message: what callers tell apart is a status or a cause. */
#ifndef DUET_BASE_ERROR_H
#define DUET_BASE_ERROR_H

#include <duet/base.h>

/* Sets this thread's message, without a cause, and returns `status`. */
duet_status duet_fail(duet_status status, const char *format, ...) DUET_PRINTF(2, 3);
/* Puts "frame: " in front of this thread's message. */
void duet_error_frame(const char *format, ...) DUET_PRINTF(1, 2);
void duet_error_clear(void);
/* Notes why the call failed, unless it succeeded or somebody below has said so; returns `status`.
 */
duet_status duet_because(duet_cause cause, duet_status status);
/* Notes that the message says what to do next; returns `status`. */
duet_status duet_advised(duet_status status);

/* A failure on its way to another thread, or past calls that may fail too. */
typedef struct duet_failure {
    char message[1024];
    size_t reason; /* where it begins in the message */
    duet_cause cause;
    bool advises;
} duet_failure;
void duet_failure_take(duet_failure *out); /* this thread's last one */
void duet_failure_put(const duet_failure *failure);

/* In a function with a local `duet_status status` and a label `done:`, which owns things. */
#define DUET_DO(call)                     \
    do {                                  \
        status = (call);                  \
        if (status != DUET_OK) goto done; \
    } while (0)
#define DUET_FAIL(code, ...)                     \
    do {                                         \
        status = duet_fail((code), __VA_ARGS__); \
        goto done;                               \
    } while (0)
/* In a function that owns nothing. */
#define DUET_TRY(call)                    \
    do {                                  \
        const duet_status try_ = (call);  \
        if (try_ != DUET_OK) return try_; \
    } while (0)
/* As DUET_DO, adding a frame on failure. */
#define DUET_CONTEXT(call, ...)            \
    do {                                   \
        status = (call);                   \
        if (status != DUET_OK) {           \
            duet_error_frame(__VA_ARGS__); \
            goto done;                     \
        }                                  \
    } while (0)

#endif
