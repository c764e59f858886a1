/* SPDX-License-Identifier: MIT
 * train/synthesis.c: a model whose weights are averaged over another length than those that
 * followed the training: the sum of snapshots whose profile is nearest to the wanted one
 * (optim/average/profile.h). */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <duet/run.h>
#include <duet/store.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "model/model.h"
#include "optim/average/profile.h"
#include "train/numbered.h"
#include "train/snapshots.h"

enum { FILES = DUET_SNAPSHOTS + 1, SOURCES = FILES * DUET_AVERAGES_MOST };

typedef struct source { /* an average in a file */
    const duet_store *store;
    const char *kind;
} source;

typedef struct synthesis {
    duet_model *model;
    duet_store *files[FILES];
    int file_count;
    source list[SOURCES];
    duet_profile profiles[SOURCES];
    double factors[SOURCES];
    int count;
} synthesis;

/* ---- files ---- */

static duet_status check_hash(const duet_store *store, const char *wanted) {
    uint64_t hash = 0;
    char text[32];
    for (int64_t i = 0; i < duet_store_count(store); i++) {
        const duet_store_entry *entry = duet_store_at(store, i);
        const void *data = duet_store_data(store, entry->name);
        if (data == NULL || entry->dtype != DUET_F32)
            return duet_fail(DUET_FORMAT, "the tensor '%s' is not of the type f32", entry->name);
        hash += duet_numbered_hash_one(entry->name, data, duet_shape_count(&entry->shape));
    }
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    if (strcmp(text, wanted) == 0) return DUET_OK;
    return duet_fail(DUET_FORMAT, "the tensors are damaged: their hash is %s, not %s", text,
                     wanted);
}

/* The power averages in an open file. */
static duet_status add_averages(synthesis *s, const duet_store *store) {
    duet_status status = DUET_OK;
    json_error_t error;
    duet_averages *averages = NULL;
    const char *text = duet_store_metadata(store, DUET_SNAPSHOT_KEY);
    json_t *root = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, &error) : NULL;
    const char *ema = json_string_value(json_object_get(root, "ema")),
               *hash = json_string_value(json_object_get(root, "hash"));
    const json_int_t steps = json_integer_value(json_object_get(root, "steps"));
    DUET_DO(duet_alloc(&averages, 1, sizeof *averages));
    if (ema == NULL || hash == NULL || steps < 1)
        DUET_FAIL(DUET_FORMAT, "it does not say what averages it holds");
    DUET_DO(check_hash(store, hash));
    DUET_DO(duet_averages_parse(averages, ema));
    for (int i = 0; i < averages->count && s->count < SOURCES; i++) {
        const double gamma = duet_average_exponent(&averages->list[i]);
        if (gamma < 0.0) continue;
        s->profiles[s->count] = (duet_profile){.time = (double)steps, .exponent = gamma};
        s->list[s->count++] = (source){.store = store, .kind = duet_average_kind(i)};
    }
done:
    duet_release(averages);
    json_decref(root);
    return status;
}

static duet_status add_file(synthesis *s, const char *path) {
    duet_status status = DUET_OK;
    if (s->file_count == FILES) return DUET_OK;
    DUET_DO(duet_store_open(&s->files[s->file_count], path));
    DUET_CONTEXT(add_averages(s, s->files[s->file_count++]), "cannot read '%s'", path);
done:
    return status;
}

/* Snapshots up to the model. */
static duet_status add_files(synthesis *s, const char *run) {
    duet_status status = DUET_OK;
    duet_listing listing = {0};
    char path[DUET_PATH_SIZE];
    DUET_TRY(duet_folder_list(&listing, run));
    for (int64_t i = 0; i < listing.count; i++) {
        const int64_t number = duet_numbered_of(listing.name[i], DUET_SNAPSHOT_PREFIX);
        if (number < 0 || number > s->model->card.images) continue;
        DUET_DO(duet_path_join(path, run, listing.name[i]));
        DUET_DO(add_file(s, path));
    }
    if (s->count == 0)
        DUET_FAIL(DUET_ARG,
                  "'%s' holds no power averages, from which those of other lengths are made; train "
                  "with --ema power:std=0.05+power:std=0.1",
                  run);
done:
    duet_listing_free(&listing);
    return status;
}

