/* SPDX-License-Identifier: MIT
 * model/twin_config.c: options of adm_unet as options of diffusers_unet, and back (twin.h). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/twin.h"

enum { MOST_LEVELS = 8 };
#define NONE "; UNet2DModel has no such network"

static bool attends(const adm_config *c, int level) {
    for (int i = 0; i < c->attention_resolutions.count; i++)
        if (c->attention_resolutions.v[i] == c->image_size >> level) return true;
    return false;
}

/* UNet2DModel has channels per head, one number for all levels. */
static duet_status head_channels(int64_t *out, const adm_config *c) {
    const int last = c->channel_mult.count - 1;
    *out = c->num_head_channels;
    if (c->num_head_channels > 0) return DUET_OK;
    *out = c->channel_mult.v[last] * c->num_channels / c->num_heads;
    for (int level = 0; level < last; level++)
        if (attends(c, level) && c->channel_mult.v[level] != c->channel_mult.v[last])
            return duet_fail(DUET_UNSUPPORTED,
                             "num_heads=%lld on levels of different width" NONE
                             " (its heads have one width)",
                             (long long)c->num_heads);
    return DUET_OK;
}

duet_status duet_twin_unet(unet_config *out, const adm_config *c) {
    const int levels = c->channel_mult.count;
    duet_params_default(&duet_arch_diffusers_unet.info.params, out);
    if (c->classifier_pool[0] != '\0')
        return duet_fail(DUET_UNSUPPORTED, "classifier_pool=%s" NONE, c->classifier_pool);
    if (c->augment_dim > 0)
        return duet_fail(DUET_UNSUPPORTED, "augment_dim=%lld" NONE, (long long)c->augment_dim);
    if (c->magnitude_preserving)
        return duet_fail(DUET_UNSUPPORTED, "magnitude_preserving=true" NONE);
    if (c->small_size > 0)
        return duet_fail(DUET_UNSUPPORTED, "small_size=%lld" NONE, (long long)c->small_size);
    if (c->self_cond) return duet_fail(DUET_UNSUPPORTED, "self_cond=true" NONE);
    if (c->channel_mult.v[0] != 1 ||
        (c->embed_channels > 0 && c->embed_channels != c->num_channels))
        return duet_fail(DUET_UNSUPPORTED,
                         "channels of the time step that are not those of the first level" NONE);
    DUET_TRY(head_channels(&out->attention_head_dim, c));
    out->sample_size = c->image_size;
    out->in_channels = c->in_channels;
    out->out_channels = c->learn_sigma ? 2 * c->in_channels : c->in_channels;
    out->layers_per_block = c->num_res_blocks;
    out->block_out_channels.count = levels;
    out->down_block_types[0] = out->up_block_types[0] = '\0';
    for (int i = 0; i < levels; i++) {
        const int up = levels - 1 - i;
        const char *const plain = c->resblock_updown ? "resnet" : "conv", *const separator =
                                                                              i > 0 ? "/" : "";
        const size_t down_at = strlen(out->down_block_types), up_at = strlen(out->up_block_types);
        snprintf(out->down_block_types + down_at, sizeof out->down_block_types - down_at, "%s%s",
                 separator, attends(c, i) ? "attn" : plain);
        snprintf(out->up_block_types + up_at, sizeof out->up_block_types - up_at, "%s%s", separator,
                 attends(c, up) ? "attn" : plain);
        out->block_out_channels.v[i] = c->channel_mult.v[i] * c->num_channels;
    }
    snprintf(out->downsample_type, sizeof out->downsample_type, "%s",
             c->resblock_updown ? "resnet" : "conv");
    snprintf(out->upsample_type, sizeof out->upsample_type, "%s",
             c->resblock_updown ? "resnet" : "conv");
    snprintf(out->resnet_time_scale_shift, sizeof out->resnet_time_scale_shift, "%s",
             c->use_scale_shift_norm ? "scale_shift" : "default");
    out->norm_num_groups = out->attn_norm_num_groups = c->norm_groups;
    out->num_class_embeds = c->class_cond ? c->num_classes : 0;
    out->dropout = c->dropout;
    return DUET_OK;
}

/* ---- back ---- */

#define NO_ADM "; adm_unet has no such network"

/* Word `index` of "conv/attn/resnet". */
static bool word_is(const char *words, int index, const char *word) {
    for (; index > 0; index--) words += strcspn(words, "/") + 1;
    return strncmp(words, word, strlen(word)) == 0;
}

