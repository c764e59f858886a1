/* SPDX-License-Identifier: MIT
 * io/archive_cut.c: see archive_cut.h. The list of members stands at the end of an archive, so that
 * one without it is walked by the headers before the members (PKWARE's APPNOTE, 4.3.7). Writers
 * that do not know a size beforehand leave it out there, and put a descriptor behind the member. */
#include "io/archive_cut.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"

enum {
    HEADER = 30,
    END = 22,
    DESCRIBED = 8,
    WIDE = 1,
    LONG_DESCRIPTOR = 24,
    SHORT_DESCRIPTOR = 16
};

typedef struct local_member {
    char name[100];
    uint64_t data, end; /* bytes of the file; end: 0 = not known */
} local_member;

static uint64_t number(const uint8_t *from, int bytes) {
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) value = value << 8 | from[i];
    return value;
}

/* The compressed size of 64 bits, the second number of its extra field. */
static uint64_t wide_size(const uint8_t *extra, uint64_t bytes, uint64_t otherwise) {
    for (uint64_t at = 0; at + 4 <= bytes;) {
        const uint64_t kind = number(extra + at, 2), size = number(extra + at + 2, 2);
        if (kind == WIDE && size >= 16 && at + 4 + size <= bytes) return number(extra + at + 12, 8);
        at += 4 + size;
    }
    return otherwise;
}

/* The end of the descriptor at `at`, if it is that of a member which begins at `from`; else 0. */
static uint64_t descriptor(const duet_map *map, uint64_t from, uint64_t at) {
    const uint64_t size = (uint64_t)map->size;
    const uint8_t *const bytes = map->data + at;
    if (at > size || size - at < SHORT_DESCRIPTOR || memcmp(bytes, "PK\7\x8", 4) != 0) return 0;
    if (size - at >= LONG_DESCRIPTOR && number(bytes + 8, 8) == at - from)
        return at + LONG_DESCRIPTOR;
    return number(bytes + 8, 4) == at - from ? at + SHORT_DESCRIPTOR : 0;
}

static uint64_t find_descriptor(const duet_map *map, uint64_t from) {
    const uint64_t size = (uint64_t)map->size;
    for (uint64_t at = from, end = 0; at < size; at++) {
        const uint8_t *const found = memmem(map->data + at, size - at, "PK\7\x8", 4);
        if (found == NULL) return 0;
        at = (uint64_t)(found - map->data);
        end = descriptor(map, from, at);
        if (end > 0) return end;
    }
    return 0;
}

/* The member whose header begins at `at`; false where the header is not whole. */
static bool read_member(local_member *out, const duet_map *map, uint64_t at) {
    const uint64_t size = (uint64_t)map->size;
    const uint8_t *const head = map->data + at;
    if (size - at < HEADER) return false;
    const uint64_t name = number(head + 26, 2), extra = number(head + 28, 2);
    if (size - at - HEADER < name + extra) return false;
    duet_format(out->name, sizeof out->name, "%.*s", (int)(name < 90 ? name : 90),
                (const char *)head + HEADER);
    out->data = at + HEADER + name + extra;
    uint64_t packed = number(head + 18, 4);
    if (packed == UINT32_MAX) packed = wide_size(head + HEADER + name, extra, packed);
    const bool described = (number(head + 6, 2) & DESCRIBED) != 0;
    out->end = packed <= UINT64_MAX - out->data ? out->data + packed : UINT64_MAX;
    if (described) {
        const uint64_t end =
            packed == 0 ? find_descriptor(map, out->data) : descriptor(map, out->data, out->end);
        if (packed == 0 || end > 0) out->end = end;
    }
    return true;
}

static void walk(char *out, size_t size, const duet_map *map) {
    const uint64_t bytes = (uint64_t)map->size;
    const long long all = (long long)map->size;
    uint64_t at = 0;
    while (bytes - at >= 4 && memcmp(map->data + at, "PK\3\4", 4) == 0) {
        local_member member = {.end = 0};
        if (!read_member(&member, map, at)) break;
        if (member.end == 0)
            duet_format(out, size,
                        "the file has %lld bytes and ends in member '%s', which begins at byte "
                        "%lld; fetch it again",
                        all, member.name, (long long)member.data);
        else if (member.end > bytes)
            duet_format(out, size,
                        "the file has %lld bytes, but member '%s' reaches to byte %llu; fetch it "
                        "again",
                        all, member.name, (unsigned long long)member.end);
        if (out[0] != '\0') return;
        at = member.end;
    }
    local_member member;
    const bool list = bytes - at >= 4 && memcmp(map->data + at, "PK\1\2", 4) == 0;
    if (list || bytes - at < HEADER || !read_member(&member, map, at))
        duet_format(out, size,
                    "the file has %lld bytes and ends %s the list of its members%s; fetch it again",
                    all, list ? "in" : "before", list ? "" : ", which stands at its end");
}

void duet_archive_cut(char *out, size_t size, const char *path) {
    duet_map map = {0};
    out[0] = '\0';
    if (duet_map_open(&map, path) != DUET_OK) {
        duet_error_clear();
        return;
    }
    const size_t bytes = (size_t)map.size, most = END + UINT16_MAX,
                 from = bytes > most ? bytes - most : 0;
    const uint8_t *const end = memmem(map.data + from, bytes - from, "PK\5\6", 4);
    if (bytes > 4 && memcmp(map.data, "PK\3\4", 4) == 0 &&
        (end == NULL || map.data + bytes - end < END))
        walk(out, size, &map);
    duet_map_close(&map);
}
