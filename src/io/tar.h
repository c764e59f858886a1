/* SPDX-License-Identifier: MIT
 * io/tar.h: the files of a tar archive (plain or gzip) in order, each read whole into memory; over
 * libarchive. */
#ifndef DUET_IO_TAR_H
#define DUET_IO_TAR_H

#include "base/file.h"

typedef struct duet_tar duet_tar;

DUET_NODISCARD duet_status duet_tar_open(duet_tar **out, const char *path);
/* Next regular file. *name is borrowed until the next call; *bytes is yours. At the end *name is
 * NULL. Entries over `limit` bytes are refused by name. */
DUET_NODISCARD duet_status duet_tar_next(duet_tar *tar, const char **name, duet_bytes *bytes,
                                         int64_t limit);
void duet_tar_close(duet_tar *tar);
bool duet_tar_detect(const uint8_t *head,
                     int64_t size); /* ustar magic at 257, or gzip whose content has it */

#endif
