/* SPDX-License-Identifier: MIT
 * io/json_file.h: JSON objects as other programs write them beside their weights. */
#ifndef DUET_IO_JSON_FILE_H
#define DUET_IO_JSON_FILE_H

#include <jansson.h>

#include <duet/base.h>

/* The object in a file of at most `most` bytes; the caller releases it. Two extensions of Python
 * are accepted: NaN, Infinity and -Infinity become texts ("N", "Infini"), so that only readers that
 * need such a number fail, and a byte order mark is skipped. DUET_FORMAT: the message says what the
 * file is instead. */
DUET_NODISCARD duet_status duet_json_read(json_t **out, const char *path, int64_t most);

#endif
