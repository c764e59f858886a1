/* SPDX-License-Identifier: MIT
 * base/context.c: settings and callbacks of one caller. The thread count also goes to the two
 * libraries that keep one of their own, OpenMP and BLAS; theirs is a setting of the process, so the
 * context made last decides. */
#include "base/context.h"

#include <stdarg.h>
#include <stdio.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/system.h"

#define MOST_THREADS 4096
#define LOG_SIZE     4096

struct duet_context {
    duet_context_options options;
    int threads;
    const duet_tuning *tuning;
    char device[64];
};

duet_status duet_context_new(duet_context **out, const duet_context_options *options) {
    const duet_context_options wanted = options != NULL ? *options : DUET_CONTEXT_OPTIONS_INIT;
    if (wanted.threads < 0 || wanted.threads > MOST_THREADS) {
        return duet_fail(DUET_ARG, "threads must be between 0 (all) and %d, got %d", MOST_THREADS,
                         wanted.threads);
    }
    duet_context *ctx = NULL;
    DUET_TRY(duet_alloc(&ctx, 1, sizeof *ctx));
    ctx->options = wanted;
    duet_copy_text(ctx->device, sizeof ctx->device, wanted.device != NULL ? wanted.device : "cpu");
    ctx->options.device = ctx->device;
    ctx->threads = wanted.threads > 0 ? wanted.threads : duet_processors();
#ifdef _OPENMP
    omp_set_num_threads(ctx->threads);
#endif
    duet_linalg_set_threads(ctx->threads);
    *out = ctx;
    return DUET_OK;
}

void duet_context_free(duet_context *ctx) {
    duet_release(ctx);
}

int duet_context_threads(const duet_context *ctx) {
    return ctx != NULL ? ctx->threads : 1;
}

bool duet_context_exact(const duet_context *ctx) {
    return ctx != NULL && ctx->options.exact;
}

bool duet_context_bf16(const duet_context *ctx) {
    return ctx != NULL && ctx->options.bf16;
}

const char *duet_context_device(const duet_context *ctx) {
    return ctx != NULL ? ctx->device : "cpu";
}

void duet_context_set_tuning(duet_context *ctx, const duet_tuning *tuning) {
    ctx->tuning = tuning;
}

const duet_tuning *duet_context_tuning(const duet_context *ctx) {
    return ctx != NULL ? ctx->tuning : NULL;
}

void duet_log(const duet_context *ctx, duet_log_level level, const char *format, ...) {
    if (ctx == NULL || ctx->options.log == NULL) return;
    char text[LOG_SIZE];
    va_list args;
    va_start(args, format);
    const int size = duet_vformat(text, sizeof text, format, args);
    va_end(args);
    if (size >= 0) ctx->options.log(level, text, ctx->options.user);
}

void duet_progress_report(const duet_context *ctx, const char *task, const char *unit, double done,
                          double total, const char *detail) {
    if (ctx == NULL || ctx->options.progress == NULL) return;
    const duet_progress progress = {
        .task = task, .unit = unit, .done = done, .total = total, .detail = detail};
    ctx->options.progress(&progress, ctx->options.user);
}

bool duet_cancelled(const duet_context *ctx) {
    return ctx != NULL && ctx->options.cancelled != NULL &&
           ctx->options.cancelled(ctx->options.user);
}

duet_status duet_check_cancelled(const duet_context *ctx) {
    return duet_cancelled(ctx) ? duet_fail(DUET_CANCELLED, "cancelled") : DUET_OK;
}
