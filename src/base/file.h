/* SPDX-License-Identifier: MIT
 * base/file.h: files and folders. Writing is atomic: temporary file in the same folder, write,
 * fsync, rename, fsync of the folder, so that a path holds the old or the new content, never half
 * of one. */
#ifndef DUET_BASE_FILE_H
#define DUET_BASE_FILE_H

#include <duet/base.h>

typedef struct duet_bytes {
    uint8_t *data;
    int64_t size;
} duet_bytes;

/* whole file; NOT_FOUND or IO with the reason */
DUET_NODISCARD duet_status duet_file_read(duet_bytes *out, const char *path);
/* As duet_file_read, and unpacks gzip when the content starts with its magic. At most `limit` bytes
 * unpacked (0 = 4 GiB). */
DUET_NODISCARD duet_status duet_file_read_gz(duet_bytes *out, const char *path, int64_t limit);
void duet_bytes_free(duet_bytes *bytes);

/* Read-only mapping (falls back to reading where mmap fails). */
typedef struct duet_map {
    const uint8_t *data;
    int64_t size;
    bool mapped;
} duet_map;
DUET_NODISCARD duet_status duet_map_open(duet_map *out, const char *path);
void duet_map_close(duet_map *map);
/* Whole pages inside `bytes` bytes of a mapping leave memory; the next read fetches them from the
 * file again. Only for mappings of files: elsewhere it would clear them. */
void duet_map_drop(const void *from, int64_t bytes);

/* Streaming atomic writer. Errors stick; commit reports the first one and removes the temporary
 * file on failure. */
typedef struct duet_writer duet_writer;
DUET_NODISCARD duet_status duet_writer_open(duet_writer **out, const char *path);
void duet_writer_put(duet_writer *writer, const void *bytes, int64_t count);
int64_t duet_writer_offset(const duet_writer *writer);
/* Replaces bytes that were put at `offset`. Not on pipes. */
void duet_writer_patch(duet_writer *writer, int64_t offset, const void *bytes, int64_t count);
/* frees the writer in every case */
DUET_NODISCARD duet_status duet_writer_commit(duet_writer *writer);
void duet_writer_abort(duet_writer *writer); /* removes the temporary file, frees; NULL is fine */
DUET_NODISCARD duet_status duet_file_write(const char *path, const void *bytes, int64_t count);
/* Appends one line, with flush and fsync: logs and curves. */
DUET_NODISCARD duet_status duet_file_append(const char *path, const char *text);

bool duet_path_exists(const char *path);
bool duet_path_is_folder(const char *path);
/* with parents; fine when it exists */
DUET_NODISCARD duet_status duet_folder_make(const char *path);
DUET_NODISCARD duet_status duet_folder_remove_file(const char *path);
DUET_NODISCARD duet_status duet_file_rename(const char *from, const char *to);
/* Sorted by bytes; without "." and "..". */
typedef struct duet_listing {
    char **name;
    int64_t count;
} duet_listing;
DUET_NODISCARD duet_status duet_folder_list(duet_listing *out, const char *path);
void duet_listing_free(duet_listing *listing);
/* out = a/b (snprintf rules), DUET_ARG when too long for 4096 bytes. */
#define DUET_PATH_SIZE 4096
DUET_NODISCARD duet_status duet_path_join(char out[DUET_PATH_SIZE], const char *a, const char *b);
bool duet_path_in(char out[DUET_PATH_SIZE], const char *folder,
                  const char *name);          /* joined; is there such a thing? */
const char *duet_path_base(const char *path); /* after the last '/' */
/* Does a name from a file's content begin with a root or a drive, or step upwards, whatever
 * separates its folders? */
bool duet_path_leads_outside(const char *name);
DUET_NODISCARD duet_status duet_path_absolute(char out[DUET_PATH_SIZE], const char *path);

#endif
