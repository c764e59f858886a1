/* SPDX-License-Identifier: MIT
 * Entries of a tar archive (ustar, GNU, pax; plain or gzip), one by one, with libarchive. Nothing
 * is ever extracted to disk, so names and the targets of links are labels only. An archive that
 * ends without its end marker is accepted when it ends between two entries, as tar itself does. */
#include "io/tar.h"

#include <stdio.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#define ZLIB_CONST
#include <zlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "io/kind.h"

#define HEAD_SIZE     512
#define MAGIC_AT      257
#define FIRST_BLOCK   (1 << 20)
#define LIMIT_DEFAULT ((int64_t)4 << 30)

struct duet_tar {
    struct archive *archive;
    char *path;
};

static const char *reason(struct archive *archive) {
    const char *text = archive_error_string(archive);
    return text != NULL ? text : "unknown reason";
}

/* "; it is an HTML page, …": what a file that does not open as an archive is. */
static const char *what_it_is(char text[160], const char *path) {
    const duet_file_kind kind = duet_kind_of_file(path);
    const bool other =
        kind.is != DUET_FILE_UNKNOWN && kind.is != DUET_FILE_GZIP && kind.is != DUET_FILE_TAR;
    snprintf(text, 160, "%s%s", other ? "; it is " : "", other ? kind.words : "");
    return text;
}

duet_status duet_tar_open(duet_tar **out, const char *path) {
    duet_status status = DUET_OK;
    duet_tar *tar = NULL;
    char text[160];
    if (!duet_path_exists(path)) return duet_fail(DUET_NOT_FOUND, "there is no file '%s'", path);
    if (duet_path_is_folder(path))
        return duet_fail(DUET_ARG, "'%s' is a folder, not an archive", path);
    DUET_DO(duet_alloc(&tar, 1, sizeof *tar));
    const size_t length = strlen(path) + 1;
    DUET_DO(duet_alloc(&tar->path, (int64_t)length, 1));
    memcpy(tar->path, path, length);
    tar->archive = archive_read_new();
    if (tar->archive == NULL) DUET_FAIL(DUET_NO_MEMORY, "out of memory in libarchive");
    archive_read_support_format_tar(tar->archive);
    archive_read_support_filter_gzip(tar->archive);
    if (archive_read_open_filename(tar->archive, path, 1 << 16) != ARCHIVE_OK)
        DUET_FAIL(DUET_FORMAT, "cannot open archive '%s': %s%s", path, reason(tar->archive),
                  what_it_is(text, path));
    *out = tar;
    return DUET_OK;
done:
    duet_tar_close(tar);
    return status;
}

void duet_tar_close(duet_tar *tar) {
    if (tar == NULL) return;
    if (tar->archive != NULL) archive_read_free(tar->archive);
    duet_release(tar->path);
    duet_release(tar);
}

/* The declared size is not trusted: memory grows with the bytes that are read. */
static duet_status read_entry(duet_tar *tar, const char *name, int64_t size, duet_bytes *out) {
    duet_status status = DUET_OK;
    uint8_t *data = NULL;
    int64_t capacity = 0, got = 0;
    DUET_DO(duet_grow(&data, &capacity, size < FIRST_BLOCK ? size + 1 : FIRST_BLOCK, 1));
    while (got < size) {
        if (got == capacity) DUET_DO(duet_grow(&data, &capacity, got + 1, 1));
        const int64_t want = size < capacity ? size - got : capacity - got;
        const la_ssize_t n = archive_read_data(tar->archive, data + got, (size_t)want);
        if (n < 0)
            DUET_FAIL(DUET_FORMAT, "archive '%s', entry '%s': %s", tar->path, name,
                      reason(tar->archive));
        if (n == 0) break;
        got += n;
    }
    if (got != size)
        DUET_FAIL(DUET_FORMAT, "archive '%s', entry '%s' is cut off: %lld bytes, %lld expected",
                  tar->path, name, (long long)got, (long long)size);
    *out = (duet_bytes){.data = data, .size = size};
    return DUET_OK;
done:
    duet_release(data);
    return status;
}

