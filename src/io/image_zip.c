/* SPDX-License-Identifier: MIT
 * io/image_zip.c: see image_zip.h. */
#include "io/image_zip.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/archive.h"

static void put_labels(duet_str *out, const duet_archive_part *parts, const int32_t *labels,
                       const char *classes, int64_t count) {
    duet_str_add(out, "{\"labels\": ");
    for (int64_t i = 0; i < count && labels != NULL; i++)
        duet_str_format(out, "%s[\"%s\", %d]", i > 0 ? ", " : "[", parts[i].name, labels[i]);
    duet_str_add(out, labels == NULL ? "null" : count > 0 ? "]" : "[]");
    if (classes != NULL) duet_str_format(out, ", \"classes\": %s", classes);
    duet_str_add(out, "}");
}

duet_status duet_image_zip_write(const char *path, const duet_bytes *png, const int32_t *labels,
                                 const char *classes, int64_t count) {
    duet_status status = DUET_OK;
    duet_arena *arena = NULL;
    duet_str json = {0};
    DUET_DO(duet_arena_new(&arena));
    duet_archive_part *const parts = duet_arena_alloc(arena, count + 1, sizeof *parts);
    DUET_DO(duet_arena_status(arena));
    for (int64_t i = 0; i < count; i++)
        parts[i] =
            (duet_archive_part){.name = duet_arena_format(arena, "%05lld/img%08lld.png",
                                                          (long long)(i / 1000), (long long)i),
                                .head = png[i].data,
                                .head_size = png[i].size};
    DUET_DO(duet_arena_status(arena));
    put_labels(&json, parts, labels, classes, count);
    DUET_DO(duet_str_status(&json));
    parts[count] =
        (duet_archive_part){.name = "dataset.json", .head = json.text, .head_size = json.size};
    DUET_DO(duet_archive_write(path, parts, count + 1, NULL));
done:
    duet_str_free(&json);
    duet_arena_free(arena);
    return status;
}
