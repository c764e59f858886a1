/* SPDX-License-Identifier: MIT
 * io/image_zip.c: see image_zip.h. */
#include "io/image_zip.h"

#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/archive.h"

struct duet_image_zip {
    duet_archive_writer *archive;
    int32_t *labels; /* [count] */
    int64_t count, room;
};

static void name_of(char out[64], int64_t i) {
    snprintf(out, 64, "%05lld/img%08lld.png", (long long)(i / 1000), (long long)i);
}

duet_status duet_image_zip_open(duet_image_zip **out, const char *path) {
    duet_image_zip *zip = NULL;
    DUET_TRY(duet_alloc(&zip, 1, sizeof *zip));
    const duet_status status = duet_archive_writer_open(&zip->archive, path);
    if (status == DUET_OK)
        *out = zip;
    else
        duet_release(zip);
    return status;
}

duet_status duet_image_zip_put(duet_image_zip *zip, const duet_bytes *png, int32_t label) {
    char name[64];
    DUET_TRY(duet_grow(&zip->labels, &zip->room, zip->count + 1, sizeof *zip->labels));
    name_of(name, zip->count);
    DUET_TRY(duet_archive_begin_member(zip->archive, name, png->size));
    duet_archive_put(zip->archive, png->data, png->size);
    zip->labels[zip->count++] = label;
    return DUET_OK;
}

static void put_labels(duet_str *out, const duet_image_zip *zip, bool labelled,
                       const char *classes) {
    char name[64];
    duet_str_add(out, "{\"labels\": ");
    for (int64_t i = 0; i < zip->count && labelled; i++) {
        name_of(name, i);
        duet_str_format(out, "%s[\"%s\", %d]", i > 0 ? ", " : "[", name, zip->labels[i]);
    }
    duet_str_add(out, !labelled ? "null" : zip->count > 0 ? "]" : "[]");
    if (classes != NULL) duet_str_format(out, ", \"classes\": %s", classes);
    duet_str_add(out, "}");
}

duet_status duet_image_zip_commit(duet_image_zip *zip, bool labelled, const char *classes) {
    duet_status status = DUET_OK;
    duet_str json = {0};
    put_labels(&json, zip, labelled, classes);
    DUET_DO(duet_str_status(&json));
    DUET_DO(duet_archive_begin_member(zip->archive, "dataset.json", json.size));
    duet_archive_put(zip->archive, json.text, json.size);
    status = duet_archive_writer_commit(zip->archive, NULL);
    zip->archive = NULL;
done:
    duet_str_free(&json);
    duet_image_zip_abort(zip);
    return status;
}

void duet_image_zip_abort(duet_image_zip *zip) {
    if (zip == NULL) return;
    duet_archive_writer_abort(zip->archive);
    duet_release(zip->labels);
    duet_release(zip);
}
