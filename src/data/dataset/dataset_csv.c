/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_csv.c: a .csv (or .tsv) that lists images, one per line: path, class and, if
 * there is one, the split. With a first line of names the columns are found by them (image or path
 * or file or filename or id; label or class or target or category; split or set or subset), else
 * they are the first three. Fields may be quoted. Paths are relative to the list's folder. Rows
 * stay in the list's order; classes are sorted, as numbers where all of them are, else by bytes.
 * Images are read on demand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/context.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"
#include "data/dataset/dataset.h"

enum { MOST_FIELDS = 64, MOST_BYTES = 1 << 30 };
enum { PATH, LABEL, SPLIT, COLUMNS };

typedef struct row {
    const char *path, *label; /* label "": none */
    duet_split split;
} row;

typedef struct csv_state {
    char *text; /* the list, fields ended by NULs */
    const char *folder;
    row *rows;
    int64_t count, capacity;
    int64_t *order[DUET_SPLIT_COUNT]; /* row of the split -> row of the list */
} csv_state;

static int csv_detect(const char *path) {
    return !duet_path_is_folder(path) &&
                   (duet_ends_with(path, ".csv") || duet_ends_with(path, ".tsv"))
               ? 90
               : 0;
}

/* The fields of a line, which is changed: quotes are taken off, "" in them is ". Returns how many;
 * the line's end in *next. */
static int split_line(char *line, char comma, char *fields[MOST_FIELDS], char **next) {
    int count = 0;
    char *from = line, *to = line;
    bool end = false;
    while (!end) {
        if (count < MOST_FIELDS) fields[count] = to;
        count++;
        const bool quoted = *from == '"';
        from += quoted;
        while (*from != '\0') {
            if (quoted && from[0] == '"' && from[1] == '"')
                from++;
            else if (quoted && *from == '"') {
                from++;
                break;
            } else if (!quoted && (*from == comma || *from == '\n' || *from == '\r'))
                break;
            *to++ = *from++;
        }
        /* behind a quote, and \r */
        while (*from != '\0' && *from != comma && *from != '\n') from++;
        end = *from != comma;
        if (*from != '\0') from++;
        *to++ = '\0'; /* never ahead of `from`: at least the separator was read */
    }
    *next = from;
    return count < MOST_FIELDS ? count : MOST_FIELDS;
}

/* Columns by the names of the first line; false where it has none. */
static bool read_header(int column[COLUMNS], char *const *fields, int count) {
    static const char *const names[COLUMNS][6] = {
        {"path", "image", "file", "filename", "image_path", "id"},
        {"label", "class", "target", "category", "class_name", "species"},
        {"split", "set", "subset"}};
    int found[COLUMNS] = {-1, -1, -1};
    for (int c = 0; c < COLUMNS; c++)
        for (int k = 0; k < 6 && names[c][k] != NULL && found[c] < 0; k++)
            for (int i = 0; i < count && found[c] < 0; i++)
                if (strcasecmp(fields[i], names[c][k]) == 0) found[c] = i;
    if (found[PATH] < 0) return false;
    memcpy(column, found, sizeof found);
    return true;
}

static duet_status add_row(csv_state *state, char *const *fields, int count,
                           const int column[COLUMNS], int64_t line) {
    row r = {.split = DUET_TRAIN, .label = ""};
    if (column[PATH] >= count || fields[column[PATH]][0] == '\0')
        return duet_fail(DUET_FORMAT, "line %lld has no path of an image", (long long)line);
    r.path = fields[column[PATH]];
    if (column[LABEL] >= 0 && column[LABEL] < count) r.label = fields[column[LABEL]];
    if (column[SPLIT] >= 0 && column[SPLIT] < count && fields[column[SPLIT]][0] != '\0' &&
        duet_split_parse(&r.split, fields[column[SPLIT]]) != DUET_OK)
        return duet_fail(DUET_FORMAT, "line %lld has split '%.40s'; splits are train, val and test",
                         (long long)line, fields[column[SPLIT]]);
    DUET_TRY(duet_grow(&state->rows, &state->capacity, state->count + 1, sizeof *state->rows));
    state->rows[state->count++] = r;
    return DUET_OK;
}

