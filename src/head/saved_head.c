/* SPDX-License-Identifier: MIT
 * head/saved_head.c: heads as safetensors: mean, scale [D], white [D,D] and the tensors of its kind
 * (of linear: weight [K,D], bias [K]), and the scores of its calibration; what the head is for in
 * the metadata under "duet.head" (JSON). In a model's file, which a head may be part of, the
 * tensors' names begin with "head/". */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <duet/store.h>

#include "base/choice.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "head/head.h"
#include "model/card.h"
#include "model/setting.h"

typedef struct saved { /* a head in an open file */
    const duet_store *store;
    const char *prefix; /* of its tensors */
} saved;

static const duet_store_entry *find(const saved *from, const char *name) {
    char full[DUET_TEXT_SIZE];
    duet_format(full, sizeof full, "%s%s", from->prefix, name);
    return duet_store_find(from->store, full);
}

/* ---- the calibration: its numbers in the card, its scores as a tensor ---- */

#define SCORES "calibration.scores"
#define CARD   "duet.head"
#define INSIDE "head/" /* of a model's file */

static void put_calibration(json_t *root, const duet_calibration *c) {
    if (c->rows > 0)
        json_object_set_new(root, "calibration",
                            json_pack("{s:I,s:s,s:f}", "rows", (json_int_t)c->rows, "from", c->from,
                                      "temperature", c->temperature));
}

/* A head without one is not calibrated. */
static duet_status read_calibration(duet_calibration *out, const saved *in, const json_t *root,
                                    const char *path) {
    const json_t *card = json_object_get(root, "calibration"),
                 *rows = json_object_get(card, "rows");
    const char *from = json_string_value(json_object_get(card, "from"));
    const duet_store_entry *scores = find(in, SCORES);
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
    return duet_store_read(in->store, scores->name, DUET_F32, out->scores);
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

enum { MOST_TENSORS = DUET_HEAD_TENSORS + DUET_HEAD_OWN_TENSORS };

/* mean, scale, white and the tensors of the kind. */
static int list_tensors(const duet_head *head, duet_head_tensor out[MOST_TENSORS]) {
    const int own = duet_head_own_tensors(head, out);
    return own + head->kind->tensors(head, out + own);
}

typedef struct packed { /* a head as tensors and a text to write */
    duet_head_tensor list[MOST_TENSORS];
    duet_store_item items[MOST_TENSORS + 1];
    char names[MOST_TENSORS + 1][DUET_TEXT_SIZE];
    int count;
    char *text;
} packed;

static void pack_one(packed *p, const char *prefix, duet_dtype dtype, const char *name,
                     duet_shape shape, const float *data) {
    duet_format(p->names[p->count], DUET_TEXT_SIZE, "%s%s", prefix, name);
    p->items[p->count] = (duet_store_item){.name = p->names[p->count],
                                           .dtype = DUET_F32,
                                           .stored = shape.rank >= 2 ? dtype : DUET_F32,
                                           .shape = shape,
                                           .data = data};
    p->count++;
}

static duet_status pack(packed *p, const duet_head *head, const duet_head_card *card,
                        const char *prefix, duet_dtype dtype) {
    const int count = list_tensors(head, p->list);
    for (int i = 0; i < count; i++)
        pack_one(p, prefix, dtype, p->list[i].name, p->list[i].shape, p->list[i].data);
    if (card->calibration.rows > 0)
        pack_one(p, prefix, DUET_F32, SCORES,
                 (duet_shape){.rank = 1, .dim = {card->calibration.score_count}},
                 card->calibration.scores);
    p->text = print_card(head, card);
    return p->text != NULL
               ? DUET_OK
               : duet_fail(DUET_FORMAT, "cannot save the head: a name in it is not UTF-8");
}

/* As a file of its own, or into that of its model. */
static duet_status put(const duet_head *head, const duet_head_card *card, const char *path,
                       bool inside, duet_dtype dtype) {
    packed *p = NULL;
    DUET_TRY(duet_alloc(&p, 1, sizeof *p));
    duet_status status = pack(p, head, card, inside ? INSIDE : "", dtype);
    const duet_store_pair pair = {CARD, p->text};
    if (status == DUET_OK)
        status = inside ? duet_store_amend(path, p->items, p->count, &pair, 1, INSIDE)
                        : duet_store_write(path, "safetensors", p->items, p->count, &pair, 1);
    release_text(p->text);
    duet_release(p);
    return status;
}

duet_status duet_head_save(const duet_head *head, const duet_head_card *card, const char *path) {
    return put(head, card, path, false, DUET_F32);
}

duet_status duet_head_embed(const duet_head *head, const duet_head_card *card,
                            const char *model_path, duet_dtype dtype) {
    return put(head, card, model_path, true, dtype);
}

bool duet_head_in(const char *path) {
    duet_store *store = NULL;
    if (duet_path_is_folder(path) || duet_store_open(&store, path) != DUET_OK) {
        duet_error_clear();
        return false;
    }
    const bool has = duet_store_metadata(store, CARD) != NULL;
    duet_store_close(store);
    return has;
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
static duet_status find_size(const saved *from, const json_t *root, const char *path, int *classes,
                             int64_t *dim) {
    const duet_store_entry *const mean = find(from, "mean"), *const bias = find(from, "bias");
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

static duet_status read_tensors(duet_head *head, const saved *from, const char *path) {
    duet_head_tensor list[MOST_TENSORS];
    const int count = list_tensors(head, list);
    for (int i = 0; i < count; i++) {
        const duet_store_entry *const entry = find(from, list[i].name);
        if (entry == NULL || !duet_shape_equal(&entry->shape, &list[i].shape))
            return duet_fail(DUET_FORMAT, "the tensors of the head '%s' do not fit together", path);
        DUET_TRY(duet_store_read(from->store, entry->name, DUET_F32, list[i].data));
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
    const char *text = duet_store_metadata(store, CARD);
    if (text == NULL) DUET_FAIL(DUET_FORMAT, "'%s' is not a head; 'duet probe' makes one", path);
    root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(root, "kind")),
               *spec = json_string_value(json_object_get(root, "options"));
    if (name == NULL) DUET_FAIL(DUET_FORMAT, "the head '%s' does not say what kind it is", path);
    DUET_DO(duet_head_parse(&choice, spec != NULL ? spec : name));
    const saved from = {.store = store,
                        .prefix = duet_store_metadata(store, DUET_CARD_KEY) != NULL ? INSIDE : ""};
    DUET_DO(find_size(&from, root, path, &classes, &dim));
    const duet_feature_maps maps = duet_maps_read(json_object_get(root, "maps"), dim);
    DUET_DO(duet_head_new(NULL, &head, &choice, classes, &maps, dim));
    DUET_DO(read_tensors(head, &from, path));
    DUET_DO(read_card(card, head->arena, root));
    DUET_DO(read_calibration(&card->calibration, &from, root, path));
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
