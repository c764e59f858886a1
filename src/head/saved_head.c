/* SPDX-License-Identifier: MIT
 * head/saved_head.c: heads as safetensors: mean, scale [D], weight [K,D], bias [K]; what the head
 * is for in the metadata under "duet.head" (JSON). */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <duet/store.h>

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "head/head.h"

static char *print_card(const duet_head *head, const duet_head_card *card) {
    char hash[32];
    json_t *names = json_array();
    for (int i = 0; i < card->class_count; i++) {
        if (json_array_append_new(names, json_string(card->class_names[i])) == 0) continue;
        json_decref(names);
        return NULL;
    }
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)card->model_hash);
    json_t *root = json_pack(
        "{s:s,s:s,s:I,s:i,s:i,s:o,s:s,s:f,s:s,s:o}", "kind", head->kind->info.name, "head",
        card->head, "t", (json_int_t)card->t, "tap", card->tap, "pool", card->pool, "noise_seed",
        duet_json_u64(card->noise_seed), "model_hash", hash, "top1",
        isfinite(card->top1) ? card->top1 : -1.0, "data", card->data, "classes", names);
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

duet_status duet_head_save(const duet_head *head, const duet_head_card *card, const char *path) {
    const duet_shape D = {.rank = 1, .dim = {head->dim}}, K = {.rank = 1, .dim = {head->classes}},
                     KD = {.rank = 2, .dim = {head->classes, head->dim}};
    const duet_store_item items[] = {{"mean", DUET_F32, DUET_F32, D, head->mean},
                                     {"scale", DUET_F32, DUET_F32, D, head->scale},
                                     {"weight", DUET_F32, DUET_F32, KD, head->weight},
                                     {"bias", DUET_F32, DUET_F32, K, head->bias}};
    char *text = print_card(head, card);
    if (text == NULL)
        return duet_fail(DUET_FORMAT, "cannot save the head: a name in it is not UTF-8");
    const duet_store_pair pair = {"duet.head", text};
    const duet_status status = duet_store_write(path, "safetensors", items, 4, &pair, 1);
    release_text(text);
    return status;
}

static void read_card(duet_head_card *card, duet_arena *arena, const json_t *root) {
    const json_t *names = json_object_get(root, "classes");
    const char *text = json_string_value(json_object_get(root, "head"));
    unsigned long long hash = 0;
    *card = (duet_head_card){.t = json_integer_value(json_object_get(root, "t")),
                             .tap = (int)json_integer_value(json_object_get(root, "tap")),
                             .pool = (int)json_integer_value(json_object_get(root, "pool")),
                             .noise_seed = duet_json_u64_value(json_object_get(root, "noise_seed")),
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
}

duet_status duet_head_load(duet_head **out, duet_head_card *card, const char *path) {
    duet_status status = DUET_OK;
    duet_store *store = NULL;
    duet_head *head = NULL;
    json_t *root = NULL;
    const duet_head_kind *kind = NULL;
    DUET_DO(duet_store_open(&store, path));
    const char *text = duet_store_metadata(store, "duet.head");
    if (text == NULL) DUET_FAIL(DUET_FORMAT, "'%s' is not a head; 'duet probe' makes one", path);
    root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(root, "kind"));
    if (name == NULL) DUET_FAIL(DUET_FORMAT, "the head '%s' does not say what kind it is", path);
    DUET_DO(duet_head_parse(&kind, NULL, name));
    const duet_store_entry *weight = duet_store_find(store, "weight"),
                           *bias = duet_store_find(store, "bias");
    const duet_store_entry *mean = duet_store_find(store, "mean"),
                           *scale = duet_store_find(store, "scale");
    if (weight == NULL || bias == NULL || mean == NULL || scale == NULL ||
        weight->shape.rank != 2 || weight->shape.dim[0] < 1 || weight->shape.dim[0] > 1000000 ||
        duet_shape_count(&bias->shape) != weight->shape.dim[0] ||
        duet_shape_count(&mean->shape) != weight->shape.dim[1] ||
        duet_shape_count(&scale->shape) != weight->shape.dim[1])
        DUET_FAIL(DUET_FORMAT, "the tensors of the head '%s' do not fit together", path);
    DUET_DO(duet_head_new(&head, kind, (int)weight->shape.dim[0], weight->shape.dim[1]));
    DUET_DO(duet_store_read(store, "weight", DUET_F32, head->weight));
    DUET_DO(duet_store_read(store, "bias", DUET_F32, head->bias));
    DUET_DO(duet_store_read(store, "mean", DUET_F32, head->mean));
    DUET_DO(duet_store_read(store, "scale", DUET_F32, head->scale));
    read_card(card, head->arena, root);
    DUET_DO(duet_arena_status(head->arena));
    if (card->class_count > 0 && card->class_count != head->classes)
        DUET_FAIL(DUET_FORMAT, "the head '%s' names %d classes, but its tensors have %d", path,
                  card->class_count, head->classes);
    duet_head_fold(head);
    *out = head;
    head = NULL;
done:
    json_decref(root);
    duet_head_free(head);
    duet_store_close(store);
    return status;
}
