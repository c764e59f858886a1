/* SPDX-License-Identifier: MIT
 * duet/base.h: status codes, the error message, the context that carries settings and callbacks.
 *
 * Conventions of the whole API: outputs come first (a single one is `out`, untouched on failure); a
 * function that can fail returns a duet_status; what is filled in is yours and has a `_free` that
 * accepts NULL; what is returned is borrowed from its parent; nothing prints, exits or reads the
 * environment. */
#ifndef DUET_BASE_H
#define DUET_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Compiler checks: arguments like those of printf; a status that must not be ignored. */
#if defined(__GNUC__)
#define DUET_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define DUET_NODISCARD         __attribute__((warn_unused_result))
#else
#define DUET_PRINTF(fmt, args)
#define DUET_NODISCARD
#endif

/* The version; its first two numbers are the version of the ABI. */
#define DUET_VERSION "0.2.0"

/* The result of a call. */
typedef enum duet_status {
    DUET_OK = 0,
    DUET_ARG,         /* a caller's or user's argument is wrong */
    DUET_SHAPE,       /* shapes do not fit together */
    DUET_NOT_FOUND,   /* a file, name or tensor is missing */
    DUET_IO,          /* the operating system reported an error */
    DUET_FORMAT,      /* a file is damaged or not of the format it claims */
    DUET_UNSUPPORTED, /* valid, but this build or backend cannot do it */
    DUET_NO_MEMORY,   /* out of memory or over the limit */
    DUET_NUMERIC,     /* NaN, Inf, no convergence */
    DUET_BACKEND,     /* a compute library failed */
    DUET_CANCELLED    /* the context's `cancelled` callback said so */
} duet_status;

/* One line about the last failure in this thread: lower case, what is wrong first, subject in
 * single quotes, the next step where there is an obvious one. "" when nothing failed. Valid until
 * the next failing call of this thread. */
const char *duet_error_message(void);
/* The same message without the context that callers have put in front ("cannot load 'x.pt': "). */
const char *duet_error_reason(void);

/* The cause of a failure, beside the status, where callers handle it differently. Valid as long as
 * the message. */
typedef enum duet_cause {
    DUET_CAUSE_NONE,     /* no cause that callers distinguish */
    DUET_CAUSE_NO_STORE, /* the file holds no tensors, or is damaged */
    DUET_CAUSE_NO_MODEL, /* the file is intact, but its tensors are not of a supported network */
    DUET_CAUSE_BAD_IMAGE /* one image cannot be read; others may be fine */
} duet_cause;
duet_cause duet_error_cause(void);
/* Whether the message already ends with what to do next. */
bool duet_error_advises(void);

const char *duet_status_name(duet_status status); /* "not found" */

/* Any bytes as UTF-8, for display and JSON: other bytes become \xNN. Truncated to `size`. */
void duet_text_shown(char *out, size_t size, const char *text);

/* The level of a line passed to the context's `log`. */
typedef enum duet_log_level { DUET_LOG_DEBUG, DUET_LOG_INFO, DUET_LOG_WARNING } duet_log_level;

/* Progress of a long task. total <= 0 where it is unknown. detail ("loss 0.0312") may be NULL. */
typedef struct duet_progress {
    const char *task;
    const char *unit;
    double done, total;
    const char *detail;
} duet_progress;

/* Settings and callbacks; they are copied, so that only what `user` points to has to stay valid. */
typedef struct duet_context_options {
    int threads; /* 0 = the processors of the affinity mask, at most the CPU quota rounded up */
    bool exact;  /* same bits for any number of threads and any batch size */
    /* inference stores activations as bf16: half the memory, about 0.5 % of rounding; sums are
     * f32 */
    bool bf16;
    void (*log)(duet_log_level level, const char *message, void *user);
    void (*progress)(const duet_progress *progress, void *user);
    bool (*cancelled)(void *user); /* polled between steps of long tasks */
    void *user;
    const char *device; /* where networks run, of the family `backend`; NULL = "cpu" */
} duet_context_options;

/* No option is set. */
#ifdef __cplusplus
#define DUET_CONTEXT_OPTIONS_INIT (duet_context_options{})
#else
#define DUET_CONTEXT_OPTIONS_INIT ((duet_context_options){0})
#endif

typedef struct duet_context duet_context; /* settings and callbacks of one caller */
typedef struct duet_tuning duet_tuning;   /* kernels chosen by measurement, duet/tune.h */

/* options may be NULL. */
DUET_NODISCARD duet_status duet_context_new(duet_context **out,
                                            const duet_context_options *options);
void duet_context_free(duet_context *ctx);
int duet_context_threads(const duet_context *ctx);
bool duet_context_exact(const duet_context *ctx);
bool duet_context_bf16(const duet_context *ctx);
const char *duet_context_device(const duet_context *ctx);
/* Plans made from now on take their kernels from this table where it has the case. Borrowed; NULL =
 * no table, the initial state. */
void duet_context_set_tuning(duet_context *ctx, const duet_tuning *tuning);
const duet_tuning *duet_context_tuning(const duet_context *ctx);

/* Peak resident memory of this process in bytes (0 where the system does not report it). */
int64_t duet_peak_memory(void);
/* Seconds on a monotonic clock. */
double duet_clock(void);

#ifdef __cplusplus
}
#endif
#endif