static duet_status read_rows(duet_context *ctx, csv_state *state, char comma) {
    int column[COLUMNS] = {0, 1, 2};
    char *fields[MOST_FIELDS], *at = state->text;
    if (duet_starts_with(at, "\xEF\xBB\xBF")) at += 3; /* what some programs write before UTF-8 */
    for (int64_t line = 1; *at != '\0'; line++) {
        if (line % 4096 == 0) DUET_TRY(duet_check_cancelled(ctx));
        const int count = split_line(at, comma, fields, &at);
        if (count == 1 && fields[0][0] == '\0') continue; /* an empty line */
        if (line == 1 && read_header(column, fields, count)) continue;
        DUET_TRY(add_row(state, fields, count, column, line));
    }
    return state->count > 0 ? DUET_OK : duet_fail(DUET_FORMAT, "it lists no image");
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int by_number(const void *a, const void *b) {
    const int64_t x = strtoll(*(const char *const *)a, NULL, 10),
                  y = strtoll(*(const char *const *)b, NULL, 10);
    return x < y ? -1 : x > y ? 1 : by_bytes(a, b);
}

typedef struct classes {
    const char **names; /* distinct, sorted */
    int64_t count;
    bool numbers;
} classes;

static duet_status list_classes(classes *out, const csv_state *state) {
    const char **names = NULL;
    bool numbers = true;
    int64_t n = 0;
    DUET_TRY(duet_alloc(&names, state->count + 1, sizeof *names));
    for (int64_t i = 0; i < state->count; i++) {
        int64_t value = 0;
        if (state->rows[i].label[0] == '\0') continue;
        names[n++] = state->rows[i].label;
        numbers = numbers && duet_parse_i64(&value, state->rows[i].label);
    }
    qsort(names, (size_t)n, sizeof *names, numbers ? by_number : by_bytes);
    *out = (classes){.names = names, .numbers = numbers};
    for (int64_t i = 0; i < n; i++)
        if (out->count == 0 || strcmp(names[out->count - 1], names[i]) != 0)
            names[out->count++] = names[i];
    return DUET_OK;
}

/* -1: a row without a class. */
static int32_t class_of(const classes *c, const char *label) {
    const char **const found = label[0] != '\0'
                                   ? bsearch(&label, c->names, (size_t)c->count, sizeof *c->names,
                                             c->numbers ? by_number : by_bytes)
                                   : NULL;
    return found != NULL ? (int32_t)(found - c->names) : -1;
}

static duet_status path_of(char out[DUET_PATH_SIZE], const csv_state *state, const row *r) {
    if (r->path[0] != '/') return duet_path_join(out, state->folder, r->path);
    return duet_copy_text(out, DUET_PATH_SIZE, r->path)
               ? DUET_OK
               : duet_fail(DUET_ARG, "the path '%.60s…' is too long", r->path);
}

/* Of the file; -1 where there is none, or something else than a file. For the hash: an image that
 * is another one has mostly another size. */
static int64_t size_of(const csv_state *state, const row *r) {
    char path[DUET_PATH_SIZE];
    struct stat about;
    return path_of(path, state, r) == DUET_OK && stat(path, &about) == 0 && S_ISREG(about.st_mode)
               ? (int64_t)about.st_size
               : -1;
}

static duet_status fill_splits(duet_dataset *dataset, const classes *c) {
    csv_state *const state = dataset->state;
    for (int64_t i = 0; i < state->count; i++) dataset->info.count[state->rows[i].split]++;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        const int64_t count = dataset->info.count[s];
        if (count == 0) continue;
        state->order[s] = duet_arena_alloc(dataset->arena, count, sizeof *state->order[s]);
        dataset->labels[s] =
            c->count > 1 ? duet_arena_alloc(dataset->arena, count, sizeof *dataset->labels[s])
                         : NULL;
        DUET_TRY(duet_arena_status(dataset->arena));
        dataset->info.count[s] = 0;
    }
    for (int64_t i = 0; i < state->count; i++) {
        const row *const r = &state->rows[i];
        const int64_t at = dataset->info.count[r->split]++;
        state->order[r->split][at] = i;
        if (dataset->labels[r->split] != NULL)
            dataset->labels[r->split][at] = class_of(c, r->label);
        dataset->info.hash = duet_hash(&(int64_t){size_of(state, r)}, sizeof(int64_t),
                                       duet_hash_text(r->path, dataset->info.hash));
    }
    return DUET_OK;
}

