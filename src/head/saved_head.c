/* SPDX-License-Identifier: MIT
 * head/saved_head.c: heads as safetensors: mean, scale [D] and the tensors of its kind (of linear:
 * weight [K,D], bias [K]), and the scores of its calibration; what the head is for in the
 * metadata under "duet.head" (JSON). */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <duet/store.h>

#include "base/choice.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "head/head.h"
#include "model/setting.h"

/* ---- the calibration: its numbers in the card, its scores as a tensor ---- */

#define SCORES "calibration.scores"

static void put_calibration(json_t *root, const duet_calibration *c) {
    if (c->rows > 0)
        json_object_set_new(root, "calibration",
                            json_pack("{s:I,s:s,s:f}", "rows", (json_int_t)c->rows, "from", c->from,
                                      "temperature", c->temperature));
}

/* A head without one is not calibrated. */
static duet_status read_calibration(duet_calibration *out, const duet_store *store,
                                    const json_t *root, const char *path) {
    const json_t *card = json_object_get(root, "calibration"),
                 *rows = json_object_get(card, "rows");
    const char *from = json_string_value(json_object_get(card, "from"));
    const duet_store_entry *scores = duet_store_find(store, SCORES);
    *out = (duet_calibration){.temperature = 1};
    if (card == NULL) return DUET_OK;
    out->rows = json_integer_value(rows);
    out->temperature = json_number_value(json_object_get(card, "temperature"));
    if (from != NULL) (void)duet_copy_text(out->from, sizeof out->from, from);
    const int64_t count = out->rows < DUET_MOST_SCORES ? out->rows : DUET_MOST_SCORES;
    if (!json_is_integer(rows) || out->rows < 1 || !(out->temperature > 0) || scores == NULL ||
        scores->shape.rank != 1 || scores->shape.dim[0] != count)
        return duet_fail(DUET_FORMAT, "the calibration of the head '%s' is damaged", path);
    out->score_count = (int)count;
    return duet_store_read(store, SCORES, DUET_F32, out->scores);
}

static char *print_card(const duet_head *head, const duet_head_card *card) {
    char hash[32], spec[DUET_SPEC_SIZE];
    if (duet_choice_spell(&head->choice, spec, sizeof spec) != DUET_OK) return NULL;
    json_t *names = json_array();
    for (int i = 0; i < card->class_count; i++) {
        if (json_array_append_new(names, json_string(card->class_names[i])) == 0) continue;
        json_decref(names);
        return NULL;
    }
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)card->model_hash);
    json_t *root = json_pack(
        "{s:s,s:s,s:s,s:i,s:I,s:o,s:s,s:f,s:s,s:o}", "kind", head->kind->info.name, "options", spec,
        "head", card->head, "count", head->classes, "dim", (json_int_t)head->dim, "noise_seed",
        duet_json_u64(card->noise_seed), "model_hash", hash, "top1",
        isfinite(card->top1) ? card->top1 : -1.0, "data", card->data, "classes", names);
    if (root != NULL) json_object_set_new(root, "maps", duet_maps_json(&head->maps));
    if (root != NULL) duet_settings_put(root, &card->settings);
    if (root != NULL) put_calibration(root, &card->calibration);
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}

static void release_text(char *text) {
    json_malloc_t allocate = NULL;
    json_free_t release = NULL;
    json_get_alloc_funcs(&allocate, &release);
    if (text != NULL) release(text);
}

/* mean, scale and the tensors of the kind. */
static int list_tensors(const duet_head *head, duet_head_tensor out[DUET_HEAD_TENSORS + 2]) {
    const duet_shape D = {.rank = 1, .dim = {head->dim}};
    out[0] = (duet_head_tensor){"mean", D, head->mean};
    out[1] = (duet_head_tensor){"scale", D, head->scale};
    return 2 + head->kind->tensors(head, out + 2);
}

duet_status duet_head_save(const duet_head *head, const duet_head_card *card, const char *path) {
    duet_head_tensor list[DUET_HEAD_TENSORS + 2];
    duet_store_item items[DUET_HEAD_TENSORS + 3];
    int count = list_tensors(head, list);
    for (int i = 0; i < count; i++)
        items[i] = (duet_store_item){.name = list[i].name,
                                     .dtype = DUET_F32,
                                     .stored = DUET_F32,
                                     .shape = list[i].shape,
                                     .data = list[i].data};
    if (card->calibration.rows > 0)
        items[count++] =
            (duet_store_item){.name = SCORES,
                              .dtype = DUET_F32,
                              .stored = DUET_F32,
                              .shape = {.rank = 1, .dim = {card->calibration.score_count}},
                              .data = card->calibration.scores};
    char *text = print_card(head, card);
    if (text == NULL)
        return duet_fail(DUET_FORMAT, "cannot save the head: a name in it is not UTF-8");
    const duet_store_pair pair = {"duet.head", text};
    const duet_status status = duet_store_write(path, "safetensors", items, count, &pair, 1);
    release_text(text);
    return status;
}