/* Texts of headers: as UTF-8 where libarchive can convert them, else unchanged. */
static const char *first_text(const char *utf8, const char *plain) {
    return utf8 != NULL ? utf8 : plain;
}

static duet_tar_entry describe(struct archive_entry *entry) {
    const int type = (int)archive_entry_filetype(entry);
    duet_tar_entry out = {
        .kind = DUET_TAR_OTHER,
        .name = first_text(archive_entry_pathname_utf8(entry), archive_entry_pathname(entry))};
    if (archive_entry_hardlink(entry) != NULL || archive_entry_hardlink_utf8(entry) != NULL) {
        out.kind = DUET_TAR_HARD_LINK;
        out.target = first_text(archive_entry_hardlink_utf8(entry), archive_entry_hardlink(entry));
    } else if (type == AE_IFLNK) {
        out.kind = DUET_TAR_SYMBOLIC_LINK;
        out.target = first_text(archive_entry_symlink_utf8(entry), archive_entry_symlink(entry));
        if (out.target == NULL) out.target = "";
    } else if (type == AE_IFREG || type == AE_IFDIR) {
        out.kind = type == AE_IFREG ? DUET_TAR_FILE : DUET_TAR_FOLDER;
    }
    return out;
}

duet_status duet_tar_next_entry(duet_tar *tar, duet_tar_entry *out, duet_bytes *bytes,
                                int64_t limit) {
    struct archive_entry *entry = NULL;
    if (limit <= 0) limit = LIMIT_DEFAULT;
    *out = (duet_tar_entry){0};
    *bytes = (duet_bytes){0};
    const int code = archive_read_next_header(tar->archive, &entry);
    if (code == ARCHIVE_EOF) return DUET_OK;
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
        return duet_fail(DUET_FORMAT, "archive '%s' is damaged: %s", tar->path,
                         reason(tar->archive));
    const duet_tar_entry found = describe(entry);
    if (found.name == NULL)
        return duet_fail(DUET_FORMAT, "archive '%s' has an entry with an unreadable name",
                         tar->path);
    if (found.kind == DUET_TAR_FILE) {
        const int64_t size = archive_entry_size(entry);
        if (size < 0 || size > limit)
            return duet_fail(DUET_NO_MEMORY,
                             "archive '%s', entry '%s' has %lld bytes; the limit is %lld",
                             tar->path, found.name, (long long)size, (long long)limit);
        DUET_TRY(read_entry(tar, found.name, size, bytes));
    }
    *out = found;
    return DUET_OK;
}

duet_status duet_tar_next(duet_tar *tar, const char **name, duet_bytes *bytes, int64_t limit) {
    duet_tar_entry entry = {.kind = DUET_TAR_OTHER};
    do {
        DUET_TRY(duet_tar_next_entry(tar, &entry, bytes, limit));
    } while (entry.name != NULL && entry.kind != DUET_TAR_FILE);
    *name = entry.name;
    return DUET_OK;
}

bool duet_tar_detect(const uint8_t *head, int64_t size) {
    uint8_t block[HEAD_SIZE] = {0};
    if (size >= 2 && head[0] == 0x1F && head[1] == 0x8B) {
        z_stream z = {.next_out = block, .avail_out = HEAD_SIZE};
        if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) return false;
        z.next_in = head;
        z.avail_in = (uInt)(size < (1 << 20) ? size : (1 << 20));
        (void)inflate(&z, Z_SYNC_FLUSH);
        inflateEnd(&z);
    } else {
        if (size < MAGIC_AT + 5) return false;
        memcpy(block, head, (size_t)(size < HEAD_SIZE ? size : HEAD_SIZE));
    }
    return memcmp(block + MAGIC_AT, "ustar", 5) == 0;
}
