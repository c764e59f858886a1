/* SPDX-License-Identifier: MIT
 * data/dataset/wnids.c: see wnids.h. */
#include "data/dataset/wnids.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

enum { LENGTH = 9 };

bool duet_wnid_is(const char *text) {
    if (text[0] != 'n' || strspn(text + 1, "0123456789") != LENGTH - 1) return false;
    const char next = text[LENGTH];
    return !((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z'));
}

duet_status duet_wnids_add(duet_wnids *wnids, duet_arena *arena, const char *text) {
    if (!duet_wnid_is(text))
        return duet_fail(DUET_FORMAT, "'%.40s' is no WordNet id like n01440764", text);
    DUET_TRY(duet_grow(&wnids->id, &wnids->capacity, wnids->count + 1, sizeof *wnids->id));
    wnids->id[wnids->count] = duet_arena_format(arena, "%.*s", LENGTH, text);
    DUET_TRY(duet_arena_status(arena));
    wnids->count++;
    return DUET_OK;
}

duet_status duet_wnids_add_folders(duet_wnids *wnids, duet_arena *arena, const char *folder) {
    duet_status status = DUET_OK;
    duet_listing list = {0};
    char path[DUET_PATH_SIZE];
    if (!duet_path_is_folder(folder)) return DUET_OK;
    DUET_DO(duet_folder_list(&list, folder));
    for (int64_t i = 0; i < list.count; i++) {
        if (!duet_wnid_is(list.name[i]) || strlen(list.name[i]) != LENGTH) continue;
        DUET_DO(duet_path_join(path, folder, list.name[i]));
        if (duet_path_is_folder(path)) DUET_DO(duet_wnids_add(wnids, arena, list.name[i]));
    }
done:
    duet_listing_free(&list);
    return status;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void duet_wnids_sort(duet_wnids *wnids) {
    const int64_t all = wnids->count;
    if (all == 0) return;
    qsort(wnids->id, (size_t)all, sizeof *wnids->id, by_text);
    wnids->count = 0;
    for (int64_t i = 0; i < all; i++)
        if (wnids->count == 0 || strcmp(wnids->id[wnids->count - 1], wnids->id[i]) != 0)
            wnids->id[wnids->count++] = wnids->id[i];
}

int32_t duet_wnids_find(const duet_wnids *wnids, const char *text) {
    char id[LENGTH + 1];
    const char *const key = id;
    if (!duet_wnid_is(text)) return -1;
    memcpy(id, text, LENGTH);
    id[LENGTH] = '\0';
    const char **const found = wnids->count > 0 ? bsearch(&key, wnids->id, (size_t)wnids->count,
                                                          sizeof *wnids->id, by_text)
                                                : NULL;
    return found != NULL ? (int32_t)(found - wnids->id) : -1;
}

typedef struct named {
    const char *text;
    int64_t class;
} named;

static int by_name(const void *a, const void *b) {
    return strcmp(((const named *)a)->text, ((const named *)b)->text);
}

/* twice[c]: the name of class c is that of another class, too. */
static duet_status find_twins(bool *twice, const char *const *names, int64_t count) {
    named *sorted = NULL;
    DUET_TRY(duet_alloc(&sorted, count + 1, sizeof *sorted));
    for (int64_t c = 0; c < count; c++) sorted[c] = (named){names[c], c};
    qsort(sorted, (size_t)count, sizeof *sorted, by_name);
    memset(twice, 0, (size_t)count * sizeof *twice);
    for (int64_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1].text, sorted[i].text) == 0)
            twice[sorted[i - 1].class] = twice[sorted[i].class] = true;
    duet_release(sorted);
    return DUET_OK;
}

duet_status duet_wnids_name(const char ***out, const duet_wnids *wnids, duet_arena *arena,
                            const duet_lines *words) {
    duet_status status = DUET_OK;
    bool *twice = NULL;
    const int64_t count = wnids->count;
    const char **const names = duet_arena_alloc(arena, count + 1, sizeof *names);
    DUET_DO(duet_arena_status(arena));
    DUET_DO(duet_alloc(&twice, count + 1, sizeof *twice));
    for (int step = 0; step < 3; step++) { /* brief; all words; with the id */
        for (int64_t c = 0; c < count; c++) {
            const duet_line *const line =
                words != NULL ? duet_lines_find(words, wnids->id[c], -1) : NULL;
            const char *const text = line != NULL && line->rest[0] != '\0' ? line->rest : NULL;
            if (step > 0 && !twice[c]) continue;
            names[c] = text == NULL ? wnids->id[c]
                       : step == 0 ? duet_arena_format(arena, "%.*s", (int)strcspn(text, ","), text)
                       : step == 1 ? text
                                   : duet_arena_format(arena, "%s (%s)", text, wnids->id[c]);
        }
        DUET_DO(duet_arena_status(arena));
        DUET_DO(find_twins(twice, names, count));
    }
    *out = names;
done:
    duet_release(twice);
    return status;
}

void duet_wnids_free(duet_wnids *wnids) {
    duet_release(wnids->id);
    *wnids = (duet_wnids){0};
}