static bool by_resnet(const char *words, int index, const char *type) {
    return word_is(words, index, "resnet") ||
           (word_is(words, index, "attn") && strcmp(type, "resnet") == 0);
}

static duet_status twin_levels(adm_config *out, const unet_config *c) {
    const int levels = c->block_out_channels.count;
    out->channel_mult.count = levels;
    out->attention_resolutions.count = 0;
    out->resblock_updown = levels > 1 && by_resnet(c->down_block_types, 0, c->downsample_type);
    for (int i = 0; i < levels; i++) {
        const bool attention = word_is(c->down_block_types, i, "attn");
        if (c->block_out_channels.v[i] % c->block_out_channels.v[0] != 0)
            return duet_fail(DUET_UNSUPPORTED,
                             "block_out_channels that are not multiples of the first" NO_ADM);
        if (attention != word_is(c->up_block_types, levels - 1 - i, "attn"))
            return duet_fail(DUET_UNSUPPORTED, "attention on one way only of level %d" NO_ADM, i);
        if (i + 1 < levels &&
            (by_resnet(c->down_block_types, i, c->downsample_type) != out->resblock_updown ||
             by_resnet(c->up_block_types, i, c->upsample_type) != out->resblock_updown))
            return duet_fail(
                DUET_UNSUPPORTED,
                "some levels resampled by residual blocks and others by convolutions" NO_ADM);
        out->channel_mult.v[i] = c->block_out_channels.v[i] / c->block_out_channels.v[0];
        if (attention)
            out->attention_resolutions.v[out->attention_resolutions.count++] = c->sample_size >> i;
    }
    return DUET_OK;
}

static duet_status twin_refusals(const unet_config *c, bool updown) {
    const bool scale_shift = strcmp(c->resnet_time_scale_shift, "scale_shift") == 0;
    const int64_t groups = c->attn_norm_num_groups > 0 ? c->attn_norm_num_groups
                           : scale_shift               ? 0
                                                       : c->norm_num_groups;
    if (c->freq_shift != 0 || !c->flip_sin_to_cos)
        return duet_fail(DUET_UNSUPPORTED, "freq_shift=%lld, flip_sin_to_cos=%s" NO_ADM,
                         (long long)c->freq_shift, c->flip_sin_to_cos ? "true" : "false");
    if (c->center_input_sample) return duet_fail(DUET_UNSUPPORTED, "center_input_sample" NO_ADM);
    if (!c->add_attention || groups != c->norm_num_groups)
        return duet_fail(DUET_UNSUPPORTED,
                         "a middle block without attention, or without its norm," NO_ADM);
    if (fabs(c->norm_eps - 1e-5) > 1e-12)
        return duet_fail(DUET_UNSUPPORTED, "norm_eps=%g (there it is 1e-5)" NO_ADM, c->norm_eps);
    if (!updown && c->downsample_padding != 1 && c->block_out_channels.count > 1)
        return duet_fail(DUET_UNSUPPORTED, "downsample_padding=%lld" NO_ADM,
                         (long long)c->downsample_padding);
    if (c->out_channels != c->in_channels && c->out_channels != 2 * c->in_channels)
        return duet_fail(DUET_UNSUPPORTED, "out_channels=%lld" NO_ADM, (long long)c->out_channels);
    return DUET_OK;
}

duet_status duet_twin_adm(adm_config *out, const unet_config *c) {
    duet_params_default(&duet_arch_adm_unet.info.params, out);
    DUET_TRY(twin_levels(out, c));
    DUET_TRY(twin_refusals(c, out->resblock_updown));
    out->image_size = c->sample_size;
    out->in_channels = c->in_channels;
    out->learn_sigma = c->out_channels == 2 * c->in_channels;
    out->num_res_blocks = c->layers_per_block;
    out->num_channels = c->block_out_channels.v[0];
    out->norm_groups = c->norm_num_groups;
    out->num_head_channels = c->attention_head_dim > 0 ? c->attention_head_dim : -1;
    out->num_heads = 1; /* where head_dim is none */
    out->use_scale_shift_norm = strcmp(c->resnet_time_scale_shift, "scale_shift") == 0;
    out->class_cond = c->num_class_embeds > 0;
    if (out->class_cond) out->num_classes = c->num_class_embeds;
    out->dropout = c->dropout;
    return DUET_OK;
}
