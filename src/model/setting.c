/* SPDX-License-Identifier: MIT
 * model/setting.c: settings as text and in JSON, both by the one table of their parameters. */
#include "model/setting.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

static const duet_param rows[] = {
    DUET_INT(duet_setting, t, "-2", -2, 100000,
             "level of noise; -1 = clean; default: the model's recommendation"),
    DUET_FLOAT(duet_setting, sigma, "", 1e-6, 1e6,
               "instead of t: the level with the nearest sigma, the deviation of its noise"),
    DUET_INT(duet_setting, tap, "0", 0, 1000, "block b; default: the model's recommendation"),
    DUET_INT(duet_setting, pool, "0", 0, 64,
             "side of the pooled map; default: the model's recommendation"),
    DUET_INT(duet_setting, draws, "1", 1, 64, "draws of the noise whose features are averaged"),
    DUET_BOOLEAN(duet_setting, flip, "false", "averaged with the mirrored image's features"),
    DUET_INT(duet_setting, channels, "0", 0, 100000,
             "the first so many channels of the map; 0 = all"),
};
const duet_param_table duet_setting_params = DUET_TABLE(rows, duet_setting);

duet_settings duet_settings_of(int64_t t, int64_t tap, int64_t pool) {
    return (duet_settings){.count = 1, .v = {{.t = t, .tap = tap, .pool = pool, .draws = 1}}};
}

static int64_t draws_of(const duet_setting *setting) {
    return setting->draws > 1 ? setting->draws : 1;
}

bool duet_setting_equal(const duet_setting *a, const duet_setting *b) {
    return a->t == b->t && a->sigma == b->sigma && a->tap == b->tap && a->pool == b->pool &&
           draws_of(a) == draws_of(b) && a->flip == b->flip && a->channels == b->channels;
}

static duet_status parse_one(duet_setting *out, const char *text, size_t size) {
    char word[DUET_TEXT_SIZE], where[DUET_TEXT_SIZE + 16];
    if (size == 0)
        return duet_fail(DUET_ARG, "a setting is missing; write t=10,tap=9,pool=2, several of "
                                   "them joined by '+'");
    if (size >= sizeof word) return duet_fail(DUET_ARG, "the setting '%.40s…' is too long", text);
    memcpy(word, text, size);
    word[size] = '\0';
    snprintf(where, sizeof where, "setting '%s'", word);
    duet_params_default(&duet_setting_params, out);
    DUET_TRY(duet_params_parse(&duet_setting_params, out, where, word));
    if (out->sigma > 0 && out->t != DUET_LEVEL_UNSET)
        return duet_fail(DUET_ARG, "%s has both t and sigma; give one of them", where);
    return DUET_OK;
}

duet_status duet_settings_parse(duet_settings *out, const char *text) {
    duet_settings list = {0};
    for (const char *at = text; *text != '\0';) {
        const size_t size = strcspn(at, "+");
        if (list.count == DUET_MOST_SETTINGS)
            return duet_fail(DUET_ARG, "there are more than %d settings", DUET_MOST_SETTINGS);
        DUET_TRY(parse_one(&list.v[list.count++], at, size));
        if (at[size] == '\0') break;
        at += size + 1;
    }
    *out = list;
    return DUET_OK;
}

/* Whether the value of a parameter is told: it is not the usual one. */
static bool told(const duet_setting *setting, int row) {
    char value[32], usual[32];
    duet_setting plain;
    duet_params_default(&duet_setting_params, &plain);
    duet_params_print(&duet_setting_params, setting, row, value, sizeof value);
    duet_params_print(&duet_setting_params, &plain, row, usual, sizeof usual);
    return strcmp(value, usual) != 0;
}

int duet_settings_print(const duet_settings *settings, char *out, size_t size) {
    char text[DUET_MOST_SETTINGS * 128], value[32];
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < settings->count; i++) {
        duet_setting setting = settings->v[i];
        const char *between = i > 0 ? "+" : "";
        setting.draws = draws_of(&setting);
        for (int k = 0; k < duet_setting_params.count; k++) {
            if (!told(&setting, k)) continue;
            duet_params_print(&duet_setting_params, &setting, k, value, sizeof value);
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s", between,
                                     rows[k].name, value);
            between = ",";
        }
    }
    return snprintf(out, size, "%s", text);
}

/* ---- JSON ---- */

static json_t *value_json(const duet_setting *setting, const duet_param *row) {
    const void *at = (const uint8_t *)setting + row->offset;
    if (row->type == DUET_PARAM_BOOL) return json_boolean(*(const bool *)at);
    if (row->type == DUET_PARAM_FLOAT) return json_real(*(const double *)at);
    return json_integer((json_int_t)(*(const int64_t *)at));
}

static void put_one(json_t *object, duet_setting setting) {
    setting.draws = draws_of(&setting);
    for (int k = 0; k < duet_setting_params.count; k++) {
        const bool always = strcmp(rows[k].name, "t") == 0 || strcmp(rows[k].name, "tap") == 0 ||
                            strcmp(rows[k].name, "pool") == 0;
        if (always || told(&setting, k))
            json_object_set_new(object, rows[k].name, value_json(&setting, &rows[k]));
    }
}

void duet_settings_put(json_t *object, const duet_settings *settings) {
    if (settings->count <= 1) {
        put_one(object, settings->count == 1 ? settings->v[0] : (duet_setting){.t = 0});
        return;
    }
    json_t *list = json_array();
    for (int i = 0; i < settings->count; i++) {
        json_t *one = json_object();
        put_one(one, settings->v[i]);
        json_array_append_new(list, one);
    }
    json_object_set_new(object, "settings", list);
}

int duet_settings_print_json(const duet_settings *settings, char *out, size_t size) {
    json_t *object = json_object();
    duet_settings_put(object, settings);
    const size_t used = json_dumpb(object, out, size > 0 ? size - 1 : 0, JSON_COMPACT);
    if (size > 0) out[used < size ? used : size - 1] = '\0';
    json_decref(object);
    return (int)used;
}

static duet_status get_one(duet_setting *out, const json_t *object) {
    duet_params_default(&duet_setting_params, out);
    for (int k = 0; k < duet_setting_params.count; k++) {
        const json_t *value = json_object_get(object, rows[k].name);
        char text[40] = "";
        if (value == NULL) continue;
        if (json_is_boolean(value))
            snprintf(text, sizeof text, "%s", json_is_true(value) ? "true" : "false");
        else if (json_is_integer(value))
            snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
        else if (json_is_real(value))
            duet_print_f64(text, sizeof text, json_real_value(value));
        DUET_TRY(duet_params_set(&duet_setting_params, out, "a setting", rows[k].name, text));
    }
    return DUET_OK;
}

duet_status duet_settings_get(duet_settings *out, const json_t *object) {
    const json_t *list = json_object_get(object, "settings");
    const size_t count = json_array_size(list);
    duet_settings settings = {0};
    if (count > DUET_MOST_SETTINGS)
        return duet_fail(DUET_FORMAT, "there are %zu settings, and at most %d can be joined", count,
                         DUET_MOST_SETTINGS);
    for (size_t i = 0; i < count; i++)
        DUET_TRY(get_one(&settings.v[settings.count++], json_array_get(list, i)));
    if (count == 0 && json_object_get(object, "tap") != NULL)
        DUET_TRY(get_one(&settings.v[settings.count++], object));
    *out = settings;
    return DUET_OK;
}
