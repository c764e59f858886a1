/* SPDX-License-Identifier: MIT
 * model/diffusers_folder.c: reads config.json and scheduler_config.json, see diffusers_folder.h. */
#include "model/diffusers_folder.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "io/json_file.h"
#include "model/arch/arch.h"
#include "model/diffusers_noise.h"

enum { MOST_BYTES = 1 << 20 };

/* ---- config.json ---- */

/* Types of blocks as words of the architecture. */
static duet_status put_kinds(duet_str *out, const json_t *list, const char *key) {
    static const struct {
        const char *type, *word;
    } known[] = {{"DownBlock2D", "conv"},
                 {"UpBlock2D", "conv"},
                 {"AttnDownBlock2D", "attn"},
                 {"AttnUpBlock2D", "attn"},
                 {"ResnetDownsampleBlock2D", "resnet"},
                 {"ResnetUpsampleBlock2D", "resnet"}};
    if (!json_is_array(list)) return duet_fail(DUET_FORMAT, "%s is missing, or no list", key);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *const type = json_string_value(json_array_get(list, i));
        const char *word = NULL;
        for (int k = 0; k < DUET_COUNT(known); k++)
            if (type != NULL && strcmp(type, known[k].type) == 0) word = known[k].word;
        if (word == NULL)
            return duet_fail(DUET_UNSUPPORTED, "%s has '%s', which this version does not run", key,
                             type != NULL ? type : "?");
        duet_str_format(out, "%s%s", i ? "/" : "", word);
    }
    return duet_str_status(out);
}

static duet_status refuse_null(const char *key) {
    return duet_fail(DUET_UNSUPPORTED,
                     "%s is null in config.json, and diffusers gives null no meaning there; "
                     "write its value",
                     key);
}

/* Keys that are read only where they are missing, have one of two texts, or are null where that
 * stands for "none" there. */
static const struct {
    const char *key, *text, *other;
    bool null;
} fixed[] = {{"time_embedding_type", "positional", "positional", false},
             {"act_fn", "silu", "swish", false},
             {"mid_block_type", "UNetMidBlock2D", "UNetMidBlock2D", false},
             {"class_embed_type", "", "", true},
             {"time_embedding_dim", "", "", true}};

static duet_status refuse_foreign(const json_t *root) {
    const char *const name = duet_diffusers_text(root, "_class_name", "");
    if (strcmp(name, "UNet2DModel") != 0)
        return duet_fail(DUET_UNSUPPORTED,
                         "config.json is of '%s'; of diffusers only UNet2DModel is read", name);
    for (int i = 0; i < DUET_COUNT(fixed); i++) {
        const json_t *const value = json_object_get(root, fixed[i].key);
        const char *const text = json_string_value(value);
        char shown[48];
        if (value == NULL || (json_is_null(value) && fixed[i].null)) continue;
        if (text != NULL && (strcmp(text, fixed[i].text) == 0 || strcmp(text, fixed[i].other) == 0))
            continue;
        if (text != NULL)
            return duet_fail(DUET_UNSUPPORTED, "%s '%s' is not run by this version", fixed[i].key,
                             text);
        const size_t size = json_dumpb(value, shown, sizeof shown, JSON_ENCODE_ANY);
        return duet_fail(DUET_UNSUPPORTED, "%s %.*s is not run by this version", fixed[i].key,
                         (int)(size < sizeof shown ? size : sizeof shown), shown);
    }
    const json_t *const scale = json_object_get(root, "mid_block_scale_factor");
    return scale == NULL || (json_is_number(scale) && json_number_value(scale) == 1.0)
               ? DUET_OK
               : duet_fail(DUET_UNSUPPORTED,
                           "mid_block_scale_factor other than 1 is not run by this version");
}

typedef enum key_type { INTEGER, REAL, SWITCH, TEXT } key_type;

/* Keys that are options of the architecture as they stand. null: what null means to the library;
 * NULL = nothing, no network is built. told: the tensors would contradict a default that is wrong,
 * so that it need not be said. */
