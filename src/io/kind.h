/* SPDX-License-Identifier: MIT
 * io/kind.h: what a file is, by its first bytes and by its extension; for messages that name the
 * real reason, and to tell images from the files beside them. */
#ifndef DUET_IO_KIND_H
#define DUET_IO_KIND_H

#include <stdbool.h>
#include <stdint.h>

/* What callers tell apart. */
typedef enum duet_file_is {
    DUET_FILE_UNKNOWN, /* the bytes do not tell, or the file cannot be read */
    DUET_FILE_OTHER,
    DUET_FILE_IMAGE, /* of any format */
    DUET_FILE_HTML,
    DUET_FILE_LFS, /* a Git LFS pointer */
    DUET_FILE_ZIP,
    DUET_FILE_GZIP,
    DUET_FILE_TAR,
    DUET_FILE_HDF5,
    DUET_FILE_GGUF
} duet_file_is;

typedef struct duet_file_kind {
    duet_file_is is;
    const char *words; /* "a GIF image", "an HTML page, …"; NULL where it is unknown */
} duet_file_kind;
duet_file_kind duet_kind_of_bytes(const uint8_t *bytes, int64_t size);
duet_file_kind duet_kind_of_file(const char *path);

typedef enum duet_name_kind {
    DUET_NAME_IMAGE,       /* an image of a format that is read */
    DUET_NAME_OTHER_IMAGE, /* an image of a format that is not read */
    DUET_NAME_ARCHIVE,
    DUET_NAME_LIST,   /* tables: .csv, .jsonl, … */
    DUET_NAME_OTHER,  /* certainly not an image */
    DUET_NAME_UNKNOWN /* unknown extension, or none */
} duet_name_kind;
duet_name_kind duet_kind_of_name(const char *name);
/* Whether the name ends in one of these, ".tar .tar.gz", in upper or lower case. */
bool duet_name_ends(const char *name, const char *endings);
/* The extension in lower case, ".bmp" of "a/X.BMP"; "" where there is none. */
void duet_name_ending(char out[16], const char *name);

#endif
