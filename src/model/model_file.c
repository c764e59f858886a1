/* SPDX-License-Identifier: MIT
 * model/model_file.c: model files: one self-describing safetensors, the card in its metadata. */
#include <stdio.h>
#include <string.h>

#include <duet/report.h>
#include <duet/store.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "io/store/store.h"
#include "model/card.h"
#include "model/diffusers_folder.h"
#include "model/foreign.h"
#include "model/model.h"
#include "model/origin.h"

/* Where a file has the network's tensors. */
typedef struct source {
    duet_store *store;
    const char *prefix;               /* of their names */
    const duet_store_entry **entries; /* one a slot, found by check_tensors */
} source;

static duet_status check_tensors(const duet_model *model, source *from, bool card) {
    DUET_TRY(duet_alloc(&from->entries, model->params->count, sizeof *from->entries));
    for (int64_t i = 0; i < model->params->count; i++) {
        const duet_param_slot *slot = &model->params->slots[i];
        const duet_store_entry *entry = from->entries[i] =
            duet_foreign_entry(from->store, from->prefix, model, slot->name);
        if (entry == NULL)
            return duet_fail(DUET_FORMAT, "tensor '%s%s' is missing", from->prefix, slot->name);
        if (duet_foreign_fits(&entry->shape, &slot->shape)) continue;
        char have[96], want[96];
        return duet_fail(DUET_SHAPE, "tensor '%s' is %s, but the %s needs %s", entry->name,
                         duet_shape_text(&entry->shape, have),
                         card ? "card's configuration" : "configuration",
                         duet_shape_text(&slot->shape, want));
    }
    return DUET_OK;
}

/* A network of another program is whole: a tensor that the configuration has no place for means
 * that this is another network. */
static duet_status check_unused(const duet_model *model, const source *from) {
    const duet_store_entry *left = NULL;
    DUET_TRY(duet_foreign_left(&left, from->store, from->prefix, model));
    if (left == NULL) return DUET_OK;
    return duet_fail(DUET_FORMAT,
                     "tensor '%s' has no place in the configuration %s; flags such as "
                     "--attention_resolutions can say more",
                     left->name, model->config_text);
}

/* Takes tensors where the mapped file has them, if they are aligned and f32, or bf16 matrices and
 * filters: then opening costs no time and no memory, and weights that nobody reads are never
 * loaded. The others are read into a block as f32. */
static duet_status read_params(duet_model *model, const source *from, bool *mapped) {
    duet_params *params = model->params;
    for (int64_t i = 0; i < params->count; i++) {
        const duet_store_entry *entry = from->entries[i];
        const void *data = duet_store_data(from->store, entry->name);
        const bool taken =
            entry->dtype == DUET_F32 || (entry->dtype == DUET_BF16 && entry->shape.rank >= 2);
        if (data == NULL || !taken || (uintptr_t)data % duet_dtype_size(entry->dtype) != 0)
            continue;
        duet_params_lend(params, i, entry->dtype, data);
        *mapped = true;
    }
    params->mapped = from->store->mapped;
    DUET_TRY(duet_params_alloc(params));
    for (int64_t i = 0; i < params->count; i++) {
        const duet_param_slot *slot = &params->slots[i];
        if (slot->lent == NULL)
            DUET_TRY(duet_store_read(from->store, from->entries[i]->name, DUET_F32,
                                     params->block + slot->offset));
    }
    duet_params_touch(params);
    return DUET_OK;
}

static duet_dtype stored_of(const duet_model *model, const source *from) {
    int64_t counts[DUET_DTYPE_COUNT] = {0};
    duet_dtype most = DUET_F32;
    for (int64_t i = 0; i < model->params->count; i++) {
        const duet_param_slot *slot = &model->params->slots[i];
        const duet_dtype dtype = from->entries[i]->dtype;
        counts[dtype] += slot->count;
        if (counts[dtype] > counts[most]) most = dtype;
    }
    return most;
}

/* Files of duet's own that are no models. */
static duet_status refuse_own(const duet_store *store) {
    if (duet_store_metadata(store, "duet.state") != NULL)
        return duet_because(
            DUET_CAUSE_NO_MODEL,
            duet_fail(DUET_ARG, "it is a training state, not a model; load the 'model-…' file "
                                "beside it, or the run folder"));
    if (duet_store_metadata(store, "duet.head") != NULL)
        return duet_because(
            DUET_CAUSE_NO_MODEL,
            duet_fail(DUET_ARG,
                      "it is a head, not a model; load the run folder or a 'model-…' file"));
    return DUET_OK;
}

/* A card without preprocessing gets the network's; one that disagrees would have images of another
 * size read. */
