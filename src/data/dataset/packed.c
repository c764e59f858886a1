/* SPDX-License-Identifier: MIT
 * data/dataset/packed.c: see packed.h. */
#include "data/dataset/packed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"
#include "data/dataset/files.h"

struct duet_packed_link {
    const char *name, *target; /* target: from the archive's top, without "." and ".." */
    const char *row;           /* the name as rows.h wants it */
    bool done;
};

duet_status duet_packed_new(duet_dataset *dataset) {
    return duet_alloc(&dataset->state, 1, sizeof(duet_packed));
}

static duet_status add_row(duet_dataset *dataset, const char *name, int64_t item,
                           const duet_bytes *bytes) {
    duet_packed *const p = dataset->state;
    DUET_TRY(duet_rows_add(&p->rows, dataset->arena, name, item));
    dataset->info.hash =
        duet_hash(bytes->data, (size_t)bytes->size, duet_hash_text(name, dataset->info.hash));
    return DUET_OK;
}

duet_status duet_packed_add(duet_dataset *dataset, const char *name, duet_bytes *bytes) {
    duet_packed *const p = dataset->state;
    DUET_TRY(duet_grow(&p->member, &p->capacity, p->count + 1, sizeof *p->member));
    DUET_TRY(add_row(dataset, name, p->count, bytes));
    p->member[p->count++] = *bytes;
    *bytes = (duet_bytes){0};
    return DUET_OK;
}

duet_status duet_packed_add_labelled(duet_dataset *dataset, duet_split split, int64_t label,
                                     const char *name, duet_bytes *bytes) {
    const char *full = NULL;
    duet_rows *const rows = &((duet_packed *)dataset->state)->rows;
    DUET_TRY(duet_rows_number(&full, dataset->arena, split, label, name));
    DUET_TRY(duet_packed_add(dataset, full, bytes));
    rows->file[rows->count - 1].own = duet_arena_text(dataset->arena, name);
    return duet_arena_status(dataset->arena);
}

duet_status duet_packed_offer(duet_dataset *dataset, const char *name, duet_bytes *bytes) {
    const duet_files_say say = duet_files_wants(dataset, name);
    if (say == DUET_FILES_NO || (say == DUET_FILES_LOOK &&
                                 !duet_files_wants_bytes(dataset, name, bytes->data, bytes->size)))
        return DUET_OK;
    return duet_packed_add(dataset, name, bytes);
}

/* ---- links ---- */

/* a/./b/../c -> a/c; false where it leads out of the archive. In place. */
static bool make_plain(char *path) {
    const char *at = path;
    char *to = path;
    while (*at != '\0') {
        const size_t n = strcspn(at, "/");
        const bool up = n == 2 && memcmp(at, "..", 2) == 0;
        if (up && to == path) return false;
        if (up) {
            for (to--; to > path && to[-1] != '/';) to--;
        } else if (n > 0 && !(n == 1 && at[0] == '.')) {
            memmove(to, at, n);
            to += n;
            *to++ = '/';
        }
        at += n + (at[n] == '/');
    }
    if (to > path) to--;
    *to = '\0';
    return true;
}

static duet_status add_link(duet_dataset *dataset, const char *name, const char *row,
                            const char *target, bool relative) {
    duet_packed *const p = dataset->state;
    if (duet_files_hidden(name)) return DUET_OK;
    while (duet_starts_with(name, "./")) name += 2;
    const int folder = relative ? (int)(duet_path_base(name) - name) : 0;
    char *const path = duet_arena_format(dataset->arena, "%.*s%s", folder, name, target);
    const char *const own = duet_arena_text(dataset->arena, name);
    DUET_TRY(duet_arena_status(dataset->arena));
    if (target[0] == '/' || !make_plain(path)) {
        duet_files_bad_link(dataset, name);
        return DUET_OK;
    }
    DUET_TRY(duet_grow(&p->link, &p->link_capacity, p->link_count + 1, sizeof *p->link));
    p->link[p->link_count++] =
        (struct duet_packed_link){.name = own, .target = path, .row = row != NULL ? row : own};
    return DUET_OK;
}

duet_status duet_packed_link(duet_dataset *dataset, const char *name, const char *target,
                             bool relative) {
    return add_link(dataset, name, NULL, target, relative);
}

duet_status duet_packed_link_labelled(duet_dataset *dataset, duet_split split, int64_t label,
                                      const char *name, const char *target, bool relative) {
    const char *row = NULL;
    DUET_TRY(duet_rows_number(&row, dataset->arena, split, label, name));
    return add_link(dataset, name, row, target, relative);
}

static int by_own(const void *a, const void *b) {
    return strcmp(((const duet_row_file *)a)->own, ((const duet_row_file *)b)->own);
}

/* One round: links to what is there become rows; *found of them. */
static duet_status follow_once(duet_dataset *dataset, int64_t *found) {
    duet_status status = DUET_OK;
    duet_packed *const p = dataset->state;
    const int64_t count = p->rows.count;
    duet_row_file *sorted = NULL;
    *found = 0;
    DUET_DO(duet_alloc(&sorted, count, sizeof *sorted));
    if (count > 0) memcpy(sorted, p->rows.file, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_own);
    for (int64_t i = 0; i < p->link_count; i++) {
        struct duet_packed_link *const l = &p->link[i];
        const duet_row_file wanted = {.own = l->target};
        const duet_row_file *const at =
            l->done ? NULL : bsearch(&wanted, sorted, (size_t)count, sizeof *sorted, by_own);
        if (at == NULL) continue;
        DUET_DO(add_row(dataset, l->row, at->item, &p->member[at->item]));
        p->rows.file[p->rows.count - 1].own = l->name;
        l->done = true;
        ++*found;
    }
done:
    duet_release(sorted);
    return status;
}

/* Links may lead to links; what is left in the end leads to nothing, or in a circle. */
static duet_status follow_links(duet_dataset *dataset) {
    const duet_packed *const p = dataset->state;
    int64_t found = p->link_count;
    while (found > 0) DUET_TRY(follow_once(dataset, &found));
    for (int64_t i = 0; i < p->link_count; i++)
        if (!p->link[i].done) duet_files_bad_link(dataset, p->link[i].name);
    return DUET_OK;
}

duet_status duet_packed_finish(duet_context *ctx, duet_dataset *dataset) {
    duet_packed *const p = dataset->state;
    DUET_TRY(follow_links(dataset));
    DUET_TRY(duet_rows_finish(ctx, &p->rows, dataset));
    return duet_rows_rename_numbers(dataset, p->class_names, p->class_count);
}

void duet_packed_close(duet_dataset *dataset) {
    duet_packed *const p = dataset->state;
    if (p == NULL) return;
    for (int64_t i = 0; i < p->count; i++) duet_bytes_free(&p->member[i]);
    duet_release(p->member);
    duet_release(p->link);
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
