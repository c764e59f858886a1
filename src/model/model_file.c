/* SPDX-License-Identifier: MIT
 * model/model_file.c: model files: one self-describing safetensors, the card in its metadata. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <duet/run.h>
#include <duet/store.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "io/store/store.h"
#include "model/card.h"
#include "model/foreign.h"
#include "model/foreign_made.h"
#include "model/model.h"
#include "model/origin.h"
#include "model/timm.h"
#include "model/foreign_names.h"
#include "model/weights_file.h"

/* The location of the network's tensors in a file. */
typedef struct source {
    duet_store *store;
    const char *prefix;               /* of their names */
    const duet_store_entry **entries; /* one per slot, found by check_tensors */
    bool *made;                       /* of the entry, which has another form (foreign_made.h) */
} source;

/* Puts this text in front of what the file says. */
static void say(duet_card *card, const char *format, ...) {
    char line[DUET_TEXT_SIZE], before[DUET_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    memcpy(before, card->says, sizeof before);
    if (strlen(line) + strlen(before) + 3 > sizeof card->says) before[0] = '\0';
    snprintf(card->says, sizeof card->says, "%.*s%s%.*s", 252, line, before[0] ? "; " : "",
             (int)(252 - strlen(line)), before);
}

static duet_status check_tensors(const duet_model *model, source *from, bool card) {
    DUET_TRY(duet_alloc(&from->entries, model->slots->count, sizeof *from->entries));
    DUET_TRY(duet_alloc(&from->made, model->slots->count, sizeof *from->made));
    for (int64_t i = 0; i < model->slots->count; i++) {
        const duet_slot *slot = &model->slots->list[i];
        const duet_store_entry *entry = from->entries[i] =
            duet_foreign_entry(from->store, from->prefix, model, slot->name);
        if (entry == NULL && !card)
            entry = from->entries[i] =
                duet_foreign_part(from->store, from->prefix, model, slot->name, 0);
        if (entry == NULL) return duet_foreign_missing(from->store, from->prefix, slot->name);
        if (duet_dtype_size(entry->dtype) == 1 || entry->dtype == DUET_I32 ||
            entry->dtype == DUET_I64)
            return duet_fail(
                DUET_UNSUPPORTED,
                "tensor '%s' is of %s; weights are read as f32, f16, bf16 and f64, and "
                "whole numbers (quantised weights) would need their scales",
                entry->name, duet_dtype_name(entry->dtype));
        if (duet_foreign_fits(&entry->shape, &slot->shape)) continue;
        from->made[i] = !card && duet_foreign_makes(from->store, from->prefix, model, slot, entry);
        if (from->made[i]) continue;
        char have[96], want[96];
        return duet_fail(DUET_SHAPE, "tensor '%s' is %s, but the %s needs %s", entry->name,
                         duet_shape_text(&entry->shape, have),
                         card ? "card's configuration" : "configuration",
                         duet_shape_text(&slot->shape, want));
    }
    return DUET_OK;
}

/* A network of another program is complete: a tensor without a place in the configuration means
 * that this is another network. Parts that training adds behind it are reported. */
static duet_status check_unused(duet_model *model, const source *from) {
    duet_foreign_rest rest;
    DUET_TRY(duet_foreign_left(&rest, from->store, from->prefix, model));
    if (rest.left != NULL)
        return duet_fail(DUET_FORMAT, "tensor '%s' has no place in the configuration %s%s",
                         rest.left->name, model->config_text,
                         strcmp(model->card.arch, "adm_unet") == 0
                             ? "; flags such as --attention_resolutions can say more"
                             : "");
    if (rest.beside_count > 0)
        say(&model->card, "left out %lld tensor%s that %s not part of it ('%.60s'%s)",
            (long long)rest.beside_count, rest.beside_count == 1 ? "" : "s",
            rest.beside_count == 1 ? "is" : "are", rest.beside->name,
            rest.beside_count == 1 ? "" : ", …");
    return DUET_OK;
}

/* Uses tensors directly from the mapped file if they are aligned and f32, or bf16 matrices and
 * filters: then opening takes neither time nor memory, and weights that are not used are never
 * loaded. The others are read into memory of their own as f32. */
static duet_status read_weights(duet_model *model, const source *from, bool *mapped) {
    duet_slots *slots = model->slots;
    for (int64_t i = 0; i < slots->count; i++) {
        const duet_store_entry *entry = from->entries[i];
        const void *data = duet_store_data(from->store, entry->name);
        const bool taken =
            entry->dtype == DUET_F32 || (entry->dtype == DUET_BF16 && entry->shape.rank >= 2);
        if (data == NULL || !taken || from->made[i] ||
            (uintptr_t)data % duet_dtype_size(entry->dtype) != 0)
            continue;
        duet_slots_lend(slots, i, entry->dtype, data);
        *mapped = true;
    }
    slots->mapped = from->store->mapped;
    DUET_TRY(duet_slots_alloc(slots));
    for (int64_t i = 0; i < slots->count; i++) {
        const duet_slot *slot = &slots->list[i];
        if (from->made[i])
            DUET_TRY(duet_foreign_make(slot->own, from->store, from->prefix, model, slot,
                                       from->entries[i]));
        else if (slot->lent == NULL)
            DUET_TRY(duet_store_read(from->store, from->entries[i]->name, DUET_F32, slot->own));
    }
    duet_slots_touch(slots, -1);
    return DUET_OK;
}

static duet_dtype stored_of(const duet_model *model, const source *from) {
    int64_t counts[DUET_DTYPE_COUNT] = {0};
    duet_dtype most = DUET_F32;
    for (int64_t i = 0; i < model->slots->count; i++) {
        const duet_slot *slot = &model->slots->list[i];
        const duet_dtype dtype = from->entries[i]->dtype;
        counts[dtype] += slot->count;
        if (counts[dtype] > counts[most]) most = dtype;
    }
    return most;
}

/* Files of duet that are not models. */
static duet_status refuse_own(const duet_store *store) {
    if (duet_store_metadata(store, "duet.state") != NULL)
        return duet_because(
            DUET_CAUSE_NO_MODEL,
            duet_fail(DUET_ARG, "it is a training state, not a model; load the 'model-…' file "
                                "beside it, or the run folder"));
    if (duet_store_metadata(store, "duet.averages") != NULL)
        return duet_because(
            DUET_CAUSE_NO_MODEL,
            duet_fail(DUET_ARG, "it holds averages of a training, not a model; 'duet convert RUN "
                                "--ema-length X --out FILE' makes one of those of a run"));
    if (duet_store_metadata(store, "duet.head") != NULL &&
        duet_store_metadata(store, DUET_CARD_KEY) == NULL)
        return duet_because(
            DUET_CAUSE_NO_MODEL,
            duet_fail(DUET_ARG,
                      "it is a head, not a model; load the run folder or a 'model-…' file"));
    return DUET_OK;
}

/* A card without preprocessing gets that of the network; one that contradicts the network is
 * refused, since images of another size would be read. */
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

/* Takes over what the guess contains besides the options of the network. */
static void fill_card(duet_card *card, const duet_guess *guess, const duet_store *store,
                      const char *path) {
    const duet_place *const place = guess->place;
    (void)duet_copy_text(card->noise, sizeof card->noise, guess->noise);
    (void)duet_copy_text(card->predict, sizeof card->predict, guess->predict);
    memcpy(card->preprocess.mean, guess->mean, sizeof guess->mean);
    memcpy(card->preprocess.std, guess->std, sizeof guess->std);
    if (guess->fit[0] != '\0') memcpy(card->preprocess.fit, guess->fit, sizeof guess->fit);
    memcpy(card->preprocess.resize, guess->resize, sizeof guess->resize);
    (void)duet_copy_text(card->name, sizeof card->name, duet_path_base(path));
    (void)duet_copy_text(card->assumed, sizeof card->assumed, guess->assumed);
    duet_origin_read(card, store, path);
    if (guess->sets[0] != '\0')
        say(card, "weights %.120s, taken those of '%.60s' (--weights)", guess->sets, guess->prefix);
    if (place->sets[0] != '\0')
        say(card, "weights %s, taken those of '%s' (--weights)", place->sets,
            place->averaged ? "unet_ema" : "unet");
    card->ema = guess->averaged || place->averaged ||
                (place->sets[0] == '\0' && duet_has_word(duet_path_base(path), "ema"));
}

/* The described model of a file of another program, with a card of what is known about it. */
static duet_status describe_foreign(duet_model **out, duet_guess *guess, duet_store *store,
                                    const duet_place *place, const char *path, const char *flags) {
    const duet_arch *arch = NULL;
    char spec[DUET_TEXT_SIZE + sizeof guess->config];
    DUET_TRY(duet_foreign_unwrap(store));
    DUET_TRY(duet_foreign_guess(&arch, guess, store, place, flags));
    DUET_TRY(duet_timm_read(guess, arch));
    if (flags != NULL && *flags) DUET_TRY(duet_foreign_flags(arch, guess, flags));
    snprintf(spec, sizeof spec, "%s:%s", arch->info.name, guess->config);
    const duet_status status = duet_model_describe(out, spec);
    if (status == DUET_OK)
        fill_card(&(*out)->card, guess, store, path);
    else if (guess->assumed[0] != '\0')
        duet_error_frame("with what is assumed, %.500s", guess->assumed);
    return status;
}

/* Takes ownership of the store where *mapped is set. */
static duet_status open_store(duet_model **out, duet_store *store, const duet_place *place,
                              const char *path, const char *flags, bool *mapped) {
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
        DUET_DO(describe_foreign(&model, &guess, store, place, path, flags));
    DUET_DO(check_tensors(model, &from, text != NULL));
    if (text == NULL) DUET_DO(check_unused(model, &from));
    DUET_DO(read_weights(model, &from, mapped));
    model->stored = stored_of(model, &from);
    model->foreign = text == NULL;
    if (*mapped) model->store = store;
    (void)duet_copy_text(model->path, sizeof model->path, path);
    *out = model;
    model = NULL;
done:
    duet_release(from.entries);
    duet_release(from.made);
    duet_model_close(model);
    return status;
}

/* Names of files in the folder that may be models, for the message. */
static duet_status refuse_folder(const char *path) {
    static const char *const endings[] = {".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".npz"};
    duet_listing list = {0};
    const char *first = NULL;
    int count = 0;
    if (duet_folder_list(&list, path) != DUET_OK) duet_error_clear();
    for (int64_t i = 0; i < list.count; i++)
        for (int k = 0; k < DUET_COUNT(endings); k++)
            if (duet_ends_with(list.name[i], endings[k]) && count++ == 0) first = list.name[i];
    const duet_status status = duet_fail(
        DUET_NOT_FOUND,
        "folder '%s' holds no model-….safetensors; give a run folder of 'duet train' or a model "
        "file%s%s%s%s",
        path, count > 0 ? ", such as '" : "", count > 0 ? first : "", count > 0 ? "'" : "",
        count > 1 ? " in it" : "");
    duet_listing_free(&list);
    return status;
}

/* The file with the weights: of a run its newest model, else what duet_place_find knows. */
static duet_status locate(duet_place *place, char path[DUET_PATH_SIZE], const char *flags) {
    char weights[64], newest[DUET_PATH_SIZE];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') path[--length] = '\0';
    duet_foreign_weights(weights, flags);
    if (!duet_path_exists(path))
        return duet_fail(
            DUET_NOT_FOUND,
            "no file or folder '%s'; a model is a model-….safetensors file or a run folder", path);
    const duet_status status = duet_place_find(place, path, weights);
    const bool other = status == DUET_NOT_FOUND && duet_path_is_folder(path) &&
                       !duet_path_in(newest, place->network, "config.json");
    if (!other) return status;
    if (duet_run_newest(newest, path, "model-", ".safetensors") != DUET_OK)
        return refuse_folder(path);
    *place = (duet_place){.file = ""};
    (void)duet_copy_text(place->file, sizeof place->file, newest);
    (void)duet_copy_text(path, DUET_PATH_SIZE, newest);
    return DUET_OK;
}

duet_status duet_model_open_as(duet_context *ctx, duet_model **out, const char *path,
                               const char *flags) {
    char from[DUET_PATH_SIZE];
    duet_place place;
    duet_store *store = NULL;
    bool mapped = false;
    (void)ctx;
    if (!duet_copy_text(from, sizeof from, path))
        return duet_fail(DUET_ARG, "path '%.80s…' is too long", path);
    DUET_TRY(locate(&place, from, flags));
    DUET_TRY(duet_store_open(&store, place.file)); /* its messages name the file */
    const duet_status status = open_store(out, store, &place, from, flags, &mapped);
    if (status == DUET_OK) (void)duet_copy_text((*out)->file, sizeof(*out)->file, place.file);
    if (status != DUET_OK || !mapped) duet_store_close(store);
    if (status != DUET_OK) duet_error_frame("cannot load '%s'", from);
    return status;
}

duet_status duet_model_open(duet_context *ctx, duet_model **out, const char *path) {
    return duet_model_open_as(ctx, out, path, NULL);
}

/* With bf16, gains, biases and states stay f32: they are small, and have no redundancy that would
 * average out the rounding. */
static duet_dtype stored_as(const duet_slot *slot, duet_dtype dtype) {
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
    const duet_slots *slots = model->slots;
    DUET_DO(duet_alloc(&items, slots->count, sizeof *items));
    for (int64_t i = 0; i < slots->count; i++)
        items[i] = (duet_store_item){.name = slots->list[i].name,
                                     .dtype = slots->list[i].dtype,
                                     .stored = stored_as(&slots->list[i], dtype),
                                     .shape = slots->list[i].shape,
                                     .data = duet_slot_data(&slots->list[i])};
    DUET_DO(duet_card_print(&text, &model->card, model->config_text));
    const duet_store_pair pairs[] = {{DUET_CARD_KEY, text}};
    DUET_DO(duet_store_write(path, format_of(path), items, slots->count, pairs, 1));
done:
    duet_card_text_free(text);
    duet_release(items);
    return status;
}

duet_status duet_model_update_card(const char *path, const duet_card *card) {
    duet_status status = DUET_OK;
    duet_store *store = NULL;
    duet_arena *arena = NULL;
    char *text = NULL;
    duet_card old = {0};
    char config[1024] = "";
    DUET_DO(duet_store_open(&store, path));
    const char *have = duet_store_metadata(store, DUET_CARD_KEY);
    if (have == NULL) DUET_FAIL(DUET_FORMAT, "'%s' has no card", path);
    DUET_DO(duet_arena_new(&arena));
    DUET_DO(duet_card_parse(&old, config, arena, have));
    DUET_DO(duet_card_print(&text, card, config));
    const duet_store_pair pair = {DUET_CARD_KEY, text};
    DUET_DO(duet_store_amend(path, NULL, 0, &pair, 1, NULL));
done:
    duet_card_text_free(text);
    duet_arena_free(arena);
    duet_store_close(store);
    return status;
}
