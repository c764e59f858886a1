/* SPDX-License-Identifier: MIT
 * data/dataset/notes.c: what a data set leaves out and what was decided about it, counted by
 * reason. */
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/str.h"
#include "base/utf8.h"
#include "data/dataset/dataset.h"

enum { MOST_REASONS = 40 };

typedef struct note_list {
    duet_dataset_note note[MOST_REASONS];
    int count;
} note_list;

struct duet_notes {
    note_list left_out, noticed;
};

static duet_dataset_note *find(note_list *list, const char *reason) {
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->note[i].reason, reason) == 0) return &list->note[i];
    return NULL;
}

static void count_up(duet_arena *arena, note_list *list, const duet_dataset_note *one) {
    duet_dataset_note *at = find(list, one->reason);
    if (at == NULL && list->count == MOST_REASONS) at = &list->note[MOST_REASONS - 1];
    if (at != NULL) {
        at->count += one->count;
        return;
    }
    at = &list->note[list->count++];
    *at = *one;
    at->reason = duet_arena_text(arena, one->reason);
    at->example = duet_utf8_shown(arena, one->example);
    at->advice = duet_arena_text(arena, one->advice);
    if (at->reason == NULL || at->example == NULL || at->advice == NULL)
        list->count--; /* the arena remembers its failure */
}

static struct duet_notes *notes_of(duet_dataset *dataset) {
    if (dataset->notes == NULL && duet_alloc(&dataset->notes, 1, sizeof *dataset->notes) != DUET_OK)
        return NULL;
    return dataset->notes;
}

void duet_dataset_left_out(duet_dataset *dataset, bool quiet, const char *reason,
                           const char *example, const char *advice) {
    struct duet_notes *const notes = notes_of(dataset);
    if (notes == NULL) return;
    count_up(dataset->arena, &notes->left_out,
             &(duet_dataset_note){reason, example, advice, 1, quiet});
}

void duet_dataset_noticed(duet_dataset *dataset, bool quiet, int64_t count, const char *reason,
                          const char *example, const char *advice) {
    struct duet_notes *const notes = count > 0 ? notes_of(dataset) : NULL;
    if (notes == NULL) return;
    count_up(dataset->arena, &notes->noticed,
             &(duet_dataset_note){reason, example, advice, count, quiet});
}

void duet_dataset_missing(duet_dataset *dataset, duet_split split, const char *name,
                          const char *advice) {
    const int64_t nth = dataset->missing[split]++;
    if (nth < DUET_OFFICIAL_EXAMPLES)
        dataset->missing_example[split][nth] = duet_utf8_shown(dataset->arena, name);
    duet_dataset_left_out(dataset, false, "rows of the list whose file is missing", name, advice);
}

int64_t duet_dataset_lost(char *text, size_t size, const duet_dataset *dataset) {
    int64_t lost = 0;
    duet_str words = {0};
    for (int i = 0; dataset->notes != NULL && i < dataset->notes->left_out.count; i++) {
        const duet_dataset_note *const note = &dataset->notes->left_out.note[i];
        lost += note->quiet ? 0 : note->count;
        duet_str_format(&words, "%s%lld %s ('%s')", i > 0 ? ", " : "", (long long)note->count,
                        note->reason, note->example);
    }
    duet_copy_text(text, size, words.text != NULL ? words.text : "");
    duet_str_free(&words);
    return lost;
}

void duet_dataset_tell(duet_context *ctx, duet_dataset *dataset) {
    struct duet_notes *const notes = dataset->notes;
    if (notes == NULL) return;
    const note_list *const lists[] = {&notes->left_out, &notes->noticed};
    for (int k = 0; k < DUET_COUNT(lists); k++) {
        for (int i = 0; i < lists[k]->count; i++) {
            const duet_dataset_note *const n = &lists[k]->note[i];
            if (n->quiet) continue;
            duet_log(ctx, DUET_LOG_WARNING,
                     k == 0 ? "%s: left out, %s: %lld, such as '%s'%s%s"
                            : "%s: %s: %lld, such as '%s'%s%s",
                     dataset->info.name, n->reason, (long long)n->count, n->example,
                     n->advice[0] != '\0' ? "; " : "", n->advice);
        }
    }
    dataset->info.left_out = notes->left_out.note;
    dataset->info.left_out_count = notes->left_out.count;
    dataset->info.noticed = notes->noticed.note;
    dataset->info.noticed_count = notes->noticed.count;
}

void duet_dataset_free_notes(duet_dataset *dataset) {
    duet_release(dataset->notes);
    dataset->notes = NULL;
}
