/* SPDX-License-Identifier: MIT
 * data/dataset/packed.c: see packed.h. */
#include "data/dataset/packed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"

/* Names of numbered classes sort as the numbers do. */
#define NUMBERED   "%010lld"
#define MOST_LABEL 999999999

duet_status duet_packed_new(duet_dataset *dataset) {
    return duet_alloc(&dataset->state, 1, sizeof(duet_packed));
}

duet_status duet_packed_add(duet_dataset *dataset, const char *name, duet_bytes *bytes) {
    duet_packed *const p = dataset->state;
    DUET_TRY(duet_grow(&p->member, &p->capacity, p->count + 1, sizeof *p->member));
    DUET_TRY(duet_rows_add(&p->rows, dataset->arena, name, p->count));
    dataset->info.hash =
        duet_hash(bytes->data, (size_t)bytes->size, duet_hash_text(name, dataset->info.hash));
    p->member[p->count++] = *bytes;
    *bytes = (duet_bytes){0};
    return DUET_OK;
}

duet_status duet_packed_add_labelled(duet_dataset *dataset, duet_split split, int64_t label,
                                     const char *name, duet_bytes *bytes) {
    if (label < 0 || label > MOST_LABEL)
        return duet_fail(DUET_FORMAT, "'%.200s' has the label %lld; labels are 0 to %d", name,
                         (long long)label, MOST_LABEL);
    char *const full = duet_arena_format(dataset->arena, "%s/" NUMBERED "/%s",
                                         duet_split_name(split), (long long)label, name);
    DUET_TRY(duet_arena_status(dataset->arena));
    return duet_packed_add(dataset, full, bytes);
}

static bool is_numbered(const char *name) {
    return strlen(name) == 10 && strspn(name, "0123456789") == 10;
}

duet_status duet_packed_finish(duet_context *ctx, duet_dataset *dataset) {
    duet_status status = DUET_OK;
    const char **names = NULL;
    DUET_TRY(duet_rows_finish(ctx, &((duet_packed *)dataset->state)->rows, dataset));
    const int count = dataset->info.labelled ? dataset->info.class_count : 0;
    DUET_DO(duet_alloc(&names, count + 1, sizeof *names));
    for (int i = 0; i < count; i++) {
        names[i] = dataset->info.class_names[i];
        if (!is_numbered(names[i])) goto done;
        names[i] = duet_arena_format(dataset->arena, "%lld", strtoll(names[i], NULL, 10));
    }
    DUET_DO(duet_arena_status(dataset->arena));
    if (count > 0) DUET_DO(duet_dataset_name_classes(dataset, names, count));
done:
    duet_release(names);
    return status;
}

bool duet_packed_wants(const char *name) {
    while (strncmp(name, "./", 2) == 0) name += 2;
    return name[0] != '.' && strstr(name, "/.") == NULL && !duet_starts_with(name, "__MACOSX/") &&
           duet_image_name_known(name);
}

void duet_packed_close(duet_dataset *dataset) {
    duet_packed *const p = dataset->state;
    if (p == NULL) return;
    for (int64_t i = 0; i < p->count; i++) duet_bytes_free(&p->member[i]);
    duet_release(p->member);
    duet_rows_free(&p->rows);
    duet_release(p);
}

duet_status duet_packed_read(const duet_dataset *dataset, duet_split split, int64_t index,
                             int channels, duet_image *out) {
    const duet_packed *const p = dataset->state;
    const duet_row_file *const file = duet_rows_at(&p->rows, split, index);
    return duet_image_decode(out, p->member[file->item].data, p->member[file->item].size, channels,
                             file->name);
}

void duet_packed_row_name(const duet_dataset *dataset, duet_split split, int64_t index, char *out,
                          size_t size) {
    snprintf(out, size, "%s",
             duet_rows_at(&((const duet_packed *)dataset->state)->rows, split, index)->name);
}
