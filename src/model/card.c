/* SPDX-License-Identifier: MIT
 * model/card.c: card <-> JSON; see card.h. */
#include "model/card.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/record.h"
#include "base/str.h"
#include "model/setting.h"

#define FORMAT "duet model 1" /* docs/format.md */

static json_t *recommendation_json(const duet_recommendation *r) {
    if (r->settings.count == 0) return json_null();
    json_t *object = json_object();
    duet_settings_put(object, &r->settings);
    json_t *rest = json_pack(
        "{s:o,s:f,s:s,s:s*}", "val_top1", r->top1 >= 0 ? json_real(r->top1) : json_null(),
        "strength", r->strength, "data", r->data, "head", r->head[0] != '\0' ? r->head : NULL);
    if (rest != NULL) json_object_update(object, rest);
    if (rest == NULL) json_decref(object);
    json_decref(rest);
    return rest != NULL ? object : NULL;
}

/* NULL where mean and deviation are not set; then nothing is written. */
static json_t *colours_json(const double values[3]) {
    if (values[0] <= 0.0 && values[1] <= 0.0 && values[2] <= 0.0) return NULL;
    return json_pack("[f,f,f]", values[0], values[1], values[2]);
}

bool duet_card_takes(const char *text) {
    json_t *value = json_string(text);
    const bool takes = value != NULL;
    json_decref(value);
    return takes;
}

typedef struct preprocess_record {
    duet_preprocess how;
    json_t *mean, *std, *resize; /* resize: NULL = none */
} preprocess_record;

static const duet_param preprocess_rows[] = {
    DUET_FIELD(preprocess_record, how.size, "size", DUET_PARAM_INT),
    DUET_FIELD(preprocess_record, how.channels, "channels", DUET_PARAM_INT),
    DUET_FIELD(preprocess_record, how.fit, "fit", DUET_PARAM_TEXT),
    DUET_FIELD_JSON(preprocess_record, mean),
    DUET_FIELD_JSON(preprocess_record, std),
    DUET_FIELD_JSON(preprocess_record, resize),
};
static const duet_param_table preprocess_table = DUET_TABLE(preprocess_rows, preprocess_record);

typedef struct card_record {
    char format[64], config[1024];
    duet_card card;
    preprocess_record preprocess;
    json_t *classes, *recommended;
} card_record;

#define OF_CARD(field, kind) DUET_FIELD(card_record, card.field, #field, kind)
static const duet_param card_rows[] = {
    DUET_FIELD_TEXT(card_record, format),
    OF_CARD(arch, DUET_PARAM_TEXT),
    DUET_FIELD_TEXT(card_record, config),
    OF_CARD(noise, DUET_PARAM_TEXT),
    OF_CARD(predict, DUET_PARAM_TEXT),
    OF_CARD(name, DUET_PARAM_TEXT),
    OF_CARD(data, DUET_PARAM_TEXT),
    OF_CARD(licence, DUET_PARAM_TEXT),
    OF_CARD(origin, DUET_PARAM_TEXT),
    OF_CARD(says, DUET_PARAM_TEXT),
    OF_CARD(assumed, DUET_PARAM_TEXT),
    OF_CARD(drop, DUET_PARAM_FLOAT),
    OF_CARD(sampler, DUET_PARAM_TEXT),
    OF_CARD(ema, DUET_PARAM_BOOL),
    OF_CARD(images, DUET_PARAM_INT),
    OF_CARD(steps, DUET_PARAM_INT),
    OF_CARD(seconds, DUET_PARAM_FLOAT),
    DUET_FIELD_RECORD(card_record, preprocess, &preprocess_table),
    DUET_FIELD_JSON(card_record, classes),
    DUET_FIELD_JSON(card_record, recommended),
};
static const duet_param_table card_table = DUET_TABLE(card_rows, card_record);