static const struct {
    const char *key, *usual, *null;
    key_type type;
    bool told;
} keys[] = {
    {"in_channels", "3", NULL, INTEGER, true},
    {"out_channels", "3", NULL, INTEGER, true},
    {"layers_per_block", "2", NULL, INTEGER, true},
    {"norm_num_groups", "32", NULL, INTEGER, false},
    {"attn_norm_num_groups", "0", "0", INTEGER, true},
    {"downsample_padding", "1", NULL, INTEGER, false},
    {"freq_shift", "0", NULL, INTEGER, false},
    {"num_class_embeds", "0", "0", INTEGER, true},
    {"norm_eps", "1e-5", NULL, REAL, false},
    {"dropout", "0", NULL, REAL, true},
    {"flip_sin_to_cos", "true", "false", SWITCH, false},
    {"add_attention", "true", "false", SWITCH, true},
    {"center_input_sample", "false", "false", SWITCH, false},
    {"resnet_time_scale_shift", "default", NULL, TEXT, true},
    {"downsample_type", "conv", "conv", TEXT, true},
    {"upsample_type", "conv", "conv", TEXT, true},
};

static duet_status put_value(duet_str *out, const json_t *value, key_type type, const char *key) {
    static const char *const kinds[] = {"whole number", "number", "true or false", "text"};
    const bool right = type == INTEGER  ? json_is_integer(value)
                       : type == REAL   ? json_is_number(value)
                       : type == SWITCH ? json_is_boolean(value)
                                        : json_is_string(value);
    if (!right)
        return duet_fail(DUET_FORMAT, "%s in config.json is no %s%s", key, kinds[type],
                         json_is_string(value) ? ", but a text or NaN" : "");
    if (type == INTEGER)
        duet_str_format(out, "%lld", (long long)json_integer_value(value));
    else if (type == REAL)
        duet_str_format(out, "%.9g", json_number_value(value));
    else
        duet_str_add(out, type == TEXT          ? json_string_value(value)
                          : json_is_true(value) ? "true"
                                                : "false");
    return DUET_OK;
}

static duet_status put_keys(duet_str *out, duet_guess *guess, const json_t *root) {
    for (int i = 0; i < DUET_COUNT(keys); i++) {
        const json_t *const value = json_object_get(root, keys[i].key);
        duet_str_format(out, ",%s=", keys[i].key);
        if (json_is_null(value) && keys[i].null == NULL) return refuse_null(keys[i].key);
        if (json_is_null(value)) {
            duet_str_add(out, keys[i].null);
        } else if (value != NULL) {
            DUET_TRY(put_value(out, value, keys[i].type, keys[i].key));
        } else {
            duet_str_add(out, keys[i].usual);
        }
        if (value == NULL && !keys[i].told)
            duet_foreign_assume(guess, "%s (%s)", keys[i].key, keys[i].usual);
    }
    return DUET_OK;
}

/* The side of the images: one number or two that agree; where there is none 32, or what can be
 * halved as often as there are levels. */
static duet_status put_size(duet_str *out, duet_guess *guess, const json_t *root) {
    const json_t *const size = json_object_get(root, "sample_size");
    const size_t levels = json_array_size(json_object_get(root, "block_out_channels"));
    long long side = levels > 6 && levels < 12 ? 1LL << (levels - 1) : 32;
    if (json_is_integer(size)) {
        side = (long long)json_integer_value(size);
    } else if (json_is_array(size)) {
        const json_t *const high = json_array_get(size, 0), *const wide = json_array_get(size, 1);
        if (json_array_size(size) != 2 || !json_is_integer(high) || !json_is_integer(wide))
            return duet_fail(DUET_FORMAT, "sample_size in config.json is not of two numbers");
        side = (long long)json_integer_value(high);
        if (json_integer_value(wide) != side)
            return duet_fail(DUET_UNSUPPORTED,
                             "sample_size is %lld x %lld; this version runs square images only",
                             side, (long long)json_integer_value(wide));
    } else if (size != NULL && !json_is_null(size)) {
        return duet_fail(DUET_FORMAT, "sample_size in config.json is no whole number");
    } else {
        duet_foreign_assume(guess, "sample_size (%lld)", side);
    }
    duet_str_format(out, "sample_size=%lld", side);
    return DUET_OK;
}

