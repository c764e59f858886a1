/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_csv.c: a .csv (or .tsv) that lists images, one per line: path, class and, if
 * there is one, the split. A header line is recognised by its names (path, image, file_name, id, …;
 * label, class, target, …; split, set, …; in any case), or since nothing in it is an image while
 * something in the next line is; without a header the columns are the first three. Fields are
 * separated by ',', ';' or a tab, and may be quoted. Paths are relative to the list's folder; rows
 * without their file are left out and counted. Rows stay in the list's order; classes are sorted,
 * as numbers where all of them are, else by bytes. Images are read on demand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/context.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/utf8.h"
#include "data/dataset/dataset.h"
#include "data/dataset/lines.h"
#include "data/dataset/word_classes.h"
#include "io/kind.h"

enum { MOST_FIELDS = 64 };
enum { PATH, LABEL, SPLIT, COLUMNS };

typedef struct row {
    const char *path, *label; /* label "": none */
    duet_split split;
    int64_t size; /* of the file */
} row;

typedef struct csv_state {
    char *text; /* the list, fields ended by NULs */
    const char *folder;
    row *rows;
    int64_t count, capacity;
    int64_t *order[DUET_SPLIT_COUNT]; /* row of the split -> row of the list */
} csv_state;

static int csv_detect(const char *path) {
    return !duet_path_is_folder(path) && duet_name_ends(path, ".csv .tsv") ? 90 : 0;
}

/* Splits a line into its fields, in place: quotes are removed, and "" between quotes is ". Returns
 * the number of fields; *next is the end of the line. */
static int split_line(char *line, char comma, char *fields[MOST_FIELDS], char **next) {
    int count = 0;
    char *from = line, *to = line;
    bool end = false;
    while (!end) {
        const char *const start = to;
        if (count < MOST_FIELDS) fields[count] = to;
        count++;
        while (*from == ' ') from++;
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
        while (!quoted && to > start && to[-1] == ' ') to--;
        /* after a quote, and \r */
        while (*from != '\0' && *from != comma && *from != '\n') from++;
        end = *from != comma;
        if (*from != '\0') from++;
        *to++ = '\0'; /* never ahead of `from`: at least the separator was read */
    }
    *next = from;
    return count < MOST_FIELDS ? count : MOST_FIELDS;
}

/* Whether the field is one of the words, ignoring case, '_', '-' and blanks. */
static bool is_one_of(const char *field, const char *const *words) {
    char plain[40];
    size_t n = 0;
    for (; *field != '\0'; field++) {
        if (strchr("_- ", *field) != NULL) continue;
        if (n + 1 == sizeof plain) return false;
        plain[n++] = duet_lower(*field);
    }
    plain[n] = '\0';
    for (; *words != NULL; words++)
        if (strcmp(plain, *words) == 0) return true;
    return false;
}

static const char *const paths[] = {"path",      "image",     "images",
                                    "file",      "files",     "filename",
                                    "filenames", "filepath",  "imagepath",
                                    "imagename", "imagefile", "img",
                                    "imgname",   "imgpath",   "imagefilename",
                                    "imageid",   "imgid",     "id",
                                    NULL},
                         *const labels[] = {"label",      "labels",  "class",    "classes",
                                            "target",     "targets", "category", "classname",
                                            "labelname",  "species", "classid",  "labelid",
                                            "categoryid", "y",       NULL},
                         *const splits[] = {"split", "set",   "subset",  "partition",
                                            "fold",  "usage", "dataset", NULL};

