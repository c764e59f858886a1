/* SPDX-License-Identifier: MIT
 * data/dataset/label_list.c: see label_list.h. */
#include "data/dataset/label_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

struct duet_label {
    const char *name;
    int64_t value;
    bool used;
};

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct duet_label *)a)->name, ((const struct duet_label *)b)->name);
}

/* Anything but a list of names is not ours. */
static duet_status take_names(duet_label_list *out, duet_arena *arena, const json_t *list) {
    const size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++) {
        const char *const name = json_string_value(json_array_get(list, i));
        if (name == NULL || name[0] == '\0') return DUET_OK;
    }
    out->class_names = duet_arena_alloc(arena, (int64_t)count + 1, sizeof *out->class_names);
    for (size_t i = 0; i < count && out->class_names != NULL; i++)
        out->class_names[i] = duet_arena_text(arena, json_string_value(json_array_get(list, i)));
    DUET_TRY(duet_arena_status(arena));
    out->class_count = (int64_t)count;
    return DUET_OK;
}

duet_status duet_label_list_parse(duet_label_list *out, duet_dataset *dataset, const char *text,
                                  const char *name) {
    json_error_t where;
    out->folder =
        duet_arena_format(dataset->arena, "%.*s", (int)(duet_path_base(name) - name), name);
    DUET_TRY(duet_arena_status(dataset->arena));
    out->root = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    const json_t *const list = json_object_get(out->root, "labels");
    if (out->root == NULL)
        return duet_fail(DUET_FORMAT, "its dataset.json is damaged at line %d: %s", where.line,
                         where.text);
    DUET_TRY(take_names(out, dataset->arena, json_object_get(out->root, "classes")));
    if (list == NULL || json_is_null(list)) return DUET_OK;
    if (!json_is_array(list))
        return duet_fail(DUET_FORMAT,
                         "the labels of its dataset.json are not a list of [name, class]");
    DUET_TRY(duet_alloc(&out->at, (int64_t)json_array_size(list) + 1, sizeof *out->at));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const pair = json_array_get(list, i), *const value = json_array_get(pair, 1);
        const char *const file = json_string_value(json_array_get(pair, 0));
        if (file == NULL || !json_is_integer(value))
            return duet_fail(DUET_FORMAT, "label %zu of its dataset.json is not [name, class]", i);
        out->at[out->count++] =
            (struct duet_label){.name = file, .value = json_integer_value(value)};
    }
    qsort(out->at, (size_t)out->count, sizeof *out->at, by_name);
    return DUET_OK;
}

duet_status duet_label_list_find(int64_t *label, duet_label_list *list, const char *name) {
    const bool inside = duet_starts_with(name, list->folder);
    const struct duet_label wanted = {.name = inside ? name + strlen(list->folder) : name};
    struct duet_label *const found =
        inside ? bsearch(&wanted, list->at, (size_t)list->count, sizeof *list->at, by_name) : NULL;
    if (found == NULL)
        return duet_fail(DUET_FORMAT, "dataset.json has no label for '%.200s'", name);
    found->used = true;
    *label = found->value;
    return DUET_OK;
}

void duet_label_list_finish(const duet_label_list *list, duet_dataset *dataset) {
    for (int64_t i = 0; i < list->count; i++)
        if (!list->at[i].used)
            duet_dataset_left_out(dataset, false, "labels of dataset.json whose image is missing",
                                  list->at[i].name, "");
}

void duet_label_list_free(duet_label_list *list) {
    duet_release(list->at);
    json_decref(list->root);
}
