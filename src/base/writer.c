/* SPDX-License-Identifier: MIT
 * base/writer.c: atomic writing. Bytes go to "<path>.tmp.<pid>" beside the target (same file
 * system, so that rename is atomic); the mode comes from the umask. A symbolic link is followed, so
 * that it stays one. A target that exists and is no regular file (a device, a pipe) is written
 * directly: renaming over it would replace it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/system.h"

#define BUFFER_SIZE ((int64_t)1 << 16)
#define TRIES       100

struct duet_writer {
    char *path;      /* as the caller gave it; stands in messages */
    char *target;    /* behind symbolic links */
    char *temporary; /* NULL when writing directly */
    uint8_t *buffer;
    int64_t filled, offset;
    int fd;
    int error; /* the first errno */
};

/* Makes the entry of a renamed file durable. Some file systems cannot sync a folder; the content is
 * safe all the same. */
static void sync_folder_of(const char *path) {
    char folder[DUET_PATH_SIZE];
    if (!duet_copy_text(folder, sizeof folder, path)) return;
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        duet_copy_text(folder, sizeof folder, ".");
    else
        slash[slash == folder ? 1 : 0] = '\0';
    const int fd = open(folder, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

static int write_all(int fd, const uint8_t *bytes, int64_t count) {
    while (count > 0) {
        const ssize_t put = write(fd, bytes, (size_t)(count < INT_MAX ? count : INT_MAX));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        bytes += put;
        count -= put;
    }
    return 0;
}

/* 0, or the errno. Pipes and devices cannot be synced. */
static int sync_file(int fd) {
    if (fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP) return 0;
    return errno;
}

static void free_writer(duet_writer *writer) {
    if (writer == NULL) return;
    if (writer->fd >= 0) close(writer->fd);
    duet_release(writer->path);
    duet_release(writer->target);
    duet_release(writer->temporary);
    duet_release(writer->buffer);
    duet_release(writer);
}

static duet_status copy_string(char **out, const char *text) {
    char *copy = NULL;
    const size_t size = strlen(text) + 1;
    DUET_TRY(duet_alloc(&copy, (int64_t)size, 1));
    memcpy(copy, text, size);
    *out = copy;
    return DUET_OK;
}

/* Another thread, or a process that died with our number, may own the plain name: then ".1", ".2",
 * … */
static duet_status open_temporary(duet_writer *writer) {
    const int64_t size = (int64_t)strlen(writer->target) + 64;
    DUET_TRY(duet_alloc(&writer->temporary, size, 1));
    for (int try = 0; try < TRIES; try++) {
        const int used =
            snprintf(writer->temporary, (size_t)size, "%s.tmp.%ld", writer->target, (long)getpid());
        if (try > 0) snprintf(writer->temporary + used, (size_t)(size - used), ".%d", try);
        writer->fd = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (writer->fd >= 0) return DUET_OK;
        if (errno != EEXIST) break;
    }
    return duet_fail_system(errno, "write", writer->path);
}

static duet_status open_target(duet_writer *writer) {
    struct stat info;
    char resolved[PATH_MAX];
    const bool exists = stat(writer->path, &info) == 0;
    DUET_TRY(copy_string(&writer->target, exists && realpath(writer->path, resolved) != NULL
                                              ? resolved
                                              : writer->path));
    if (exists && S_ISDIR(info.st_mode)) return duet_fail_system(EISDIR, "write", writer->path);
    if (!exists || S_ISREG(info.st_mode)) return open_temporary(writer);
    writer->fd = open(writer->target, O_WRONLY | O_CLOEXEC);
    return writer->fd >= 0 ? DUET_OK : duet_fail_system(errno, "write", writer->path);
}

duet_status duet_writer_open(duet_writer **out, const char *path) {
    duet_status status = DUET_OK;
    duet_writer *writer = NULL;
    DUET_DO(duet_alloc(&writer, 1, sizeof *writer));
    writer->fd = -1;
    DUET_DO(copy_string(&writer->path, path));
    DUET_DO(duet_alloc(&writer->buffer, BUFFER_SIZE, 1));
    DUET_DO(open_target(writer));
    *out = writer;
    return DUET_OK;
done:
    free_writer(writer);
    return status;
}

static void flush(duet_writer *writer) {
    if (writer->error == 0) writer->error = write_all(writer->fd, writer->buffer, writer->filled);
    writer->filled = 0;
}

void duet_writer_put(duet_writer *writer, const void *bytes, int64_t count) {
    if (count <= 0) return;
    writer->offset += count;
    if (writer->filled + count > BUFFER_SIZE) flush(writer);
    if (writer->error != 0) return;
    if (count >= BUFFER_SIZE) {
        writer->error = write_all(writer->fd, bytes, count);
    } else {
        memcpy(writer->buffer + writer->filled, bytes, (size_t)count);
        writer->filled += count;
    }
}

int64_t duet_writer_offset(const duet_writer *writer) {
    return writer->offset;
}

void duet_writer_patch(duet_writer *writer, int64_t offset, const void *bytes, int64_t count) {
    const int64_t written = writer->offset - writer->filled;
    if (offset >= written) {
        memcpy(writer->buffer + (offset - written), bytes, (size_t)count);
        return;
    }
    flush(writer);
    const uint8_t *at = bytes;
    while (writer->error == 0 && count > 0) {
        const ssize_t put = pwrite(writer->fd, at, (size_t)count, (off_t)offset);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) writer->error = errno;
        at += put;
        offset += put;
        count -= put;
    }
}

duet_status duet_writer_commit(duet_writer *writer) {
    flush(writer);
    if (writer->error == 0) writer->error = sync_file(writer->fd);
    /* Network file systems report late write failures here. */
    if (close(writer->fd) != 0 && writer->error == 0) writer->error = errno;
    writer->fd = -1;
    if (writer->temporary != NULL) {
        if (writer->error == 0 && rename(writer->temporary, writer->target) != 0)
            writer->error = errno;
        if (writer->error != 0)
            unlink(writer->temporary);
        else
            sync_folder_of(writer->target);
    }
    const duet_status status =
        writer->error == 0 ? DUET_OK : duet_fail_system(writer->error, "write", writer->path);
    free_writer(writer);
    return status;
}

void duet_writer_abort(duet_writer *writer) {
    if (writer == NULL) return;
    if (writer->temporary != NULL) unlink(writer->temporary);
    free_writer(writer);
}

duet_status duet_file_write(const char *path, const void *bytes, int64_t count) {
    duet_writer *writer = NULL;
    DUET_TRY(duet_writer_open(&writer, path));
    duet_writer_put(writer, bytes, count);
    return duet_writer_commit(writer);
}

duet_status duet_file_append(const char *path, const char *text) {
    duet_status status = DUET_OK;
    duet_str line = {0};
    int error = 0, fd = -1;
    duet_str_add(&line, text);
    if (!duet_ends_with(text, "\n")) duet_str_add(&line, "\n");
    DUET_DO(duet_str_status(&line));
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) error = errno;
    /* one write: lines do not mix */
    if (error == 0) error = write_all(fd, (const uint8_t *)line.text, line.size);
    if (error == 0) error = sync_file(fd);
    if (fd >= 0 && close(fd) != 0 && error == 0) error = errno;
    if (error != 0) status = duet_fail_system(error, "append to", path);
done:
    duet_str_free(&line);
    return status;
}

duet_status duet_file_rename(const char *from, const char *to) {
    if (rename(from, to) != 0) return duet_fail_system(errno, "rename", from);
    sync_folder_of(to);
    return DUET_OK;
}
