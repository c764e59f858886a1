/* SPDX-License-Identifier: MIT
 * data/dataset/rows_names.c: names of classes that differ from those of their folders (rules in
 * rows.h). */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "data/dataset/rows.h"

/* Names of numbered classes sort in the order of their numbers. */
#define NUMBERED   "%010lld"
#define MOST_LABEL 999999999

duet_status duet_rows_number(const char **out, duet_arena *arena, duet_split split, int64_t label,
                             const char *name) {
    if (label < 0 || label > MOST_LABEL)
        return duet_fail(DUET_FORMAT, "'%.200s' has the label %lld; labels are 0 to %d", name,
                         (long long)label, MOST_LABEL);
    *out = duet_arena_format(arena, "%s/" NUMBERED "/%s", duet_split_name(split), (long long)label,
                             name);
    return duet_arena_status(arena);
}

static bool is_numbered(const char *name) {
    return strlen(name) == 10 && strspn(name, "0123456789") == 10;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* out[i] is the name of the class numbers[i]; false where one has none, or two have the same. */
static bool take_names(const char **out, int64_t *numbers, int classes, const char *const *names,
                       int64_t count) {
    bool fit = count > 0;
    for (int i = 0; i < classes && fit; i++) {
        fit = numbers[i] < count;
        if (fit) out[i] = names[numbers[i]];
    }
    if (!fit) return false;
    qsort(out, (size_t)classes, sizeof *out, by_text);
    for (int i = 1; i < classes; i++)
        if (strcmp(out[i - 1], out[i]) == 0) return false;
    for (int i = 0; i < classes; i++) out[i] = names[numbers[i]];
    return true;
}

duet_status duet_rows_rename_numbers(duet_dataset *dataset, const char *const *names,
                                     int64_t count) {
    duet_status status = DUET_OK;
    const char **renamed = NULL;
    int64_t *numbers = NULL;
    const int classes = dataset->info.labelled ? dataset->info.class_count : 0;
    DUET_DO(duet_alloc(&renamed, classes + 1, sizeof *renamed));
    DUET_DO(duet_alloc(&numbers, classes + 1, sizeof *numbers));
    for (int i = 0; i < classes; i++) {
        if (!is_numbered(dataset->info.class_names[i])) goto done;
        numbers[i] = strtoll(dataset->info.class_names[i], NULL, 10);
    }
    if (!take_names(renamed, numbers, classes, names, count))
        for (int i = 0; i < classes; i++)
            renamed[i] = duet_arena_format(dataset->arena, "%lld", (long long)numbers[i]);
    DUET_DO(duet_arena_status(dataset->arena));
    if (classes > 0) DUET_DO(duet_dataset_name_classes(dataset, renamed, classes));
done:
    duet_release(renamed);
    duet_release(numbers);
    return status;
}

/* Replaces *name by the words of its line "name<TAB>words", up to the first comma when `brief`. */
static bool rename_by_table(duet_arena *arena, const char **name, const char *text, bool brief) {
    const size_t length = strlen(*name);
    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, *name, length) != 0 || line[length] != '\t') continue;
        const char *words = line + length + 1;
        const size_t size = strcspn(words, brief ? ",\r\n" : "\r\n");
        if (size == 0) return false;
        *name = duet_arena_format(arena, "%.*s", (int)size, words);
        return *name != NULL;
    }
    return false;
}

static bool rename_all(duet_dataset *dataset, const char **names, const char *text, bool brief) {
    const int count = dataset->info.class_count;
    for (int c = 0; c < count; c++) {
        names[c] = dataset->info.class_names[c];
        if (!rename_by_table(dataset->arena, &names[c], text, brief)) return false;
        for (int other = 0; other < c; other++) {
            if (strcmp(names[c], names[other]) == 0)
                return false; /* two classes may have one name: "crane" the bird and the machine */
        }
    }
    return true;
}

/* One name per line, for classes named "0".."K-1" (or "00", "01", …). */
static bool rename_by_number(duet_dataset *dataset, const char **names, char *text) {
    const char *lines[1000];
    int count = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\r\n", &rest); line != NULL && count < 1000;
         line = strtok_r(NULL, "\r\n", &rest)) {
        lines[count++] = line;
    }
    if (count != dataset->info.class_count) return false;
    for (int c = 0; c < count; c++) {
        int64_t number = -1;
        if (!duet_parse_i64(&number, dataset->info.class_names[c]) || number < 0 || number >= count)
            return false;
        names[c] = lines[number];
    }
    return true;
}

duet_status duet_rows_rename_classes(duet_dataset *dataset, const char *folder) {
    static const char *const files[] = {"classes.txt", "words.txt", "batches.meta.txt"};
    duet_status status = DUET_OK;
    duet_bytes bytes = {0};
    char *text = NULL;
    const char **names = NULL;
    if (!dataset->info.labelled) return DUET_OK;
    DUET_DO(duet_alloc(&names, dataset->info.class_count, sizeof *names));
    for (int i = 0; i < DUET_COUNT(files); i++) {
        char path[DUET_PATH_SIZE];
        DUET_DO(duet_path_join(path, folder, files[i]));
        if (!duet_path_exists(path)) continue;
        DUET_DO(duet_file_read(&bytes, path));
        DUET_DO(duet_alloc(&text, bytes.size + 1, 1));
        memcpy(text, bytes.data, (size_t)bytes.size);
        const bool fits = i < 2 ? rename_all(dataset, names, text, true) ||
                                      rename_all(dataset, names, text, false)
                                : rename_by_number(dataset, names, text);
        DUET_DO(duet_arena_status(dataset->arena));
        if (fits) {
            DUET_DO(duet_dataset_name_classes(dataset, names, dataset->info.class_count));
            break;
        }
        duet_release(text);
        text = NULL;
        duet_bytes_free(&bytes);
    }
done:
    duet_release(names);
    duet_release(text);
    duet_bytes_free(&bytes);
    return status;
}
