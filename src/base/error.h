/* SPDX-License-Identifier: MIT
 * base/error.h: how a failure travels. The message is set where the failure is detected and passed
 * up untouched; DUET_CONTEXT adds a frame only where it helps ("cannot load 'x.pt': …"). */
#ifndef DUET_BASE_ERROR_H
#define DUET_BASE_ERROR_H

#include <duet/base.h>

/* Sets this thread's message and returns `status`. */
duet_status duet_fail(duet_status status, const char *format, ...) DUET_PRINTF(2, 3);
/* Puts "frame: " in front of this thread's message. */
void duet_error_frame(const char *format, ...) DUET_PRINTF(1, 2);
void duet_error_clear(void);

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
