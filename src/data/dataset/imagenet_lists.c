/* SPDX-License-Identifier: MIT
 * data/dataset/imagenet_lists.c: see imagenet_lists.h. */
#include "data/dataset/imagenet_lists.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "data/dataset/listed.h"
#include "io/mat.h"

#define KIT ". ILSVRC2012_devkit_t12/data ILSVRC2012_devkit_t12 devkit/data data"

/* The first of path/names and base/names that has the file. */
static bool find_in(char out[DUET_PATH_SIZE], const char *path, const char *base, const char *names,
                    const char *file) {
    return duet_listed_where(out, path, names, file) || duet_listed_where(out, base, names, file);
}

bool duet_imagenet_find_list(duet_imagenet_list *out, const char *path, const char *base) {
    static const struct {
        const char *name;
        duet_imagenet_kind kind;
    } lists[] = {{"LOC_val_solution.csv", DUET_IMAGENET_SOLUTION},
                 {"imagenet_2012_validation_synset_labels.txt", DUET_IMAGENET_SYNSETS},
                 {"ILSVRC2012_validation_ground_truth.txt", DUET_IMAGENET_NUMBERS},
                 {"val.txt", DUET_IMAGENET_LABELS}};
    for (int i = 0; i < DUET_COUNT(lists); i++) {
        if (!find_in(out->folder, path, base, KIT, lists[i].name)) continue;
        out->name = lists[i].name;
        out->kind = lists[i].kind;
        return true;
    }
    return false;
}

/* ---- numbers of the development kit ---- */

typedef struct synsets { /* by number: the id, NULL = none */
    const char *wnid[1001];
} synsets;

/* meta.mat: the struct array `synsets` with ILSVRC2012_ID (1 … 1000 are the classes) and WNID. */
static duet_status read_meta(synsets *out, duet_arena *arena, const char *folder) {
    duet_status status = DUET_OK;
    duet_mat *mat = NULL;
    const duet_mat_value *all = NULL;
    char path[DUET_PATH_SIZE];
    DUET_DO(duet_path_join(path, folder, "meta.mat"));
    DUET_DO(duet_mat_open(&mat, path));
    DUET_DO(duet_mat_find(&all, mat, "synsets", DUET_MAT_STRUCTS));
    for (int64_t i = 0; i < all->count; i++) {
        const int64_t number =
            duet_mat_whole(duet_mat_field(all, i, "ILSVRC2012_ID", DUET_MAT_NUMBERS));
        const duet_mat_value *const wnid = duet_mat_field(all, i, "WNID", DUET_MAT_TEXT);
        if (number >= 1 && number <= 1000 && wnid != NULL)
            out->wnid[number] = duet_arena_text(arena, wnid->text);
    }
    DUET_DO(duet_arena_status(arena));
done:
    duet_mat_close(mat);
    return status;
}

static duet_status find_meta(synsets *out, duet_arena *arena, const char *path, const char *base) {
    char folder[DUET_PATH_SIZE];
    if (!find_in(folder, path, base, KIT, "meta.mat"))
        return duet_fail(DUET_NOT_FOUND,
                         "the numbers of ILSVRC2012_validation_ground_truth.txt are those of "
                         "meta.mat, which is missing; put it beside that list");
    return read_meta(out, arena, folder);
}

/* ---- rows ---- */

static duet_status take_line(duet_imagenet_val *out, duet_arena *arena,
                             const duet_imagenet_list *list, const duet_line *line,
                             const synsets *meta) {
    const int64_t i = out->count;
    int64_t number = -1;
    const char *name = NULL, *wnid = NULL;
    if (list->kind == DUET_IMAGENET_SOLUTION) { /* NAME,WNID */
        const size_t n = strcspn(line->key, ",");
        if (strcmp(line->key, "ImageId,PredictionString") == 0) return DUET_OK;
        name = duet_arena_format(arena, "%.*s.JPEG", (int)n, line->key);
        wnid = line->key[n] == ',' ? line->key + n + 1 : "";
    } else if (list->kind == DUET_IMAGENET_LABELS) {
        name = line->key;
    } else {
        name = duet_arena_format(arena, "ILSVRC2012_val_%08lld.JPEG", (long long)i + 1);
        wnid = line->key;
    }
    if (list->kind == DUET_IMAGENET_NUMBERS)
        wnid = duet_line_whole(&number, line->key) && number >= 1 && number <= 1000
                   ? meta->wnid[number]
                   : NULL;
    if (list->kind == DUET_IMAGENET_LABELS
            ? !duet_line_whole(&number, line->rest) || number < 0 || number > INT32_MAX
            : wnid == NULL || !duet_wnid_is(wnid))
        return duet_fail(DUET_FORMAT, "line %lld of '%s' has no known class: '%.60s'",
                         (long long)line->number, list->name, line->key);
    out->name[i] = duet_arena_text(arena, name != NULL ? name : "");
    out->wnid[i] = wnid != NULL ? duet_arena_text(arena, wnid) : NULL;
    out->label[i] = (int32_t)number;
    DUET_TRY(duet_arena_status(arena));
    out->count++;
    return DUET_OK;
}

duet_status duet_imagenet_read_val(duet_imagenet_val *out, duet_arena *arena, const char *path,
                                   const char *base) {
    duet_status status = DUET_OK;
    duet_imagenet_list list;
    duet_lines lines = {0};
    synsets *meta = NULL;
    if (!duet_imagenet_find_list(&list, path, base)) return DUET_OK;
    DUET_DO(duet_lines_read(&lines, list.folder, list.name));
    DUET_DO(duet_alloc(&meta, 1, sizeof *meta));
    if (list.kind == DUET_IMAGENET_NUMBERS) DUET_DO(find_meta(meta, arena, path, base));
    out->list = list.name;
    DUET_DO(duet_alloc(&out->name, lines.count, sizeof *out->name));
    DUET_DO(duet_alloc(&out->wnid, lines.count, sizeof *out->wnid));
    DUET_DO(duet_alloc(&out->label, lines.count, sizeof *out->label));
    for (int64_t i = 0; i < lines.count; i++)
        DUET_DO(take_line(out, arena, &list, &lines.line[i], meta));
done:
    duet_release(meta);
    duet_lines_free(&lines);
    return status;
}

void duet_imagenet_val_free(duet_imagenet_val *val) {
    duet_release(val->name);
    duet_release(val->wnid);
    duet_release(val->label);
    *val = (duet_imagenet_val){0};
}

duet_status duet_imagenet_read_words(duet_lines *out, const char *path, const char *base) {
    static const char *const names[] = {"LOC_synset_mapping.txt", "synset_words.txt", "words.txt",
                                        "classes.txt"};
    char folder[DUET_PATH_SIZE];
    for (int i = 0; i < DUET_COUNT(names); i++)
        if (find_in(folder, path, base, ".", names[i]))
            return duet_lines_read(out, folder, names[i]);
    return DUET_OK;
}
