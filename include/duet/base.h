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

/* Checks of the compiler: arguments as of printf; a status that nobody looks at. */
#if defined(__GNUC__)
#define DUET_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define DUET_NODISCARD         __attribute__((warn_unused_result))
#else
#define DUET_PRINTF(fmt, args)
#define DUET_NODISCARD
#endif

/* The release; its first two numbers are the version of the ABI. */
#define DUET_VERSION "0.2.0"

/* What became of a call. */
typedef enum duet_status {
    DUET_OK = 0,
    DUET_ARG,         /* a caller's or user's argument is wrong */
    DUET_SHAPE,       /* shapes do not fit together */
    DUET_NOT_FOUND,   /* a file, name or tensor is missing */
    DUET_IO,          /* the operating system refused */
    DUET_FORMAT,      /* a file is damaged or not what it says */
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
/* The same without what those who passed it on put in front ("cannot load 'x.pt': "). */
const char *duet_error_reason(void);

/* Why the call failed, where callers go on differently; beside the status, and valid as long as the
 * message. */
typedef enum duet_cause {
    DUET_CAUSE_NONE,     /* nothing that callers tell apart */
    DUET_CAUSE_NO_STORE, /* the file is none of tensors, or a damaged one */
    DUET_CAUSE_NO_MODEL, /* the file is whole, and its tensors are of no network that runs */
    DUET_CAUSE_BAD_IMAGE /* one image cannot be read; others may be fine */
} duet_cause;
duet_cause duet_error_cause(void);
/* Does the message end with what to do next? Then there is nothing to add to it. */
bool duet_error_advises(void);

const char *duet_status_name(duet_status status); /* "not found" */

/* Any bytes as UTF-8, for people and JSON: a byte that is none becomes \xNN. Cut to `size`. */
void duet_text_shown(char *out, size_t size, const char *text);

/* Of a line that the context's `log` gets. */
typedef enum duet_log_level { DUET_LOG_DEBUG, DUET_LOG_INFO, DUET_LOG_WARNING } duet_log_level;

/* State of a long task. total <= 0 when unknown. detail may be NULL ("loss 0.0312"). */
typedef struct duet_progress {
    const char *task;
    const char *unit;
    double done, total;
    const char *detail;
} duet_progress;

/* Settings and callbacks; copied, so only what `user` points to must live on. */
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
} duet_context_options;

/* All of it unset. */
#ifdef __cplusplus
#define DUET_CONTEXT_OPTIONS_INIT (duet_context_options{})
#else
#define DUET_CONTEXT_OPTIONS_INIT ((duet_context_options){0})
#endif

typedef struct duet_context duet_context; /* settings and callbacks of one caller */
typedef struct duet_tuning duet_tuning;   /* measured choices of kernels, duet/tune.h */

/* options may be NULL. */
DUET_NODISCARD duet_status duet_context_new(duet_context **out,
                                            const duet_context_options *options);
void duet_context_free(duet_context *ctx);
int duet_context_threads(const duet_context *ctx);
bool duet_context_exact(const duet_context *ctx);
bool duet_context_bf16(const duet_context *ctx);
/* What is planned from now on takes kernels by this table, where it knows the case. Borrowed; NULL
 * = none, as at first. */
void duet_context_set_tuning(duet_context *ctx, const duet_tuning *tuning);
const duet_tuning *duet_context_tuning(const duet_context *ctx);

/* Peak resident memory of this process in bytes (0 when the system does not tell). */
int64_t duet_peak_memory(void);
/* Seconds of a monotonic clock. */
double duet_clock(void);

#ifdef __cplusplus
}
#endif
#endif
