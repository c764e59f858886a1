/* SPDX-License-Identifier: MIT
 * model/diffusers_folder.c: reads config.json and scheduler_config.json, see diffusers_folder.h.
 * Keys that are missing have the library's defaults, as there. */
#include "model/diffusers_folder.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/arch/arch.h"
#include "model/diffusers_noise.h"

enum { MOST_BYTES = 1 << 20 };

extern const duet_arch duet_arch_diffusers_unet;

/* Where the network is: the folder itself, or unet/ of a pipeline. */
static bool network_folder(char out[DUET_PATH_SIZE], const char *folder) {
    char path[DUET_PATH_SIZE];
    if (duet_path_in(path, folder, "config.json"))
        return duet_copy_text(out, DUET_PATH_SIZE, folder);
    return duet_path_in(out, folder, "unet") && duet_path_in(path, out, "config.json");
}

bool duet_diffusers_is(const char *folder) {
    char path[DUET_PATH_SIZE];
    return network_folder(path, folder);
}

duet_status duet_diffusers_weights(char out[DUET_PATH_SIZE], const char *folder) {
    static const char *const names[] = {
        "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin",
        "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.fp16.bin"};
    char network[DUET_PATH_SIZE];
    if (!network_folder(network, folder))
        return duet_fail(DUET_NOT_FOUND, "'%s' has no config.json", folder);
    for (int i = 0; i < DUET_COUNT(names); i++)
        if (duet_path_in(out, network, names[i])) return DUET_OK;
    return duet_fail(DUET_NOT_FOUND, "'%s' has a config.json but no %s (or .bin)", network,
                     names[0]);
}

static duet_status read_json(json_t **out, const char *path) {
    duet_bytes bytes = {0};
    json_error_t where;
    DUET_TRY(duet_file_read(&bytes, path));
    json_t *const root = bytes.size <= MOST_BYTES
                             ? json_loadb((const char *)bytes.data, (size_t)bytes.size,
                                          JSON_REJECT_DUPLICATES, &where)
                             : NULL;
    const bool large = bytes.size > MOST_BYTES;
    duet_bytes_free(&bytes);
    if (!json_is_object(root)) {
        json_decref(root);
        return duet_fail(DUET_FORMAT, "'%s' is no JSON object%s%s", path,
                         large || root != NULL ? "" : ": ",
                         large || root != NULL ? "" : where.text);
    }
    *out = root;
    return DUET_OK;
}

/* ---- config.json ---- */

static int64_t get_int(const json_t *root, const char *key, int64_t absent) {
    const json_t *const value = json_object_get(root, key);
    return json_is_integer(value) ? json_integer_value(value) : absent;
}

static bool get_bool(const json_t *root, const char *key, bool absent) {
    const json_t *const value = json_object_get(root, key);
    return json_is_boolean(value) ? json_is_true(value) : absent;
}

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

static duet_status refuse_foreign(const json_t *root) {
    const char *const name = duet_diffusers_text(root, "_class_name", "");
    if (strcmp(name, "UNet2DModel") != 0)
        return duet_fail(DUET_UNSUPPORTED,
                         "config.json is of '%s'; of diffusers only UNet2DModel is read", name);
    if (strcmp(duet_diffusers_text(root, "time_embedding_type", "positional"), "positional") != 0)
        return duet_fail(DUET_UNSUPPORTED, "time_embedding_type '%s' is not run by this version",
                         duet_diffusers_text(root, "time_embedding_type", ""));
    if (json_is_string(json_object_get(root, "class_embed_type")))
        return duet_fail(DUET_UNSUPPORTED, "class_embed_type '%s' is not run by this version",
                         duet_diffusers_text(root, "class_embed_type", ""));
    if (strcmp(duet_diffusers_text(root, "act_fn", "silu"), "silu") != 0 &&
        strcmp(duet_diffusers_text(root, "act_fn", "silu"), "swish") != 0)
        return duet_fail(DUET_UNSUPPORTED, "act_fn '%s' is not run by this version",
                         duet_diffusers_text(root, "act_fn", ""));
    const json_t *const middle = json_object_get(root, "mid_block_type");
    if (middle != NULL &&
        strcmp(duet_diffusers_text(root, "mid_block_type", ""), "UNetMidBlock2D") != 0)
        return duet_fail(DUET_UNSUPPORTED,
                         "mid_block_type other than UNetMidBlock2D is not run by this version");
    if (json_is_integer(json_object_get(root, "time_embedding_dim")))
        return duet_fail(DUET_UNSUPPORTED, "time_embedding_dim is not read by this version");
    return duet_diffusers_number(root, "mid_block_scale_factor", 1.0) == 1.0
               ? DUET_OK
               : duet_fail(DUET_UNSUPPORTED,
                           "mid_block_scale_factor other than 1 is not run by this version");
}

