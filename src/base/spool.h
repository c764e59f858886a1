/* SPDX-License-Identifier: MIT
 * base/spool.h: bytes on their way to a file whose size must be known first. They lie in a file
 * without a name beside it, not in memory; it is gone when the program ends, however it ends. */
#ifndef DUET_BASE_SPOOL_H
#define DUET_BASE_SPOOL_H

#include <duet/base.h>

typedef struct duet_spool {
    bool open;
    int file;
    int64_t size;
    void *map; /* NULL until duet_spool_map */
} duet_spool;

/* In the folder of `path`, for which there need not be a file. */
DUET_NODISCARD duet_status duet_spool_open(duet_spool *out, const char *path);
DUET_NODISCARD duet_status duet_spool_put(duet_spool *spool, const void *bytes, int64_t count);
/* All bytes, read from the file as they are touched; nothing can be put any more. */
DUET_NODISCARD duet_status duet_spool_map(duet_spool *spool, const uint8_t **out);
void duet_spool_close(duet_spool *spool); /* also of one that is all zero */

#endif