/* ---- weights ---- */

static duet_status sum_tensor(const synthesis *s, const duet_slot *slot, double *sum, float *one,
                              float *out) {
    memset(sum, 0, (size_t)slot->count * sizeof *sum);
    for (int i = 0; i < s->count; i++) {
        const duet_store *store = s->list[i].store;
        char name[DUET_TEXT_SIZE];
        duet_format(name, sizeof name, "%s/%s", s->list[i].kind, slot->name);
        const duet_store_entry *entry = duet_store_find(store, name);
        if (entry == NULL || !duet_shape_equal(&entry->shape, &slot->shape))
            return duet_fail(DUET_FORMAT, "a snapshot has no tensor '%s' of the model's shape",
                             name);
        DUET_TRY(duet_store_read(store, name, DUET_F32, one));
        for (int64_t e = 0; e < slot->count; e++) sum[e] += s->factors[i] * (double)one[e];
    }
    for (int64_t e = 0; e < slot->count; e++) out[e] = (float)sum[e];
    return DUET_OK;
}

/* What is not averaged, and weights that were not trained, stay as the model has them. */
static bool is_averaged(const synthesis *s, const duet_slot *slot) {
    char name[DUET_TEXT_SIZE];
    duet_format(name, sizeof name, "%s/%s", s->list[0].kind, slot->name);
    return duet_role_averaged(slot->role) && duet_store_find(s->list[0].store, name) != NULL;
}

static duet_status sum_all(const synthesis *s) {
    duet_status status = DUET_OK;
    duet_slots *const slots = s->model->slots;
    double *sum = NULL;
    float *one = NULL;
    int64_t most = 1;
    for (int64_t k = 0; k < slots->count; k++)
        if (slots->list[k].count > most) most = slots->list[k].count;
    DUET_DO(duet_alloc(&sum, most, sizeof *sum));
    DUET_DO(duet_alloc(&one, most, sizeof *one));
    for (int64_t k = 0; k < slots->count; k++) {
        const duet_slot *slot = &slots->list[k];
        if (!is_averaged(s, slot)) continue;
        float *const own = duet_arena_alloc(s->model->arena, slot->count, sizeof *own);
        DUET_DO(duet_arena_status(s->model->arena));
        DUET_DO(sum_tensor(s, slot, sum, one, own));
        duet_slots_lend(slots, k, DUET_F32, own);
    }
    duet_slots_touch(slots, -1);
done:
    duet_release(sum);
    duet_release(one);
    return status;
}

duet_status duet_train_average(duet_context *ctx, duet_model **out, const char *run, double std,
                               double *error) {
    duet_status status = DUET_OK;
    synthesis s = {0};
    if (!(std > 0.0 && std <= 0.288))
        return duet_fail(DUET_ARG, "the length of an average is above 0 and at most 0.288, got %g",
                         std);
    if (!duet_run_is(run))
        return duet_fail(DUET_ARG,
                         "'%s' is no run folder; its snapshots are needed for an average "
                         "of another length",
                         run);
    DUET_DO(duet_model_open(ctx, &s.model, run));
    DUET_DO(add_files(&s, run));
    const duet_profile wanted = {.time = (double)s.model->card.steps,
                                 .exponent = duet_power_exponent(std)};
    DUET_DO(duet_profile_fit(s.profiles, s.count, wanted, s.factors, error));
    DUET_DO(sum_all(&s));
    s.model->card.ema = true;
    *out = s.model;
    s.model = NULL;
done:
    for (int i = 0; i < s.file_count; i++) duet_store_close(s.files[i]);
    duet_model_close(s.model);
    return status;
}
