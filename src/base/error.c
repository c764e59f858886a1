/* SPDX-License-Identifier: MIT
 * base/error.c: the message of the last failure, one buffer a thread (1 KiB; longer text is cut at
 * a character). */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define MESSAGE_SIZE 1024

/* The one piece of state an error needs; a thread sees only its own. */
static _Thread_local char message[MESSAGE_SIZE];

/* `text` is formatted before the buffer is touched, since an argument may be the current message
 * itself. */
static void put_message(const char *format, va_list args) {
    char text[MESSAGE_SIZE];
    if (duet_vformat(text, sizeof text, format, args) < 0) text[0] = '\0';
    duet_copy_text(message, sizeof message, text);
    /* A cut UTF-8 character would be an invalid byte sequence: drop its head. */
    size_t size = strlen(message);
    if (size + 1 == sizeof message) {
        while (size > 0 && ((unsigned char)message[size - 1] & 0xC0u) == 0x80u) size--;
        if (size > 0 && ((unsigned char)message[size - 1] & 0x80u) != 0) size--;
        message[size] = '\0';
    }
}

duet_status duet_fail(duet_status status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_message(format, args);
    va_end(args);
    return status;
}

void duet_error_frame(const char *format, ...) {
    char below[MESSAGE_SIZE];
    duet_copy_text(below, sizeof below, message);
    va_list args;
    va_start(args, format);
    put_message(format, args);
    va_end(args);
    const size_t size = strlen(message);
    duet_copy_text(message + size, sizeof message - size, below[0] == '\0' ? "" : ": ");
    const size_t next = strlen(message);
    duet_copy_text(message + next, sizeof message - next, below);
}

void duet_error_clear(void) {
    message[0] = '\0';
}

const char *duet_error_message(void) {
    return message;
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
