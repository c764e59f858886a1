/* SPDX-License-Identifier: MIT
 * Checkpoints. state-N holds everything that training depends on: weight/…, ema/…, adamw.m/…,
 * adamw.v/… (f32, named as the parameters), losses[steps] and, where the task keeps something from
 * step to step, task[…]; its metadata "duet.state" (JSON)
 * holds the counters, the settings, the hash of the data and the XXH64 of all tensors in file
 * order, so that a damaged file is detected before training continues. Random numbers have no
 * state. model-N is the EMA with its card. N = images seen. Both are written atomically, the state
 * first; only then are those before the newest two removed. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <duet/store.h>

#include "base/context.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "train/numbered.h"
#include "train/trainer.h"

#define STATE_KEY     "duet.state"
#define STATE_VERSION 1
#define KEEP          2

/* ---- what a state holds ---- */

typedef struct tensor_list {
    duet_arena *arena;
    duet_store_item *items;
    int64_t count;
} tensor_list;

/* "weight/NAME", "ema/NAME", "adamw.m/PART/NAME". */
static void add_item(tensor_list *list, const duet_slots *slots, const duet_slot *slot,
                     const char *kind) {
    const char *const part = slots->parts[slot->part].prefix;
    list->items[list->count++] =
        (duet_store_item){.name = duet_arena_format(list->arena, "%s/%s%s%s", kind, part,
                                                    part[0] != '\0' ? "/" : "", slot->name),
                          .dtype = DUET_F32,
                          .stored = DUET_F32,
                          .shape = slot->shape,
                          .data = (void *)(uintptr_t)duet_slot_data(slot)};
}

/* What has no average, since it is not trained, stands for it. */
static void add_averages(tensor_list *list, const duet_slots *slots) {
    for (int64_t k = 0; k < slots->count; k++) {
        if (slots->list[k].of >= 0) continue;
        const int64_t beside = duet_slots_beside(slots, k, DUET_EMA);
        add_item(list, slots, &slots->list[beside >= 0 ? beside : k], DUET_EMA);
    }
}

/* Averages other than the first, of what is trained. */
static void add_further(tensor_list *list, const duet_slots *slots, int index) {
    const char *const kind = duet_average_kind(index);
    for (int64_t k = 0; k < slots->count; k++) {
        const int64_t beside = slots->list[k].of < 0 ? duet_slots_beside(slots, k, kind) : -1;
        if (beside >= 0) add_item(list, slots, &slots->list[beside], kind);
    }
}

/* Every tensor of a state, pointing into the trainer's memory: saving reads there, loading writes
 * there. */
static duet_status list_tensors(tensor_list *list, duet_trainer *trainer) {
    const duet_slots *slots = trainer->slots;
    DUET_TRY(duet_arena_new(&list->arena));
    list->items = duet_arena_alloc(list->arena, 2 * slots->count + 2, sizeof *list->items);
    DUET_TRY(duet_arena_status(list->arena));
    for (int64_t k = 0; k < slots->count; k++)
        if (slots->list[k].of < 0) add_item(list, slots, &slots->list[k], "weight");
    add_averages(list, slots);
    for (int i = 1; i < trainer->averages.count; i++) add_further(list, slots, i);
    for (int64_t k = 0; k < slots->count; k++)
        if (slots->list[k].role == DUET_MOMENT)
            add_item(list, slots, &slots->list[k], slots->list[k].kind);
    list->items[list->count++] = (duet_store_item){.name = "losses",
                                                   .dtype = DUET_F32,
                                                   .stored = DUET_F32,
                                                   .shape = {.rank = 1, .dim = {trainer->steps}},
                                                   .data = trainer->losses};
    if (trainer->kept > 0)
        list->items[list->count++] = (duet_store_item){.name = "task",
                                                       .dtype = DUET_F32,
                                                       .stored = DUET_F32,
                                                       .shape = {.rank = 1, .dim = {trainer->kept}},
                                                       .data = trainer->setup.kept};
    return duet_arena_status(list->arena);
}

/* ---- file names ---- */

/* The largest number below `below`; -1 where there is none. */
static duet_status newest_below(int64_t *out, const char *run, const char *prefix, int64_t below) {
    duet_listing listing = {0};
    DUET_TRY(duet_folder_list(&listing, run));
    *out = -1;
    for (int64_t i = 0; i < listing.count; i++) {
        const int64_t number = duet_numbered_of(listing.name[i], prefix);
        if (number < below && number > *out) *out = number;
    }
    duet_listing_free(&listing);
    return DUET_OK;
}

duet_status duet_checkpoint_any(const char *run, bool *found) {
    int64_t newest = -1;
    DUET_TRY(newest_below(&newest, run, "state-", INT64_MAX));
    *found = newest >= 0;
    return DUET_OK;
}

