/* SPDX-License-Identifier: MIT
 * model/model_facts.c: what a model says of itself, and the hash by which results name it. */
#include <string.h>

#include "base/hash.h"
#include "model/model.h"

duet_card *duet_model_card(duet_model *model) {
    return &model->card;
}
const char *duet_model_path(const duet_model *model) {
    return model->path;
}
const char *duet_model_file(const duet_model *model) {
    return model->file;
}
const char *duet_model_prior(const duet_model *model) {
    return duet_shape_part(&model->shape, DUET_GENERATES) != NULL ? "prior" : NULL;
}
const char *duet_model_sampler(const duet_model *model) {
    if (duet_model_prior(model) != NULL) return duet_model_prior(model);
    return model->card.sampler[0] != '\0' ? model->card.sampler : NULL;
}
bool duet_model_recogniser(const duet_model *model) {
    return !duet_shape_takes_noise(&model->shape);
}
int64_t duet_model_logits(const duet_model *model) {
    return model->shape.logits;
}
bool duet_model_feature_setting(const duet_model *model, duet_setting *out) {
    const int64_t last = model->tap_count - (model->shape.logits > 0),
                  tap = model->shape.features > 0 ? model->shape.features : last;
    if (!duet_model_recogniser(model) || tap < 1) return false;
    *out = duet_settings_of(-1, tap, 1).v[0];
    return true;
}
bool duet_model_spatial_setting(const duet_model *model, duet_setting *out) {
    const int64_t tap = model->shape.spatial;
    if (tap < 1 || tap > model->tap_count) return false;
    *out = duet_settings_of(-1, tap, model->taps[tap - 1].height).v[0];
    out->channels = model->shape.spatial_channels;
    return true;
}
bool duet_model_foreign(const duet_model *model) {
    return model->foreign;
}
double duet_model_macs(const duet_model *model) {
    return model->macs;
}
int duet_model_tap_count(const duet_model *model) {
    return model->tap_count;
}
const duet_tap_row *duet_model_tap(const duet_model *model, int index) {
    return &model->taps[index];
}
const char *duet_model_config(const duet_model *model) {
    return model->config_text;
}

int64_t duet_model_parameters(const duet_model *model) {
    int64_t count = 0;
    for (int64_t i = 0; i < model->slots->count; i++) count += model->slots->list[i].count;
    return count;
}

duet_dtype duet_model_stored(const duet_model *model) {
    return model->stored;
}

/* Only options that differ from their defaults, so that an option added later does not change the
 * hash. */
static uint64_t hash_config(const duet_model *model, uint64_t hash) {
    const duet_param_table *const table = &model->arch->info.params;
    for (int i = 0; i < table->count; i++) {
        _Alignas(16) uint8_t plain[DUET_CONFIG_SIZE];
        char have[512], usual[512];
        duet_params_default(table, plain);
        duet_params_print(table, model->config, i, have, sizeof have);
        duet_params_print(table, plain, i, usual, sizeof usual);
        if (strcmp(have, usual) != 0)
            hash = duet_hash_text(have, duet_hash_text(table->rows[i].name, hash));
    }
    return hash;
}

/* Hashes tensor by tensor: the result does not depend on where they lie in memory. */
static uint64_t hash_weights(const duet_slots *slots, uint64_t hash, int64_t *bytes) {
    for (int64_t i = 0; i < slots->count; i++) {
        const duet_slot *slot = &slots->list[i];
        const int64_t size = slot->count * (int64_t)duet_dtype_size(slot->dtype);
        hash = duet_hash(duet_slot_data(slot), (size_t)size, hash);
        *bytes += size;
    }
    return hash;
}

uint64_t duet_model_hash(const duet_model *model) {
    uint64_t hash = hash_config(model, duet_hash_text(model->card.arch, 1));
    hash = duet_hash_text(model->card.noise, hash);
    duet_weights_hash *const last = model->hashed;
    pthread_mutex_lock(&last->lock);
    if (!last->known || last->seed != hash || last->version != duet_slots_version(model->slots)) {
        last->value = hash_weights(model->slots, hash, &last->bytes);
        last->seed = hash;
        last->version = duet_slots_version(model->slots);
        last->known = true;
    }
    hash = last->value;
    pthread_mutex_unlock(&last->lock);
    return hash;
}
