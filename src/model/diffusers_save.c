/* SPDX-License-Identifier: MIT
 * model/diffusers_save.c: writes a model as a folder of diffusers: a pipeline of a UNet2DModel and
 * a scheduler (diffusers_noise.h). */
#include <jansson.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "model/arch/unet_config.h"
#include "model/card.h"
#include "model/diffusers_noise.h"

static duet_status write_json(json_t *root, const char *folder, const char *name) {
    char path[DUET_PATH_SIZE];
    char *const text =
        root != NULL ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    duet_status status = text != NULL ? duet_path_join(path, folder, name)
                                      : duet_fail(DUET_NO_MEMORY, "out of memory for '%s'", name);
    if (status == DUET_OK) status = duet_file_write(path, text, (int64_t)strlen(text));
    duet_card_text_free(text);
    json_decref(root);
    return status;
}

/* Converts "conv/attn" to the types of the library. */
static json_t *types(const char *words, bool up) {
    json_t *const list = json_array();
    while (*words) {
        const size_t length = strcspn(words, "/");
        const char *const type = *words == 'a' ? (up ? "AttnUpBlock2D" : "AttnDownBlock2D")
                                 : *words == 'r'
                                     ? (up ? "ResnetUpsampleBlock2D" : "ResnetDownsampleBlock2D")
                                 : up ? "UpBlock2D"
                                      : "DownBlock2D";
        json_array_append_new(list, json_string(type));
        words += length + (words[length] == '/');
    }
    return list;
}

static json_t *or_null(int64_t value) {
    return value > 0 ? json_integer(value) : json_null();
}

static json_t *config_of(const unet_config *c) {
    json_t *const channels = json_array();
    for (int i = 0; i < c->block_out_channels.count; i++)
        json_array_append_new(channels, json_integer(c->block_out_channels.v[i]));
    return json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:s, s:s, s:s, s:o, s:I, s:o, s:I, s:I, "
        "s:o, s:f, s:f, s:b, s:b, s:b, s:s, s:s}",
        "_class_name", "UNet2DModel", "_diffusers_version", DUET_DIFFUSERS_VERSION, "sample_size",
        (json_int_t)c->sample_size, "in_channels", (json_int_t)c->in_channels, "out_channels",
        (json_int_t)c->out_channels, "layers_per_block", (json_int_t)c->layers_per_block,
        "block_out_channels", channels, "down_block_types", types(c->down_block_types, false),
        "up_block_types", types(c->up_block_types, true), "downsample_type", c->downsample_type,
        "upsample_type", c->upsample_type, "resnet_time_scale_shift", c->resnet_time_scale_shift,
        "attention_head_dim", or_null(c->attention_head_dim), "norm_num_groups",
        (json_int_t)c->norm_num_groups, "attn_norm_num_groups", or_null(c->attn_norm_num_groups),
        "downsample_padding", (json_int_t)c->downsample_padding, "freq_shift",
        (json_int_t)c->freq_shift, "num_class_embeds", or_null(c->num_class_embeds), "norm_eps",
        c->norm_eps, "dropout", c->dropout, "flip_sin_to_cos", (int)c->flip_sin_to_cos,
        "add_attention", (int)c->add_attention, "center_input_sample", (int)c->center_input_sample,
        "act_fn", "silu", "time_embedding_type", "positional");
}

/* The pipeline that samples with this scheduler. */
static json_t *index_of(const json_t *scheduler) {
    const char *const name = json_string_value(json_object_get(scheduler, "_class_name"));
    const char *const pipeline = strncmp(name, "CM", 2) == 0     ? "ConsistencyModelPipeline"
                                 : strncmp(name, "DDIM", 4) == 0 ? "DDIMPipeline"
                                                                 : "DDPMPipeline";
    return json_pack("{s:s, s:s, s:[ss], s:[ss]}", "_class_name", pipeline, "_diffusers_version",
                     DUET_DIFFUSERS_VERSION, "scheduler", "diffusers", name, "unet", "diffusers",
                     "UNet2DModel");
}

duet_status duet_model_save_folder(const duet_model *model, const char *folder, duet_dtype dtype) {
    char network[DUET_PATH_SIZE], schedule[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    json_t *scheduler = NULL;
    if (model->arch != &duet_arch_diffusers_unet)
        return duet_fail(DUET_UNSUPPORTED,
                         "a network of the architecture '%s' is not a UNet2DModel",
                         model->card.arch);
    DUET_TRY(duet_path_join(network, folder, "unet"));
    DUET_TRY(duet_path_join(schedule, folder, "scheduler"));
    DUET_TRY(duet_path_join(path, network, "diffusion_pytorch_model.safetensors"));
    DUET_TRY(duet_diffusers_write_noise(&scheduler, model));
    duet_status status = duet_folder_make(network);
    if (status == DUET_OK) status = duet_folder_make(schedule);
    if (status == DUET_OK) status = duet_model_save(model, path, dtype);
    if (status == DUET_OK)
        status = write_json(json_incref(scheduler), schedule, "scheduler_config.json");
    if (status == DUET_OK) status = write_json(config_of(model->config), network, "config.json");
    if (status == DUET_OK) status = write_json(index_of(scheduler), folder, "model_index.json");
    json_decref(scheduler);
    return status;
}