/* null: one head as wide as the level. */
static duet_status put_heads(duet_str *out, duet_guess *guess, const json_t *root) {
    const json_t *const heads = json_object_get(root, "attention_head_dim");
    duet_str_add(out, ",attention_head_dim=");
    if (heads != NULL && !json_is_null(heads))
        return put_value(out, heads, INTEGER, "attention_head_dim");
    duet_str_add(out, heads == NULL ? "8" : "0");
    duet_foreign_assume(guess, "attention_head_dim (%s)", heads == NULL ? "8" : "one head");
    return DUET_OK;
}

/* Channels of the levels and their types, which the library has a default for too. */
static duet_status put_levels(duet_str *out, const json_t *root) {
    const json_t *const channels = json_object_get(root, "block_out_channels");
    if (json_is_null(channels)) return refuse_null("block_out_channels");
    if (channels == NULL && json_object_get(root, "down_block_types") == NULL &&
        json_object_get(root, "up_block_types") == NULL) {
        duet_str_add(out, ",block_out_channels=224/448/672/896,down_block_types=conv/attn/attn/"
                          "attn,up_block_types=attn/attn/attn/conv");
        return DUET_OK;
    }
    duet_str_add(out, ",block_out_channels=");
    for (size_t i = 0; i < json_array_size(channels); i++) {
        if (i > 0) duet_str_add(out, "/");
        DUET_TRY(put_value(out, json_array_get(channels, i), INTEGER, "block_out_channels"));
    }
    duet_str_add(out, ",down_block_types=");
    DUET_TRY(put_kinds(out, json_object_get(root, "down_block_types"), "down_block_types"));
    duet_str_add(out, ",up_block_types=");
    return put_kinds(out, json_object_get(root, "up_block_types"), "up_block_types");
}

static duet_status read_config(duet_guess *guess, const char *path) {
    duet_status status = DUET_OK;
    json_t *root = NULL;
    duet_str text = {0};
    DUET_DO(duet_json_read(&root, path, MOST_BYTES));
    DUET_DO(refuse_foreign(root));
    DUET_DO(put_size(&text, guess, root));
    DUET_DO(put_heads(&text, guess, root));
    DUET_DO(put_keys(&text, guess, root));
    DUET_DO(put_levels(&text, root));
    DUET_DO(duet_str_status(&text));
    if (!duet_copy_text(guess->config, sizeof guess->config, text.text))
        DUET_FAIL(DUET_FORMAT, "its options are longer than this version takes");
    if (json_object_get(root, "act_fn") == NULL) duet_foreign_assume(guess, "act_fn (silu)");
    if (json_object_get(root, "time_embedding_type") == NULL)
        duet_foreign_assume(guess, "time_embedding_type (positional)");
    /* EMAModel of diffusers writes its own settings into the network's. */
    guess->averaged |= json_object_get(root, "optimization_step") != NULL;
done:
    duet_str_free(&text);
    json_decref(root);
    return status;
}

/* ---- scheduler_config.json ---- */

static duet_status read_scheduler(duet_guess *guess, const char *folder) {
    char path[DUET_PATH_SIZE];
    json_t *root = NULL;
    snprintf(guess->noise, sizeof guess->noise, "linear:steps=1000");
    snprintf(guess->predict, sizeof guess->predict, "eps");
    if (!duet_path_in(path, folder, "scheduler/scheduler_config.json") &&
        !duet_path_in(path, folder, "scheduler_config.json")) {
        duet_foreign_assume(guess, "noise, prediction");
        return DUET_OK;
    }
    DUET_TRY(duet_json_read(&root, path, MOST_BYTES));
    const duet_status status = duet_diffusers_read_noise(guess, root);
    json_decref(root);
    return status;
}

duet_status duet_diffusers_read(duet_guess *guess) {
    char path[DUET_PATH_SIZE];
    DUET_TRY(duet_path_join(path, guess->place->network, "config.json"));
    DUET_TRY(read_config(guess, path));
    DUET_TRY(read_scheduler(guess, guess->place->folder));
    duet_foreign_assume(guess, "colours (-1 to 1)");
    return DUET_OK;
}