static duet_status check_preprocess(duet_preprocess *how, const duet_arch_shape *shape) {
    if (how->size == 0 && how->channels == 0) {
        how->size = shape->size;
        how->channels = (int)shape->in_channels;
    }
    if (how->size == shape->size && how->channels == shape->in_channels) return DUET_OK;
    return duet_fail(DUET_FORMAT,
                     "the card prepares images of %lld x %lld with %d channels, but the network "
                     "takes %lld x %lld with %lld",
                     (long long)how->size, (long long)how->size, how->channels,
                     (long long)shape->size, (long long)shape->size, (long long)shape->in_channels);
}

/* The described model of a file's card. */
static duet_status describe_card(duet_model **out, const char *text) {
    duet_status status = DUET_OK;
    duet_arena *arena = NULL;
    duet_model *model = NULL;
    duet_card card = {0};
    char config[1024] = "", spec[DUET_TEXT_SIZE + sizeof config];
    DUET_DO(duet_arena_new(&arena));
    DUET_DO(duet_card_parse(&card, config, arena, text));
    snprintf(spec, sizeof spec, "%s:%s", card.arch, config);
    DUET_DO(duet_model_describe(&model, spec));
    char **names = card.class_names;
    const int count = card.class_count;
    card.class_names = NULL;
    DUET_DO(check_preprocess(&card.preprocess, &model->shape));
    model->card = card;
    DUET_DO(duet_card_set_classes(model, (const char *const *)names, count));
    *out = model;
    model = NULL;
done:
    duet_model_close(model);
    duet_arena_free(arena);
    return status;
}

/* The described model of a file of another program, with a card of what can be told from it. */
static duet_status describe_foreign(duet_model **out, duet_guess *guess, const duet_store *store,
                                    const char *path, const char *flags) {
    const bool folder = duet_path_is_folder(path);
    const duet_arch *arch = NULL;
    duet_model *model = NULL;
    char spec[DUET_TEXT_SIZE + sizeof guess->config];
    DUET_TRY(folder ? duet_diffusers_guess(&arch, guess, store, path)
                    : duet_foreign_guess(&arch, guess, store, flags));
    if (flags != NULL && *flags) DUET_TRY(duet_foreign_flags(arch, guess, flags));
    snprintf(spec, sizeof spec, "%s:%s", arch->info.name, guess->config);
    DUET_TRY(duet_model_describe(&model, spec));
    (void)duet_copy_text(model->card.noise, sizeof model->card.noise, guess->noise);
    (void)duet_copy_text(model->card.predict, sizeof model->card.predict, guess->predict);
    memcpy(model->card.preprocess.mean, guess->mean, sizeof guess->mean);
    memcpy(model->card.preprocess.std, guess->std, sizeof guess->std);
    if (guess->fit[0] != '\0') memcpy(model->card.preprocess.fit, guess->fit, sizeof guess->fit);
    (void)duet_copy_text(model->card.name, sizeof model->card.name, duet_path_base(path));
    (void)duet_copy_text(model->card.assumed, sizeof model->card.assumed, guess->assumed);
    if (guess->sets[0] != '\0')
        snprintf(model->card.says, sizeof model->card.says,
                 "weights %.120s, taken those of '%.60s' (--weights)", guess->sets, guess->prefix);
    duet_origin_read(&model->card, store, path);
    model->card.ema = guess->averaged || duet_has_word(duet_path_base(path), "ema");
    *out = model;
    return DUET_OK;
}

/* Takes the store over where *mapped. */
static duet_status open_store(duet_model **out, duet_store *store, const char *path,
                              const char *flags, bool *mapped) {
    duet_status status = DUET_OK;
    duet_model *model = NULL;
    duet_guess guess = {.prefix = ""};
    source from = {.store = store, .prefix = guess.prefix};
    const char *const text = duet_store_metadata(store, DUET_CARD_KEY);
    DUET_DO(refuse_own(store));
    if (text != NULL && flags != NULL && *flags)
        DUET_FAIL(DUET_ARG,
                  "its card says what it is; flags of a network are for files of other programs");
    if (text != NULL)
        DUET_DO(describe_card(&model, text));
    else
        DUET_DO(describe_foreign(&model, &guess, store, path, flags));
    DUET_DO(check_tensors(model, &from, text != NULL));
    if (text == NULL) DUET_DO(check_unused(model, &from));
    DUET_DO(read_params(model, &from, mapped));
    model->stored = stored_of(model, &from);
    model->foreign = text == NULL;
    if (*mapped) model->store = store;
    (void)duet_copy_text(model->path, sizeof model->path, path);
    *out = model;
    model = NULL;
done:
    duet_release(from.entries);
    duet_model_close(model);
    return status;
}

