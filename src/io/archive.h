/* SPDX-License-Identifier: MIT
 * io/archive.h: zip archives as tensor formats use them, read with libzip: members are stored or
 * deflated, checked against decompression bombs before anything is unpacked, and against their CRC
 * when they are read to the end. An archive is for one thread at a time. */
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
/* Describes and checks a member. Refused are encryption, compression other than DEFLATE, sizes that
 * disagree, deflated members of over 16 GiB or with more bytes than DEFLATE can hold, and names
 * that are absolute or contain ".." or "\". */
DUET_NODISCARD duet_status duet_archive_at(duet_archive_member *out, zip_t *zip, int64_t index);
/* The same for sets of files, where one bad member does not spoil the rest: a member that would be
 * refused for its name, encryption or compression is described all the same, and *trouble says why
 * ("members that are encrypted"); NULL where nothing is wrong. '\' counts as '/'. */
DUET_NODISCARD duet_status duet_archive_look(duet_archive_member *out, const char **trouble,
                                             zip_t *zip, int64_t index);
DUET_NODISCARD duet_status duet_archive_begin(zip_file_t **out, zip_t *zip,
                                              const duet_archive_member *member);
/* Reads exactly `count` bytes. */
DUET_NODISCARD duet_status duet_archive_read(zip_file_t *file, void *dst, int64_t count,
                                             const char *name);
/* Checks that nothing follows and, where all bytes were read, that the CRC is right. */
DUET_NODISCARD duet_status duet_archive_end(zip_file_t *file, const char *name);
/* Reads the whole member and appends a NUL; the caller frees it with duet_release. */
DUET_NODISCARD duet_status duet_archive_load(char **out, zip_t *zip,
                                             const duet_archive_member *member);
/* ---- writing ---- */

/* Members one after the other, uncompressed, with a fixed time: the same content gives the same
 * bytes. Nothing is held in memory but the list of members; the file appears when it is complete.
 */
typedef struct duet_archive_writer duet_archive_writer;
DUET_NODISCARD duet_status duet_archive_writer_open(duet_archive_writer **out, const char *path);
/* Begins a member of `size` bytes, which duet_archive_put brings in any number of parts. */
DUET_NODISCARD duet_status duet_archive_begin_member(duet_archive_writer *writer, const char *name,
                                                     int64_t size);
void duet_archive_put(duet_archive_writer *writer, const void *bytes, int64_t count);
/* comment: of the archive, at most 65,535 bytes; NULL = none. Frees the writer in every case. */
DUET_NODISCARD duet_status duet_archive_writer_commit(duet_archive_writer *writer,
                                                      const char *comment);
void duet_archive_writer_abort(duet_archive_writer *writer); /* NULL is accepted */

typedef struct duet_archive_part { /* a member: bytes, then the elements of a tensor; either may be
                                      missing */
    const char *name;
    const void *head;
    int64_t head_size;
    const duet_store_item *item; /* NULL = none */
} duet_archive_part;
/* Writes these members in order; their names must differ. */
DUET_NODISCARD duet_status duet_archive_write(const char *path, const duet_archive_part *parts,
                                              int64_t count, const char *comment);

#endif