static void put_numbers(duet_str *out, const json_t *root) {
    const json_t *const channels = json_object_get(root, "block_out_channels"),
                        *const size = json_object_get(root, "sample_size");
    const long long side = json_is_array(size)
                               ? (long long)json_integer_value(json_array_get(size, 0))
                               : (long long)get_int(root, "sample_size", 32);
    duet_str_format(out,
                    "sample_size=%lld,in_channels=%lld,out_channels=%lld,layers_per_block=%lld,"
                    "block_out_channels=",
                    side, (long long)get_int(root, "in_channels", 3),
                    (long long)get_int(root, "out_channels", 3),
                    (long long)get_int(root, "layers_per_block", 2));
    for (size_t i = 0; i < json_array_size(channels); i++)
        duet_str_format(out, "%s%lld", i ? "/" : "",
                        (long long)json_integer_value(json_array_get(channels, i)));
    const bool one_head = json_is_null(json_object_get(root, "attention_head_dim"));
    duet_str_format(out,
                    ",attention_head_dim=%lld,norm_num_groups=%lld,attn_norm_num_groups=%lld,"
                    "downsample_padding=%lld,freq_shift=%lld,num_class_embeds=%lld",
                    one_head ? 0LL : (long long)get_int(root, "attention_head_dim", 8),
                    (long long)get_int(root, "norm_num_groups", 32),
                    (long long)get_int(root, "attn_norm_num_groups", 0),
                    (long long)get_int(root, "downsample_padding", 1),
                    (long long)get_int(root, "freq_shift", 0),
                    (long long)get_int(root, "num_class_embeds", 0));
    duet_str_format(out,
                    ",norm_eps=%.9g,dropout=%.9g,flip_sin_to_cos=%s,add_attention=%s,center_input_"
                    "sample=%s,resnet_time_scale_shift=%s,downsample_type=%s,upsample_type=%s",
                    duet_diffusers_number(root, "norm_eps", 1e-5),
                    duet_diffusers_number(root, "dropout", 0.0),
                    get_bool(root, "flip_sin_to_cos", true) ? "true" : "false",
                    get_bool(root, "add_attention", true) ? "true" : "false",
                    get_bool(root, "center_input_sample", false) ? "true" : "false",
                    duet_diffusers_text(root, "resnet_time_scale_shift", "default"),
                    duet_diffusers_text(root, "downsample_type", "conv"),
                    duet_diffusers_text(root, "upsample_type", "conv"));
}

static duet_status read_config(duet_guess *guess, const char *path) {
    duet_status status = DUET_OK;
    json_t *root = NULL;
    duet_str text = {0};
    DUET_DO(read_json(&root, path));
    DUET_DO(refuse_foreign(root));
    put_numbers(&text, root);
    duet_str_add(&text, ",down_block_types=");
    DUET_DO(put_kinds(&text, json_object_get(root, "down_block_types"), "down_block_types"));
    duet_str_add(&text, ",up_block_types=");
    DUET_DO(put_kinds(&text, json_object_get(root, "up_block_types"), "up_block_types"));
    if (!duet_copy_text(guess->config, sizeof guess->config, text.text))
        DUET_FAIL(DUET_FORMAT, "its options are longer than this version takes");
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
    snprintf(guess->assumed, sizeof guess->assumed, "noise, prediction");
    if (!duet_path_in(path, folder, "scheduler/scheduler_config.json") &&
        !duet_path_in(path, folder, "scheduler_config.json"))
        return DUET_OK;
    DUET_TRY(read_json(&root, path));
    const duet_status status = duet_diffusers_read_noise(guess, root);
    json_decref(root);
    guess->assumed[0] = '\0';
    return status;
}

duet_status duet_diffusers_guess(const duet_arch **out, duet_guess *guess, const duet_store *store,
                                 const char *folder) {
    char network[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    *guess = (duet_guess){.store = store};
    if (!network_folder(network, folder))
        return duet_fail(DUET_NOT_FOUND, "'%s' has no config.json", folder);
    DUET_TRY(duet_path_join(path, network, "config.json"));
    DUET_TRY(read_config(guess, path));
    DUET_TRY(read_scheduler(guess, folder));
    *out = &duet_arch_diffusers_unet;
    return DUET_OK;
}