/* Whether the field looks like an image: by its extension, or since there is such a file. */
static bool is_image(const csv_state *state, const char *field) {
    char path[DUET_PATH_SIZE];
    struct stat about;
    if (field[0] == '\0') return false;
    if (duet_kind_of_name(field) == DUET_NAME_IMAGE) return true;
    return duet_path_join(path, field[0] == '/' ? "" : state->folder, field) == DUET_OK &&
           stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

/* Takes the columns from the names of the first line; false where that line is a row. It is a
 * header if it names the column of paths, or if nothing in it is an image while something in the
 * next line is. */
static bool read_header(int column[COLUMNS], duet_dataset *dataset, char *const *fields, int count,
                        char *const *next, int next_count) {
    static const char *const *const words[COLUMNS] = {paths, labels, splits};
    const csv_state *const state = dataset->state;
    int found[COLUMNS] = {-1, -1, -1};
    bool image = false;
    for (int i = 0; i < count; i++) image = image || is_image(state, fields[i]);
    if (image) return false;
    for (int c = 0; c < COLUMNS; c++)
        for (int k = 0; words[c][k] != NULL && found[c] < 0; k++)
            for (int i = 0; i < count && found[c] < 0; i++)
                if (is_one_of(fields[i], (const char *const[]){words[c][k], NULL})) found[c] = i;
    /* a column with a name for paths may hold numbers ("id"); then another one has the images */
    const bool right =
        found[PATH] >= 0 && found[PATH] < next_count && is_image(state, next[found[PATH]]);
    for (int i = 0; i < next_count && !right; i++) {
        if (!is_image(state, next[i])) continue;
        found[PATH] = i;
        break;
    }
    if (found[PATH] < 0) return false;
    if (found[LABEL] < 0 && count == 2)
        found[LABEL] = 1 - found[PATH]; /* no other column is left */
    if (found[LABEL] < 0 && count > 2)
        duet_dataset_noticed(dataset, false, 1,
                             "list without a column that is called like a class (label, class, "
                             "target, category)",
                             fields[found[PATH] == 0 ? 1 : 0], "its images count as unlabelled");
    memcpy(column, found, sizeof found);
    return true;
}

static duet_status add_row(duet_dataset *dataset, char *const *fields, int count,
                           const int column[COLUMNS], int64_t line) {
    csv_state *const state = dataset->state;
    row r = {.split = DUET_TRAIN, .label = ""};
    if (column[PATH] >= count || fields[column[PATH]][0] == '\0')
        return duet_fail(DUET_FORMAT, "line %lld has no path of an image", (long long)line);
    r.path = fields[column[PATH]];
    if (column[LABEL] >= 0 && column[LABEL] < count) {
        r.label = duet_utf8_same(dataset->arena, fields[column[LABEL]]);
        DUET_TRY(duet_arena_status(dataset->arena));
    }
    if (column[SPLIT] >= 0 && column[SPLIT] < count && fields[column[SPLIT]][0] != '\0' &&
        duet_split_parse(&r.split, fields[column[SPLIT]]) != DUET_OK)
        return duet_fail(DUET_FORMAT, "line %lld has split '%.40s'; splits are train, val and test",
                         (long long)line, fields[column[SPLIT]]);
    DUET_TRY(duet_grow(&state->rows, &state->capacity, state->count + 1, sizeof *state->rows));
    state->rows[state->count++] = r;
    return DUET_OK;
}

/* The separator of the fields: `usual`, unless the first line contains only another one. */
static char separator(const csv_state *state, const char *text, char usual) {
    static const char others[] = ",;\t";
    char line[DUET_PATH_SIZE];
    const size_t length = strcspn(text, "\r\n");
    if (length >= sizeof line || memchr(text, usual, length) != NULL) return usual;
    memcpy(line, text, length);
    line[length] = '\0';
    if (is_image(state, line) && duet_kind_of_name(line) == DUET_NAME_IMAGE &&
        strchr(line, ';') == NULL)
        return usual;
    for (const char *p = others; *p != '\0'; p++)
        if (memchr(text, *p, length) != NULL) return *p;
    return usual;
}

static duet_status read_rows(duet_context *ctx, duet_dataset *dataset, char usual) {
    csv_state *const state = dataset->state;
    int column[COLUMNS] = {0, 1, 2}, waiting = 0; /* fields of the first line, examined later */
    char *fields[MOST_FIELDS], *first[MOST_FIELDS], *at = state->text;
    if (duet_starts_with(at, "\xEF\xBB\xBF")) at += 3; /* the byte order mark of some programs */
    at += strspn(at, "\r\n");
    const char comma = separator(state, at, usual);
    int64_t first_line = 0;
    for (int64_t line = 1; *at != '\0'; line++) {
        if (line % 4096 == 0) DUET_TRY(duet_check_cancelled(ctx));
        const int count = split_line(at, comma, fields, &at);
        if (count == 1 && fields[0][0] == '\0') continue; /* an empty line */
        if (first_line == 0) {
            first_line = line;
            waiting = count;
            memcpy(first, fields, sizeof first);
            continue;
        }
        if (waiting > 0 && !read_header(column, dataset, first, waiting, fields, count))
            DUET_TRY(add_row(dataset, first, waiting, column, first_line));
        waiting = 0;
        DUET_TRY(add_row(dataset, fields, count, column, line));
    }
    if (waiting > 0 && !read_header(column, dataset, first, waiting, NULL, 0))
        DUET_TRY(add_row(dataset, first, waiting, column, first_line));
    return state->count > 0 ? DUET_OK : duet_fail(DUET_FORMAT, "it lists no image");
}

static duet_status list_classes(duet_word_classes *out, const csv_state *state) {
    const char **words = NULL;
    DUET_TRY(duet_alloc(&words, state->count + 1, sizeof *words));
    for (int64_t i = 0; i < state->count; i++) words[i] = state->rows[i].label;
    duet_word_classes_make(out, words, state->count, false);
    return DUET_OK;
}

static duet_status path_of(char out[DUET_PATH_SIZE], const csv_state *state, const row *r) {
    if (r->path[0] != '/') return duet_path_join(out, state->folder, r->path);
    return duet_copy_text(out, DUET_PATH_SIZE, r->path)
               ? DUET_OK
               : duet_fail(DUET_ARG, "the path '%.60s…' is too long", r->path);
}

/* Size of the file; -1 where it is missing or not a file. Part of the hash: a different image
 * mostly has a different size. */
static int64_t size_of(const csv_state *state, const row *r) {
    char path[DUET_PATH_SIZE];
    struct stat about;
    return path_of(path, state, r) == DUET_OK && stat(path, &about) == 0 && S_ISREG(about.st_mode)
               ? (int64_t)about.st_size
               : -1;
}

/* Rows whose file is missing are left out; their classes stay. */
static duet_status drop_missing(duet_dataset *dataset) {
    csv_state *const state = dataset->state;
    const int64_t count = state->count;
    char path[DUET_PATH_SIZE];
    state->count = 0;
    for (int64_t i = 0; i < count; i++) {
        row r = state->rows[i];
        r.size = size_of(state, &r);
        if (r.size < 0)
            duet_dataset_missing(dataset, r.split, r.path,
                                 "paths are relative to the list's own folder");
        else
            state->rows[state->count++] = r;
    }
    if (state->count > 0) return DUET_OK;
    DUET_TRY(path_of(path, state, &state->rows[0]));
    return duet_fail(DUET_NOT_FOUND,
                     "no file '%s', nor one of the others that the list names (%lld rows); paths "
                     "are relative to the list's own folder",
                     path, (long long)count);
}

static duet_status fill_splits(duet_dataset *dataset, const duet_word_classes *c) {
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
            dataset->labels[r->split][at] = duet_word_classes_find(c, r->label);
        dataset->info.hash =
            duet_hash(&r->size, sizeof r->size, duet_hash_text(r->path, dataset->info.hash));
    }
    return DUET_OK;
}

