/* SPDX-License-Identifier: MIT
 * model/card.c: card <-> JSON; see card.h. */
#include "model/card.h"

#include <jansson.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "model/setting.h"

#define FORMAT "duet model 1" /* docs/format.md */

static json_t *recommendation_json(const duet_recommendation *r) {
    if (r->settings.count == 0) return json_null();
    json_t *object = json_object();
    duet_settings_put(object, &r->settings);
    json_t *rest =
        json_pack("{s:f,s:f,s:s}", "val_top1", r->top1, "strength", r->strength, "data", r->data);
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

duet_status duet_card_print(char **out, const duet_card *card, const char *config) {
    json_t *classes = json_array();
    for (int i = 0; classes != NULL && i < card->class_count; i++)
        json_array_append_new(classes, json_string(card->class_names[i]));
    json_t *root = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:I,s:I,s:f,s:{s:I,s:i,s:s,s:o*,s:o*},s:"
        "o,s:o}",
        "format", FORMAT, "arch", card->arch, "config", config, "noise", card->noise, "predict",
        card->predict, "name", card->name, "data", card->data, "licence", card->licence, "origin",
        card->origin, "says", card->says, "assumed", card->assumed, "ema", card->ema, "images",
        (json_int_t)card->images, "steps", (json_int_t)card->steps, "seconds", card->seconds,
        "preprocess", "size", (json_int_t)card->preprocess.size, "channels",
        card->preprocess.channels, "fit", card->preprocess.fit, "mean",
        colours_json(card->preprocess.mean), "std", colours_json(card->preprocess.std), "classes",
        classes, "recommended", recommendation_json(&card->recommended));
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
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
    out->top1 = json_number_value(json_object_get(object, "val_top1"));
    out->strength = json_number_value(json_object_get(object, "strength"));
    get_text(out->data, sizeof out->data, object, "data");
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
    const char *format = json_string_value(json_object_get(root, "format"));
    if (format != NULL && strcmp(format, FORMAT) != 0) {
        (void)duet_fail(DUET_UNSUPPORTED,
                        "the card is of the format '%.40s', but this version reads '%s'", format,
                        FORMAT);
        json_decref(root);
        return DUET_UNSUPPORTED;
    }
    get_text(out->arch, sizeof out->arch, root, "arch");
    get_text(config, 1024, root, "config");
    get_text(out->noise, sizeof out->noise, root, "noise");
    get_text(out->predict, sizeof out->predict, root, "predict");
    get_text(out->name, sizeof out->name, root, "name");
    get_text(out->data, sizeof out->data, root, "data");
    get_text(out->licence, sizeof out->licence, root, "licence");
    get_text(out->origin, sizeof out->origin, root, "origin");
    get_text(out->says, sizeof out->says, root, "says");
    get_text(out->assumed, sizeof out->assumed, root, "assumed");
    out->ema = json_is_true(json_object_get(root, "ema"));
    out->images = json_integer_value(json_object_get(root, "images"));
    out->steps = json_integer_value(json_object_get(root, "steps"));
    out->seconds = json_number_value(json_object_get(root, "seconds"));
    const json_t *preprocess = json_object_get(root, "preprocess");
    out->preprocess.size = json_integer_value(json_object_get(preprocess, "size"));
    out->preprocess.channels = (int)json_integer_value(json_object_get(preprocess, "channels"));
    get_text(out->preprocess.fit, sizeof out->preprocess.fit, preprocess, "fit");
    get_colours(out->preprocess.mean, json_object_get(preprocess, "mean"));
    get_colours(out->preprocess.std, json_object_get(preprocess, "std"));
    parse_recommendation(&out->recommended, json_object_get(root, "recommended"));
    const duet_status status = parse_classes(out, arena, json_object_get(root, "classes"));
    json_decref(root);
    return status;
}
