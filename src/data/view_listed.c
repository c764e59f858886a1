/* SPDX-License-Identifier: MIT
 * data/view_listed.c: see view_listed.h. The rows are sorted by the last part of their names,
 * without the ending of images; of those that agree with a line in it, the folders of the shorter
 * name must be the last ones of the longer. */
#include "data/view_listed.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/dataset/dataset.h"
#include "io/kind.h"

typedef struct named {
    char *name;       /* without its ending */
    const char *base; /* its last part */
    int64_t at;       /* in the view */
} named;

static int by_base(const void *a, const void *b) {
    const named *x = a, *y = b;
    const int order = strcmp(x->base, y->base);
    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static void cut_ending(char *name) {
    const duet_name_kind kind = duet_kind_of_name(name);
    char *const dot = strrchr(name, '.');
    if (dot != NULL && (kind == DUET_NAME_IMAGE || kind == DUET_NAME_OTHER_IMAGE)) *dot = '\0';
}

/* Rows without a name of their own go by their number. */
static duet_status name_rows(named *out, duet_arena *arena, const duet_dataset *dataset,
                             const duet_view *in) {
    char text[DUET_PATH_SIZE];
    for (int64_t i = 0; i < in->count; i++) {
        if (dataset->layout->row_name != NULL)
            duet_dataset_row_name(dataset, in->split, in->index[i], text, sizeof text);
        else
            duet_format(text, sizeof text, "%lld", (long long)in->index[i]);
        cut_ending(text);
        out[i] = (named){.name = duet_arena_text(arena, text), .at = i};
        DUET_TRY(duet_arena_status(arena));
        out[i].base = duet_path_base(out[i].name);
    }
    qsort(out, (size_t)in->count, sizeof *out, by_base);
    return DUET_OK;
}

/* Whether the shorter of two names is the end of the other, in whole folders. */
static bool agree(const char *a, const char *b) {
    const char *const longer = strlen(a) < strlen(b) ? b : a, *const shorter = longer == a ? b : a;
    const size_t more = strlen(longer) - strlen(shorter);
    return duet_ends_with(longer, shorter) && (more == 0 || longer[more - 1] == '/');
}

/* How many rows a line names; *at: the first of them. */
static int64_t find(const named *rows, int64_t count, const char *line, int64_t *at) {
    const char *const base = duet_path_base(line);
    int64_t low = 0, high = count, found = 0;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (strcmp(rows[middle].base, base) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && strcmp(rows[low].base, base) == 0; low++)
        if (agree(rows[low].name, line) && found++ == 0) *at = rows[low].at;
    return found;
}

/* The next line without blanks around it, "./" and its ending; NULL at the end of the text. */
static char *next_line(char **rest) {
    static const char blank[] = " \t\r";
    char *line = NULL;
    while ((line = strsep(rest, "\n")) != NULL) {
        line += strspn(line, blank);
        size_t size = strlen(line);
        while (size > 0 && strchr(blank, line[size - 1]) != NULL) line[--size] = '\0';
        if (duet_starts_with(line, "./")) line += 2;
        cut_ending(line);
        if (line[0] != '\0') return line;
    }
    return NULL;
}

/* "train[12]", as messages call a row without a name, is 12. */
static char *bare_number(const duet_dataset *dataset, char *line) {
    char *const open = strchr(line, '['), *const end = strrchr(line, ']');
    if (dataset->layout->row_name != NULL || open == NULL || end == NULL) return line;
    *end = '\0';
    return open + 1;
}

static void match(const duet_dataset *dataset, const named *rows, int64_t count, char *text,
                  bool *wanted, duet_labels_listed *listed) {
    for (char *line = next_line(&text); line != NULL; line = next_line(&text)) {
        int64_t at = 0;
        line = bare_number(dataset, line);
        const int64_t found = find(rows, count, line, &at);
        listed->names++;
        if (found == 1) {
            listed->found += !wanted[at];
            wanted[at] = true;
            continue;
        }
        if (listed->unknown + listed->ambiguous == 0)
            (void)duet_copy_text(listed->first, sizeof listed->first, line);
        listed->unknown += found == 0;
        listed->ambiguous += found > 1;
    }
}

static duet_status read_list(char **out, const char *path) {
    duet_bytes bytes = {0};
    DUET_TRY(duet_file_read_gz(&bytes, path, 0));
    const duet_status status = duet_alloc(out, bytes.size + 1, 1);
    if (status == DUET_OK) memcpy(*out, bytes.data, (size_t)bytes.size);
    duet_bytes_free(&bytes);
    return status;
}

static duet_status nothing_found(const duet_dataset *dataset, const duet_view *in, const char *path,
                                 const duet_labels_listed *listed) {
    char example[200] = "0";
    if (listed->names == 0) return duet_fail(DUET_FORMAT, "the list '%s' names no image", path);
    if (dataset->layout->row_name != NULL && in->count > 0)
        duet_dataset_row_name(dataset, in->split, in->index[0], example, sizeof example);
    return duet_fail(DUET_FORMAT,
                     "none of the %lld names of '%s' is %s of split %s of '%s': the first is '%s', "
                     "an image there is '%s'",
                     (long long)listed->names, path,
                     listed->ambiguous > 0 ? "that of one image alone" : "that of an image",
                     duet_split_name(in->split), dataset->info.name, listed->first, example);
}

duet_status duet_view_listed(duet_view *out, const duet_dataset *dataset, const duet_view *in,
                             const char *path, duet_labels_listed *listed) {
    duet_status status = DUET_OK;
    duet_arena *arena = NULL;
    named *rows = NULL;
    bool *wanted = NULL;
    char *text = NULL;
    duet_view view = {.split = in->split};
    *listed = (duet_labels_listed){0};
    DUET_DO(duet_arena_new(&arena));
    DUET_DO(duet_alloc(&rows, in->count, sizeof *rows));
    DUET_DO(duet_alloc(&wanted, in->count, sizeof *wanted));
    DUET_DO(read_list(&text, path));
    DUET_DO(name_rows(rows, arena, dataset, in));
    match(dataset, rows, in->count, text, wanted, listed);
    if (listed->found == 0) {
        status = nothing_found(dataset, in, path, listed);
        goto done;
    }
    DUET_DO(duet_alloc(&view.index, listed->found, sizeof *view.index));
    for (int64_t i = 0; i < in->count; i++)
        if (wanted[i]) view.index[view.count++] = in->index[i];
    *out = view;
done:
    duet_arena_free(arena);
    duet_release(rows);
    duet_release(wanted);
    duet_release(text);
    return status;
}