/* Removes all but the newest KEEP, and what a killed run left half written. */
static duet_status remove_old(const char *run, const char *prefix) {
    duet_status status = DUET_OK;
    duet_listing listing = {0};
    char path[DUET_PATH_SIZE];
    int64_t keep = INT64_MAX;
    for (int i = 0; i < KEEP && keep >= 0; i++) DUET_TRY(newest_below(&keep, run, prefix, keep));
    DUET_TRY(duet_folder_list(&listing, run));
    for (int64_t i = 0; i < listing.count; i++) {
        const char *name = listing.name[i];
        const int64_t number = duet_numbered_of(name, prefix);
        const bool half =
            duet_starts_with(name, prefix) && strstr(name, DUET_NUMBERED_ENDING ".tmp.") != NULL;
        if (!half && (number < 0 || number >= keep)) continue;
        DUET_DO(duet_path_join(path, run, name));
        DUET_DO(duet_folder_remove_file(path));
    }
done:
    duet_listing_free(&listing);
    return status;
}

/* ---- saving ---- */

static duet_status state_text(char **out, const duet_trainer *trainer, uint64_t hash) {
    char hash_text[32], data_text[32];
    snprintf(hash_text, sizeof hash_text, "%016" PRIx64, hash);
    snprintf(data_text, sizeof data_text, "%016" PRIx64,
             duet_dataset_describe(trainer->dataset)->hash);
    const json_int_t steps = trainer->steps, images = trainer->steps * trainer->options.batch,
                     total = trainer->total;
    json_t *root = json_pack("{s:i, s:I, s:I, s:I, s:f, s:s, s:s, s:o}", "version", STATE_VERSION,
                             "steps", steps, "images", images, "total", total, "seconds",
                             duet_trainer_seconds(trainer), "hash", hash_text, "data_hash",
                             data_text, "settings", duet_settings_json(&trainer->options));
    const duet_status status = duet_json_text(out, root, false);
    json_decref(root);
    return status;
}

static duet_status save_state(duet_trainer *trainer, int64_t images) {
    duet_status status = DUET_OK;
    tensor_list list = {0};
    char path[DUET_PATH_SIZE];
    char *text = NULL;
    DUET_DO(list_tensors(&list, trainer));
    DUET_DO(state_text(&text, trainer, duet_numbered_hash(list.items, list.count)));
    DUET_DO(duet_numbered_path(path, trainer->run, "state-", images));
    const duet_store_pair pair = {.key = STATE_KEY, .value = text};
    DUET_DO(duet_store_write(path, "safetensors", list.items, list.count, &pair, 1));
done:
    duet_release(text);
    duet_arena_free(list.arena);
    return status;
}

static duet_status save_model(duet_trainer *trainer, int64_t images) {
    char path[DUET_PATH_SIZE];
    duet_card *card = duet_model_card(trainer->ema);
    card->images = images;
    card->steps = trainer->steps;
    card->seconds = duet_trainer_seconds(trainer);
    DUET_TRY(duet_numbered_path(path, trainer->run, "model-", images));
    return duet_model_save(trainer->ema, path, DUET_F32);
}

duet_status duet_checkpoint_save(duet_trainer *trainer) {
    duet_status status = DUET_OK;
    const int64_t images = trainer->steps * trainer->options.batch;
    DUET_DO(duet_slots_pull(trainer->slots));
    DUET_CONTEXT(save_state(trainer, images), "cannot save the checkpoint of %lld images",
                 (long long)images);
    DUET_CONTEXT(save_model(trainer, images), "cannot save the checkpoint of %lld images",
                 (long long)images);
    DUET_CONTEXT(duet_trainer_save_head(trainer), "cannot save the head after %lld images",
                 (long long)images);
    trainer->saved = trainer->steps;
    trainer->saved_at = duet_clock();
    DUET_DO(remove_old(trainer->run, "state-"));
    DUET_DO(remove_old(trainer->run, "model-"));
done:
    return status;
}

/* ---- loading ---- */

static bool is_one_of(const char *name, const char *const *list, int count) {
    for (int i = 0; i < count; i++)
        if (strcmp(name, list[i]) == 0) return true;
    return false;
}

/* Budget, saving and measuring may differ from the stored settings; *budget_same says whether the
 * budget does not. */
static duet_status compare_settings(const duet_trainer *trainer, const json_t *settings,
                                    bool *budget_same) {
    static const char *const budget[] = {"minutes", "images", "steps"}, *const others[] = {
                                                                            "save_minutes",
                                                                            "meter_minutes",
                                                                            "judge"};
    *budget_same = true;
    for (int i = 0; i < duet_train_params.count; i++) {
        const char *name = duet_train_params.rows[i].name,
                   *was = json_string_value(json_object_get(settings, name));
        char text[DUET_LIST_SIZE * 24];
        duet_params_print(&duet_train_params, &trainer->options, i, text, sizeof text);
        if (was == NULL || strcmp(was, text) == 0 || is_one_of(name, others, DUET_COUNT(others)))
            continue;
        if (!is_one_of(name, budget, DUET_COUNT(budget))) {
            return duet_fail(DUET_ARG,
                             "'%s' was '%s' when the run started and is '%s' now; a resumed run "
                             "can only change its "
                             "budget",
                             name, was, text);
        }
        *budget_same = false;
    }
    return DUET_OK;
}

