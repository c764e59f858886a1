/* SPDX-License-Identifier: MIT
 * io/archive_cut.h: where a zip archive without its end is cut off. */
#ifndef DUET_IO_ARCHIVE_CUT_H
#define DUET_IO_ARCHIVE_CUT_H

#include <stddef.h>

/* "the file has 3000 bytes, but member 'a.npy' reaches to byte 5000; fetch it again"; "" where the
 * archive has its end, so that it is damaged otherwise, or cannot be read. */
void duet_archive_cut(char *out, size_t size, const char *path);

#endif