static duet_status read_card(duet_head_card *card, duet_arena *arena, const json_t *root) {
    const json_t *names = json_object_get(root, "classes");
    const char *text = json_string_value(json_object_get(root, "head"));
    unsigned long long hash = 0;
    *card = (duet_head_card){.noise_seed = duet_json_u64_value(json_object_get(root, "noise_seed")),
                             .top1 = json_number_value(json_object_get(root, "top1")),
                             .class_count = (int)json_array_size(names)};
    if (text != NULL) (void)duet_copy_text(card->head, sizeof card->head, text);
    if (!(card->top1 >= 0)) card->top1 = NAN; /* stored as -1 */
    text = json_string_value(json_object_get(root, "data"));
    if (text != NULL) (void)duet_copy_text(card->data, sizeof card->data, text);
    text = json_string_value(json_object_get(root, "model_hash"));
    if (text != NULL && sscanf(text, "%llx", &hash) == 1) card->model_hash = hash;
    const char **list = duet_arena_alloc(arena, card->class_count + 1, sizeof *list);
    for (int i = 0; i < card->class_count && list != NULL; i++) {
        const char *name = json_string_value(json_array_get(names, (size_t)i));
        list[i] = duet_arena_text(arena, name != NULL ? name : "?");
    }
    card->class_names = list;
    DUET_TRY(duet_settings_get(&card->settings, root));
    return duet_arena_status(arena);
}

enum { MOST_CLASSES = 1000000 };

/* D is the length of the mean. K stands in the card, or, in older files, of linear heads, it is the
 * length of the bias. */
static duet_status find_size(const duet_store *store, const json_t *root, const char *path,
                             int *classes, int64_t *dim) {
    const duet_store_entry *const mean = duet_store_find(store, "mean"), *const bias =
                                                                             duet_store_find(
                                                                                 store, "bias");
    const json_t *count = json_object_get(root, "count");
    const int64_t K = json_is_integer(count) ? json_integer_value(count)
                      : bias != NULL         ? duet_shape_count(&bias->shape)
                                             : 0;
    if (mean == NULL || mean->shape.rank != 1 || mean->shape.dim[0] < 1 || K < 1 ||
        K > MOST_CLASSES)
        return duet_fail(DUET_FORMAT, "the tensors of the head '%s' do not fit together", path);
    *classes = (int)K;
    *dim = mean->shape.dim[0];
    return DUET_OK;
}

static duet_status read_tensors(duet_head *head, const duet_store *store, const char *path) {
    duet_head_tensor list[DUET_HEAD_TENSORS + 2];
    const int count = list_tensors(head, list);
    for (int i = 0; i < count; i++) {
        const duet_store_entry *const entry = duet_store_find(store, list[i].name);
        if (entry == NULL || !duet_shape_equal(&entry->shape, &list[i].shape))
            return duet_fail(DUET_FORMAT, "the tensors of the head '%s' do not fit together", path);
        DUET_TRY(duet_store_read(store, list[i].name, DUET_F32, list[i].data));
    }
    return DUET_OK;
}

duet_status duet_head_load(duet_head **out, duet_head_card *card, const char *path) {
    duet_status status = DUET_OK;
    duet_store *store = NULL;
    duet_head *head = NULL;
    json_t *root = NULL;
    duet_choice choice;
    int classes = 0;
    int64_t dim = 0;
    DUET_DO(duet_store_open(&store, path));
    const char *text = duet_store_metadata(store, "duet.head");
    if (text == NULL) DUET_FAIL(DUET_FORMAT, "'%s' is not a head; 'duet probe' makes one", path);
    root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(root, "kind")),
               *spec = json_string_value(json_object_get(root, "options"));
    if (name == NULL) DUET_FAIL(DUET_FORMAT, "the head '%s' does not say what kind it is", path);
    DUET_DO(duet_head_parse(&choice, spec != NULL ? spec : name));
    DUET_DO(find_size(store, root, path, &classes, &dim));
    const duet_feature_maps maps = duet_maps_read(json_object_get(root, "maps"), dim);
    DUET_DO(duet_head_new(NULL, &head, &choice, classes, &maps, dim));
    DUET_DO(read_tensors(head, store, path));
    DUET_DO(read_card(card, head->arena, root));
    DUET_DO(read_calibration(&card->calibration, store, root, path));
    if (card->class_count > 0 && card->class_count != head->classes)
        DUET_FAIL(DUET_FORMAT, "the head '%s' names %d classes, but its tensors have %d", path,
                  card->class_count, head->classes);
    if (head->kind->ready != NULL) head->kind->ready(head);
    *out = head;
    head = NULL;
done:
    json_decref(root);
    duet_head_free(head);
    duet_store_close(store);
    return status;
}