static duet_status load_tensors(duet_trainer *trainer, const duet_store *store,
                                const char *hash_text) {
    duet_status status = DUET_OK;
    tensor_list list = {0};
    char computed[32];
    DUET_DO(duet_grow(&trainer->losses, &trainer->loss_capacity, trainer->steps + 1,
                      sizeof *trainer->losses));
    DUET_DO(list_tensors(&list, trainer));
    for (int64_t i = 0; i < list.count; i++) {
        const duet_store_item *item = &list.items[i];
        const duet_store_entry *entry = duet_store_find(store, item->name);
        if (entry == NULL) DUET_FAIL(DUET_FORMAT, "the tensor '%s' is missing", item->name);
        if (!duet_shape_equal(&entry->shape, &item->shape)) {
            DUET_FAIL(DUET_FORMAT, "the tensor '%s' has %lld elements, but %lld are needed",
                      item->name, (long long)duet_shape_count(&entry->shape),
                      (long long)duet_shape_count(&item->shape));
        }
        DUET_DO(duet_store_read(store, item->name, DUET_F32, (void *)(uintptr_t)item->data));
    }
    snprintf(computed, sizeof computed, "%016" PRIx64, duet_numbered_hash(list.items, list.count));
    if (strcmp(computed, hash_text) != 0) {
        DUET_FAIL(DUET_FORMAT, "the tensors are damaged: their hash is %s, not %s", computed,
                  hash_text);
    }
done:
    duet_arena_free(list.arena);
    return status;
}

static duet_status load_counters(duet_trainer *trainer, const json_t *root, bool budget_same) {
    const json_int_t steps = json_integer_value(json_object_get(root, "steps"));
    const json_int_t total = json_integer_value(json_object_get(root, "total"));
    if (json_integer_value(json_object_get(root, "version")) != STATE_VERSION) {
        return duet_fail(DUET_FORMAT, "it is of another version of the format");
    }
    if (steps < 0 || steps > (json_int_t)1 << 40 || total < 0)
        return duet_fail(DUET_FORMAT, "its counters are damaged");
    trainer->steps = steps;
    trainer->seconds = json_number_value(json_object_get(root, "seconds"));
    trainer->total = budget_same ? total : duet_budget_steps(&trainer->options);
    if (!budget_same && trainer->options.minutes > 0.0)
        trainer->total = 0; /* it is measured again */
    return DUET_OK;
}

static duet_status load_state(duet_trainer *trainer, const char *path) {
    duet_status status = DUET_OK;
    duet_store *store = NULL;
    json_t *root = NULL;
    json_error_t error;
    bool budget_same = true;
    char data_text[32];
    snprintf(data_text, sizeof data_text, "%016" PRIx64,
             duet_dataset_describe(trainer->dataset)->hash);
    DUET_DO(duet_store_open(&store, path));
    const char *text = duet_store_metadata(store, STATE_KEY);
    root = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, &error) : NULL;
    const char *hash = json_string_value(json_object_get(root, "hash"));
    const char *data_hash = json_string_value(json_object_get(root, "data_hash"));
    if (hash == NULL || data_hash == NULL)
        DUET_FAIL(DUET_FORMAT, "it has no readable '%s'", STATE_KEY);
    DUET_DO(compare_settings(trainer, json_object_get(root, "settings"), &budget_same));
    if (strcmp(data_hash, data_text) != 0) {
        DUET_FAIL(DUET_ARG, "the data set '%s' is not the one this run was started with",
                  duet_dataset_describe(trainer->dataset)->path);
    }
    DUET_DO(load_counters(trainer, root, budget_same));
    DUET_DO(load_tensors(trainer, store, hash));
    duet_trainer_touch(trainer);
done:
    json_decref(root);
    duet_store_close(store);
    return status;
}

/* A state that cannot be read is renamed, so that it does not count as one of the two that are
 * kept. */
static duet_status set_aside(const char *path) {
    char away[DUET_PATH_SIZE + 16];
    snprintf(away, sizeof away, "%s.damaged", path);
    return duet_file_rename(path, away);
}

duet_status duet_checkpoint_load(duet_trainer *trainer, bool *found) {
    duet_status status = DUET_OK;
    int64_t images = INT64_MAX;
    char path[DUET_PATH_SIZE] = "";
    *found = false;
    for (bool damaged = false;; damaged = true) {
        DUET_TRY(newest_below(&images, trainer->run, "state-", images));
        if (images < 0 && damaged) {
            duet_error_frame("no state of '%s' can be read", trainer->run);
            return status;
        }
        if (images < 0) return DUET_OK;
        DUET_TRY(duet_numbered_path(path, trainer->run, "state-", images));
        status = load_state(trainer, path);
        if (status == DUET_OK) break;
        duet_error_frame("cannot resume from '%s'", path);
        if (status != DUET_FORMAT && status != DUET_UNSUPPORTED) return status;
        duet_log(trainer->ctx, DUET_LOG_WARNING, "%s; trying the one before", duet_error_message());
        DUET_TRY(set_aside(path));
    }
    *found = true;
    trainer->saved = trainer->steps;
    return DUET_OK;
}
