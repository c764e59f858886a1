/* SPDX-License-Identifier: MIT
 * io/kind.h: what a file is, by its first bytes and by its ending; for messages that name the true
 * reason, and to tell images from what lies beside them. */
#ifndef DUET_IO_KIND_H
#define DUET_IO_KIND_H

#include <stdbool.h>
#include <stdint.h>

/* "a GIF image", "an HTML page, …"; NULL where the bytes do not tell. */
const char *duet_kind_of_bytes(const uint8_t *bytes, int64_t size);
/* The same of a file; NULL also where it cannot be read. */
const char *duet_kind_of_file(const char *path);

typedef enum duet_name_kind {
    DUET_NAME_IMAGE,       /* of a format that is read */
    DUET_NAME_OTHER_IMAGE, /* of one that is not */
    DUET_NAME_ARCHIVE,
    DUET_NAME_LIST,   /* tables: .csv, .jsonl, … */
    DUET_NAME_OTHER,  /* certainly no image */
    DUET_NAME_UNKNOWN /* the ending does not tell, or there is none */
} duet_name_kind;
duet_name_kind duet_kind_of_name(const char *name);
/* Does the name end in one of these, ".tar .tar.gz", in any case? */
bool duet_name_ends(const char *name, const char *endings);
/* ".bmp" of "a/X.BMP", in small letters; "" where there is none. */
void duet_name_ending(char out[16], const char *name);

#endif
