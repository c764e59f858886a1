/* SPDX-License-Identifier: MIT
 * io/json_file.h: JSON objects as other programs write them beside their weights. */
#ifndef DUET_IO_JSON_FILE_H
#define DUET_IO_JSON_FILE_H

#include <jansson.h>

#include <duet/base.h>

/* The object in a file of at most `most` bytes; the caller releases it. Beyond JSON, what Python
 * writes is taken: NaN, Infinity and -Infinity become texts ("N", "Infini"), so that only who needs
 * such a number misses it; a byte order mark is passed over. DUET_FORMAT says what the file is
 * instead. */
DUET_NODISCARD duet_status duet_json_read(json_t **out, const char *path, int64_t most);

#endif
