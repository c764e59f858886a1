/* SPDX-License-Identifier: MIT
 * base/file.c: reading files whole, packed or mapped. What is read is followed by a NUL byte
 * outside `size`, so that text can be used as it is. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/system.h"

#define GZ_LIMIT ((int64_t)4 << 30)

static duet_status open_to_read(int *out, struct stat *info, const char *path) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return duet_fail_system(errno, "read", path);
    int error = fstat(fd, info) == 0 ? 0 : errno;
    if (error == 0 && S_ISDIR(info->st_mode)) error = EISDIR;
    if (error != 0) {
        close(fd);
        return duet_fail_system(error, "read", path);
    }
    *out = fd;
    return DUET_OK;
}

/* Reads to the end whatever fstat said: pipes and /proc report size 0, and a file may grow. */
static duet_status read_all(duet_bytes *out, int fd, int64_t expected, const char *path) {
    duet_status status = DUET_OK;
    uint8_t *data = NULL;
    int64_t size = 0, capacity = expected + 2;
    DUET_DO(duet_alloc(&data, capacity, 1));
    for (;;) {
        if (size + 1 == capacity)
            DUET_DO(duet_grow(&data, &capacity, capacity < 4096 ? 4096 : capacity + 1, 1));
        const ssize_t got = read(fd, data + size, (size_t)(capacity - 1 - size));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            status = duet_fail_system(errno, "read", path);
            goto done;
        }
        if (got == 0) break;
        size += got;
    }
    *out = (duet_bytes){.data = data, .size = size};
    return DUET_OK;
done:
    duet_release(data);
    return status;
}

duet_status duet_file_read(duet_bytes *out, const char *path) {
    int fd = -1;
    struct stat info;
    DUET_TRY(open_to_read(&fd, &info, path));
    const duet_status status =
        read_all(out, fd, S_ISREG(info.st_mode) ? (int64_t)info.st_size : 0, path);
    close(fd);
    return status;
}

void duet_bytes_free(duet_bytes *bytes) {
    if (bytes == NULL) return;
    duet_release(bytes->data);
    *bytes = (duet_bytes){0};
}

static bool is_gzip(const uint8_t *bytes, int64_t size) {
    return size >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;
}

/* Unpacks all members (a gzip file may be several, one behind the other); zero bytes behind the
 * last are padding. */
static duet_status unpack(duet_bytes *out, z_stream *z, const duet_bytes *packed, int64_t limit,
                          const char *path) {
    int64_t capacity = 0, used = 0; /* used: packed bytes handed to zlib and consumed */
    for (;;) {
        const int64_t left = packed->size - used;
        z->next_in = packed->data + used;
        z->avail_in = left > (1 << 30) ? 1u << 30 : (uInt)left;
        const uInt given = z->avail_in;
        if (out->size + 1 >= capacity)
            DUET_TRY(duet_grow(&out->data, &capacity, capacity == 0 ? 65536 : capacity + 1, 1));
        const int64_t room = capacity - 1 - out->size;
        z->next_out = out->data + out->size;
        z->avail_out = room > (1 << 30) ? 1u << 30 : (uInt)room;
        const uInt offered = z->avail_out;
        const int code = inflate(z, Z_NO_FLUSH);
        used += given - z->avail_in;
        out->size += offered - z->avail_out;
        if (out->size > limit) {
            return duet_fail(DUET_NO_MEMORY, "'%s' unpacks to more than the limit of %lld bytes",
                             path, (long long)limit);
        }
        if (code == Z_STREAM_END) {
            if (!is_gzip(packed->data + used, packed->size - used)) return DUET_OK;
            if (inflateReset(z) != Z_OK)
                return duet_fail(DUET_BACKEND, "cannot unpack '%s': zlib failed", path);
        } else if (code == Z_MEM_ERROR) {
            return duet_fail(DUET_NO_MEMORY, "out of memory: unpacking '%s'", path);
        } else if (code != Z_OK && code != Z_BUF_ERROR) {
            return duet_fail(DUET_FORMAT, "'%s' is damaged: gzip data is wrong at byte %lld", path,
                             (long long)used);
        } else if (used == packed->size && z->avail_out > 0) {
            return duet_fail(DUET_FORMAT, "'%s' is damaged: gzip data ends early at byte %lld",
                             path, (long long)used);
        }
    }
}

duet_status duet_file_read_gz(duet_bytes *out, const char *path, int64_t limit) {
    duet_status status = DUET_OK;
    duet_bytes packed = {0}, plain = {0};
    z_stream z = {0};
    DUET_TRY(duet_file_read(&packed, path));
    if (!is_gzip(packed.data, packed.size)) {
        *out = packed;
        return DUET_OK;
    }
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) {
        duet_bytes_free(&packed);
        return duet_fail(DUET_BACKEND, "cannot unpack '%s': zlib failed", path);
    }
    DUET_DO(unpack(&plain, &z, &packed, limit > 0 ? limit : GZ_LIMIT, path));
    *out = plain;
    plain = (duet_bytes){0};
done:
    inflateEnd(&z);
    duet_bytes_free(&packed);
    duet_bytes_free(&plain);
    return status;
}

duet_status duet_map_open(duet_map *out, const char *path) {
    int fd = -1;
    struct stat info;
    duet_status status = DUET_OK;
    duet_bytes bytes = {0};
    DUET_TRY(open_to_read(&fd, &info, path));
    if (S_ISREG(info.st_mode) && info.st_size > 0) {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data != MAP_FAILED) {
            *out = (duet_map){.data = data, .size = (int64_t)info.st_size, .mapped = true};
            goto done;
        }
    }
    DUET_DO(read_all(&bytes, fd, S_ISREG(info.st_mode) ? (int64_t)info.st_size : 0, path));
    *out = (duet_map){.data = bytes.data, .size = bytes.size, .mapped = false};
done:
    close(fd);
    return status;
}

void duet_map_close(duet_map *map) {
    if (map == NULL || map->data == NULL) return;
    /* The pointer is const for readers only; both owners want it plain. */
    void *data = (void *)(uintptr_t)map->data;
    if (map->mapped)
        munmap(data, (size_t)map->size);
    else
        duet_release(data);
    *map = (duet_map){0};
}

void duet_map_drop(const void *from, int64_t bytes) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE),
                    begin = ((uintptr_t)from + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)from + (uintptr_t)bytes) / page * page;
    if (begin < end)
        (void)madvise((void *)begin, end - begin,
                      MADV_DONTNEED); /* advice: nothing is lost where it fails */
}
