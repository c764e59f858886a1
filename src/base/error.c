/* SPDX-License-Identifier: MIT
 * base/error.c: the message of the last failure and its cause, one buffer a thread (1 KiB;
 * longer text is cut at a character). */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define MESSAGE_SIZE sizeof((duet_failure *)NULL)->message

/* The one piece of state an error needs; a thread sees only its own. */
static _Thread_local duet_failure failure;

/* `text` is formatted before the buffer is touched, since an argument may be the current message
 * itself. */
static void put_message(const char *format, va_list args) {
    char text[MESSAGE_SIZE];
    if (duet_vformat(text, sizeof text, format, args) < 0) text[0] = '\0';
    duet_copy_text(failure.message, sizeof failure.message, text);
    /* A cut UTF-8 character would be an invalid byte sequence: drop its head. */
    size_t size = strlen(failure.message);
    if (size + 1 == sizeof failure.message) {
        while (size > 0 && ((unsigned char)failure.message[size - 1] & 0xC0u) == 0x80u) size--;
        if (size > 0 && ((unsigned char)failure.message[size - 1] & 0x80u) != 0) size--;
        failure.message[size] = '\0';
    }
}

duet_status duet_fail(duet_status status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_message(format, args);
    va_end(args);
    failure.reason = 0;
    failure.cause = DUET_CAUSE_NONE;
    failure.advises = false;
    return status;
}

void duet_error_frame(const char *format, ...) {
    duet_failure below;
    duet_failure_take(&below);
    va_list args;
    va_start(args, format);
    put_message(format, args);
    va_end(args);
    if (below.message[0] == '\0') return;
    const size_t size = strlen(failure.message);
    duet_copy_text(failure.message + size, sizeof failure.message - size, ": ");
    const size_t next = strlen(failure.message);
    duet_copy_text(failure.message + next, sizeof failure.message - next, below.message);
    failure.reason = next + below.reason;
}

void duet_error_clear(void) {
    failure = (duet_failure){.message = ""};
}

duet_status duet_because(duet_cause cause, duet_status status) {
    if (status != DUET_OK && failure.cause == DUET_CAUSE_NONE) failure.cause = cause;
    return status;
}

duet_status duet_advised(duet_status status) {
    failure.advises = status != DUET_OK;
    return status;
}

void duet_failure_take(duet_failure *out) {
    *out = failure;
}

void duet_failure_put(const duet_failure *from) {
    failure = *from;
}

const char *duet_error_message(void) {
    return failure.message;
}

const char *duet_error_reason(void) {
    const size_t size = strlen(failure.message);
    return failure.message + (failure.reason < size ? failure.reason : 0);
}

duet_cause duet_error_cause(void) {
    return failure.cause;
}

bool duet_error_advises(void) {
    return failure.advises;
}

const char *duet_status_name(duet_status status) {
    switch (status) {
    case DUET_OK:
        return "ok";
    case DUET_ARG:
        return "bad argument";
    case DUET_SHAPE:
        return "shape mismatch";
    case DUET_NOT_FOUND:
        return "not found";
    case DUET_IO:
        return "input or output failed";
    case DUET_FORMAT:
        return "bad format";
    case DUET_UNSUPPORTED:
        return "not supported";
    case DUET_NO_MEMORY:
        return "out of memory";
    case DUET_NUMERIC:
        return "numeric failure";
    case DUET_BACKEND:
        return "backend failure";
    case DUET_CANCELLED:
        return "cancelled";
    }
    return "unknown status";
}