static duet_status csv_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                            const void *options) {
    (void)options;
    duet_status status = DUET_OK;
    duet_bytes bytes = {0};
    classes c = {0};
    char folder[DUET_PATH_SIZE] = ".";
    DUET_DO(duet_alloc(&dataset->state, 1, sizeof(csv_state)));
    csv_state *const state = dataset->state;
    if (strchr(path, '/') != NULL)
        snprintf(folder, sizeof folder, "%.*s",
                 (int)(strrchr(path, '/') - path + (strrchr(path, '/') == path)), path);
    state->folder = duet_arena_text(dataset->arena, folder);
    DUET_DO(duet_arena_status(dataset->arena));
    DUET_DO(duet_file_read(&bytes, path));
    if (bytes.size > MOST_BYTES)
        DUET_FAIL(DUET_UNSUPPORTED, "it has %lld bytes; the limit is %d", (long long)bytes.size,
                  MOST_BYTES);
    if (bytes.size > 0 && memchr(bytes.data, '\0', (size_t)bytes.size) != NULL)
        DUET_FAIL(DUET_FORMAT, "it is no text");
    DUET_DO(duet_alloc(&state->text, bytes.size + 2, 1));
    if (bytes.size > 0) memcpy(state->text, bytes.data, (size_t)bytes.size);
    DUET_DO(read_rows(ctx, state, duet_ends_with(path, ".tsv") ? '\t' : ','));
    DUET_DO(list_classes(&c, state));
    DUET_DO(fill_splits(dataset, &c));
    dataset->info.labelled = c.count > 1;
    if (c.count > 1) DUET_DO(duet_dataset_name_classes(dataset, c.names, (int)c.count));
done:
    duet_release(c.names);
    duet_bytes_free(&bytes);
    return status;
}

static void csv_close(duet_dataset *dataset) {
    csv_state *state = dataset->state;
    if (state == NULL) return;
    duet_release(state->text);
    duet_release(state->rows);
    duet_release(state);
}

static const row *row_at(const duet_dataset *dataset, duet_split split, int64_t index) {
    const csv_state *state = dataset->state;
    return &state->rows[state->order[split][index]];
}

static duet_status csv_read(const duet_dataset *dataset, duet_split split, int64_t index,
                            int channels, duet_image *out) {
    char path[DUET_PATH_SIZE];
    const row *const r = row_at(dataset, split, index);
    DUET_TRY(path_of(path, dataset->state, r));
    /* a pipe would wait for somebody */
    if (size_of(dataset->state, r) < 0) return duet_fail(DUET_NOT_FOUND, "no file '%s'", path);
    return duet_image_read(out, path, channels);
}

static void csv_row_name(const duet_dataset *dataset, duet_split split, int64_t index, char *out,
                         size_t size) {
    snprintf(out, size, "%s", row_at(dataset, split, index)->path);
}

const duet_dataset_layout duet_dataset_csv = {
    .info = {"csv", "list of images: path,class[,split], with names of the columns or without",
             DUET_TABLE_EMPTY},
    .detect = csv_detect,
    .open = csv_open,
    .close = csv_close,
    .read = csv_read,
    .row_name = csv_row_name,
};
