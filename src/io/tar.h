/* SPDX-License-Identifier: MIT
 * io/tar.h: the files of a tar archive (plain or gzip) in order, each read whole into memory, with
 * libarchive. */
#ifndef DUET_IO_TAR_H
#define DUET_IO_TAR_H

#include "base/file.h"

typedef struct duet_tar duet_tar;

DUET_NODISCARD duet_status duet_tar_open(duet_tar **out, const char *path);
typedef enum duet_tar_kind {
    DUET_TAR_FILE,
    DUET_TAR_FOLDER,
    DUET_TAR_HARD_LINK, /* a hard link, which tar writes for each further name of a file */
    DUET_TAR_SYMBOLIC_LINK,
    DUET_TAR_OTHER
} duet_tar_kind;

typedef struct duet_tar_entry {
    duet_tar_kind kind;
    const char *name, *target; /* target: of a link; both are borrowed until the next call */
} duet_tar_entry;

/* Next entry of any kind; *bytes is yours, and empty unless it is a file. At the end out->name is
 * NULL. Files over `limit` bytes are refused by name. */
DUET_NODISCARD duet_status duet_tar_next_entry(duet_tar *tar, duet_tar_entry *out,
                                               duet_bytes *bytes, int64_t limit);
/* Next regular file. *name is borrowed until the next call; *bytes is yours. At the end *name is
 * NULL. Entries over `limit` bytes are refused by name. */
DUET_NODISCARD duet_status duet_tar_next(duet_tar *tar, const char **name, duet_bytes *bytes,
                                         int64_t limit);
void duet_tar_close(duet_tar *tar);
bool duet_tar_detect(const uint8_t *head,
                     int64_t size); /* ustar magic at 257, or gzip whose content has it */

#endif
