/* SPDX-License-Identifier: MIT
 * io/archive.h: zip archives as formats of tensors use them, over libzip: members stored or
 * deflated, checked against bombs before anything is unpacked, and by their CRC when they are read
 * to the end. For one thread at a time. */
#ifndef DUET_IO_ARCHIVE_H
#define DUET_IO_ARCHIVE_H

#include <zip.h>

#include <duet/store.h>

typedef struct duet_archive_member {
    const char *name; /* of the archive: valid while it is open */
    uint64_t index;
    int64_t size; /* bytes, unpacked */
    bool stored;  /* not compressed */
    bool link;    /* a symbolic link; its content is the target (duet_archive_look only) */
} duet_archive_member;

/* DUET_FORMAT for a damaged archive, and where its two lists of members disagree. */
DUET_NODISCARD duet_status duet_archive_open(zip_t **out, const char *path);
/* Describes and checks a member. Refused: encryption, compression other than DEFLATE, sizes that
 * disagree, deflated members of over 16 GiB or which claim more bytes than DEFLATE can hold, names
 * with "..", "\" or a root. */
DUET_NODISCARD duet_status duet_archive_at(duet_archive_member *out, zip_t *zip, int64_t index);
/* The same for sets of files, where one member is not all: what would be refused for its name, its
 * encryption or its compression is described, with *trouble saying what it is ("members that are
 * encrypted"), else NULL. '\' counts as '/'. */
DUET_NODISCARD duet_status duet_archive_look(duet_archive_member *out, const char **trouble,
                                             zip_t *zip, int64_t index);
DUET_NODISCARD duet_status duet_archive_begin(zip_file_t **out, zip_t *zip,
                                              const duet_archive_member *member);
/* Exactly `count` bytes. */
DUET_NODISCARD duet_status duet_archive_read(zip_file_t *file, void *dst, int64_t count,
                                             const char *name);
/* Makes sure that nothing follows, and that the CRC is right where all bytes were read. */
DUET_NODISCARD duet_status duet_archive_end(zip_file_t *file, const char *name);
/* The whole member, and a NUL behind it; to be freed with duet_release. */
DUET_NODISCARD duet_status duet_archive_load(char **out, zip_t *zip,
                                             const duet_archive_member *member);
/* ---- writing ---- */

typedef struct duet_archive_part { /* a member: bytes, then the elements of a tensor, or either */
    const char *name;
    const void *head;
    int64_t head_size;
    const duet_store_item *item; /* NULL = none */
} duet_archive_part;
/* Members uncompressed, in order, without the time: the same content gives the same bytes. comment:
 * of the archive, at most 65,535 bytes; NULL = none. Atomic. */
DUET_NODISCARD duet_status duet_archive_write(const char *path, const duet_archive_part *parts,
                                              int64_t count, const char *comment);

#endif