duet_status duet_model_open_as(duet_context *ctx, duet_model **out, const char *path,
                               const char *flags) {
    char newest[DUET_PATH_SIZE];
    const char *file = path;
    if (!duet_path_exists(path))
        return duet_fail(
            DUET_NOT_FOUND,
            "no file or folder '%s'; a model is a model-….safetensors file or a run folder", path);
    if (duet_path_is_folder(path) && duet_diffusers_is(path)) {
        DUET_TRY(duet_diffusers_weights(newest, path));
        file = newest;
    } else if (duet_path_is_folder(path)) {
        if (duet_run_newest(newest, path, "model-", ".safetensors") != DUET_OK)
            return duet_fail(DUET_NOT_FOUND,
                             "folder '%s' holds no model-….safetensors; give a run folder of 'duet "
                             "train' or a model file",
                             path);
        file = path = newest;
    }
    duet_store *store = NULL;
    DUET_TRY(duet_store_open(&store, file)); /* its messages name the file */
    bool mapped = false;
    (void)ctx;
    const duet_status status = open_store(out, store, path, flags, &mapped);
    if (status == DUET_OK) (void)duet_copy_text((*out)->file, sizeof(*out)->file, file);
    if (status != DUET_OK || !mapped) duet_store_close(store);
    if (status != DUET_OK) duet_error_frame("cannot load '%s'", path);
    return status;
}

duet_status duet_model_open(duet_context *ctx, duet_model **out, const char *path) {
    return duet_model_open_as(ctx, out, path, NULL);
}

/* In bf16 gains, biases and states stay f32: they are small, and have no redundancy that would hide
 * the rounding. */
static duet_dtype stored_as(const duet_param_slot *slot, duet_dtype dtype) {
    return dtype == DUET_BF16 && (slot->shape.rank < 2 || slot->role != DUET_WEIGHT) ? DUET_F32
                                                                                     : dtype;
}

static const char *format_of(const char *path) {
    return duet_ends_with(path, ".pt")    ? "torch_zip"
           : duet_ends_with(path, ".npz") ? "npz"
                                          : "safetensors";
}

duet_status duet_model_save(const duet_model *model, const char *path, duet_dtype dtype) {
    duet_status status = DUET_OK;
    duet_store_item *items = NULL;
    char *text = NULL;
    const duet_params *params = model->params;
    DUET_DO(duet_alloc(&items, params->count, sizeof *items));
    for (int64_t i = 0; i < params->count; i++)
        items[i] = (duet_store_item){.name = params->slots[i].name,
                                     .dtype = params->slots[i].dtype,
                                     .stored = stored_as(&params->slots[i], dtype),
                                     .shape = params->slots[i].shape,
                                     .data = duet_params_data(params, &params->slots[i])};
    DUET_DO(duet_card_print(&text, &model->card, model->config_text));
    const duet_store_pair pairs[] = {{DUET_CARD_KEY, text}};
    DUET_DO(duet_store_write(path, format_of(path), items, params->count, pairs, 1));
done:
    duet_card_text_free(text);
    duet_release(items);
    return status;
}

duet_status duet_model_update_card(const char *path, const duet_card *card) {
    duet_status status = DUET_OK;
    duet_store *store = NULL;
    duet_arena *arena = NULL;
    duet_store_item *items = NULL;
    char *text = NULL;
    duet_card old = {0};
    char config[1024] = "";
    DUET_DO(duet_store_open(&store, path));
    const char *have = duet_store_metadata(store, DUET_CARD_KEY);
    if (have == NULL) DUET_FAIL(DUET_FORMAT, "'%s' has no card", path);
    DUET_DO(duet_arena_new(&arena));
    DUET_DO(duet_card_parse(&old, config, arena, have));
    const int64_t count = duet_store_count(store);
    DUET_DO(duet_alloc(&items, count, sizeof *items));
    for (int64_t i = 0; i < count; i++) {
        const duet_store_entry *entry = duet_store_at(store, i);
        items[i] = (duet_store_item){.name = entry->name,
                                     .dtype = entry->dtype,
                                     .stored = entry->dtype,
                                     .shape = entry->shape,
                                     .data = duet_store_data(store, entry->name)};
    }
    DUET_DO(duet_card_print(&text, card, config));
    const duet_store_pair pairs[] = {{DUET_CARD_KEY, text}};
    DUET_DO(duet_store_write(path, "safetensors", items, count, pairs, 1));
done:
    duet_card_text_free(text);
    duet_release(items);
    duet_arena_free(arena);
    duet_store_close(store);
    return status;
}