static duet_status csv_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                            const void *options) {
    (void)options;
    duet_status status = DUET_OK;
    duet_word_classes c = {0};
    char folder[DUET_PATH_SIZE] = ".";
    DUET_DO(duet_alloc(&dataset->state, 1, sizeof(csv_state)));
    csv_state *const state = dataset->state;
    if (strchr(path, '/') != NULL)
        snprintf(folder, sizeof folder, "%.*s",
                 (int)(strrchr(path, '/') - path + (strrchr(path, '/') == path)), path);
    state->folder = duet_arena_text(dataset->arena, folder);
    DUET_DO(duet_arena_status(dataset->arena));
    DUET_DO(duet_list_text(&state->text, path));
    DUET_DO(read_rows(ctx, dataset, duet_name_ends(path, ".tsv") ? '\t' : ','));
    DUET_DO(list_classes(&c, state));
    DUET_DO(drop_missing(dataset));
    DUET_DO(fill_splits(dataset, &c));
    dataset->info.labelled = c.count > 1;
    if (c.count > 1) DUET_DO(duet_dataset_name_classes(dataset, c.names, (int)c.count));
done:
    duet_word_classes_free(&c);
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
    /* reading a pipe would block */
    if (size_of(dataset->state, r) < 0) return duet_fail(DUET_NOT_FOUND, "no file '%s'", path);
    return duet_image_read(out, path, channels);
}

static void csv_row_name(const duet_dataset *dataset, duet_split split, int64_t index, char *out,
                         size_t size) {
    snprintf(out, size, "%s", row_at(dataset, split, index)->path);
}

const duet_dataset_layout duet_dataset_csv = {
    .info = {.name = "csv",
             .help = "list of images: path,class[,split], with names of the columns or without",
             .params = DUET_TABLE_EMPTY},
    .detect = csv_detect,
    .open = csv_open,
    .close = csv_close,
    .read = csv_read,
    .row_name = csv_row_name,
};