duet_status duet_card_print(char **out, const duet_card *card, const char *config) {
    card_record record = {
        .format = FORMAT,
        .card = *card,
        .preprocess = {.how = card->preprocess,
                       .mean = colours_json(card->preprocess.mean),
                       .std = colours_json(card->preprocess.std),
                       .resize = card->preprocess.resize[0] != '\0'
                                     ? json_string(card->preprocess.resize)
                                     : NULL},
        .classes = duet_json_names((const char *const *)card->class_names, card->class_count),
        .recommended = recommendation_json(&card->recommended)};
    const bool whole = record.recommended != NULL;
    (void)duet_copy_text(record.config, sizeof record.config, config);
    json_t *root = duet_record_json(&card_table, &record);
    char *text = root != NULL && whole ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (text == NULL)
        return duet_fail(DUET_FORMAT, "the card of the model holds text that is not UTF-8");
    *out = text;
    return DUET_OK;
}

void duet_card_text_free(char *text) {
    json_malloc_t allocate = NULL;
    json_free_t release = NULL;
    json_get_alloc_funcs(&allocate, &release);
    if (text != NULL) release(text);
}

static void get_text(char *out, size_t size, const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    if (text != NULL) (void)duet_copy_text(out, size, text);
}

static void get_colours(double out[3], const json_t *list) {
    for (size_t i = 0; i < 3; i++) out[i] = json_number_value(json_array_get(list, i));
}

static void parse_recommendation(duet_recommendation *out, const json_t *object) {
    if (!json_is_object(object) || duet_settings_get(&out->settings, object) != DUET_OK) return;
    for (int i = 0; i < out->settings.count; i++)
        if (out->settings.v[i].tap < 1 || out->settings.v[i].pool < 1) out->settings.count = 0;
    const json_t *const top1 = json_object_get(object, "val_top1");
    out->top1 = json_is_number(top1) ? json_number_value(top1) : NAN;
    out->strength = json_number_value(json_object_get(object, "strength"));
    get_text(out->data, sizeof out->data, object, "data");
    get_text(out->head, sizeof out->head, object, "head");
}

static duet_status parse_classes(duet_card *out, duet_arena *arena, const json_t *classes) {
    const size_t count = json_array_size(classes);
    if (count > 1000000) return duet_fail(DUET_FORMAT, "the card names %zu classes", count);
    out->class_names = duet_arena_alloc(arena, (int64_t)count + 1, sizeof *out->class_names);
    for (size_t i = 0; i < count && out->class_names != NULL; i++) {
        const char *name = json_string_value(json_array_get(classes, i));
        out->class_names[i] = duet_arena_text(arena, name != NULL ? name : "?");
    }
    out->class_count = (int)count;
    return duet_arena_status(arena);
}

duet_status duet_card_parse(duet_card *out, char config[1024], duet_arena *arena,
                            const char *text) {
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        const bool other = root != NULL;
        json_decref(root);
        return other ? duet_fail(DUET_FORMAT, "the card is not a JSON object")
                     : duet_fail(DUET_FORMAT, "the card is not JSON: %s", error.text);
    }
    card_record record = {.format = FORMAT, .card = *out, .preprocess = {.how = out->preprocess}};
    duet_record_read(&card_table, &record, root);
    if (strcmp(record.format, FORMAT) != 0) {
        json_decref(root);
        return duet_fail(DUET_UNSUPPORTED,
                         "the card is of the format '%.40s', but this version reads '%s'",
                         record.format, FORMAT);
    }
    *out = record.card;
    out->preprocess = record.preprocess.how;
    get_colours(out->preprocess.mean, record.preprocess.mean);
    get_colours(out->preprocess.std, record.preprocess.std);
    if (json_is_string(record.preprocess.resize))
        (void)duet_copy_text(out->preprocess.resize, sizeof out->preprocess.resize,
                             json_string_value(record.preprocess.resize));
    if (json_is_string(json_object_get(root, "config")))
        memcpy(config, record.config, sizeof record.config);
    parse_recommendation(&out->recommended, record.recommended);
    const duet_status status = parse_classes(out, arena, record.classes);
    json_decref(root);
    return status;
}
