/* SPDX-License-Identifier: MIT
 * model/arch/unet_config.h: options of diffusers_unet, also used by twin.c. The table in
 * arch_diffusers_unet.c says what they mean. */
#ifndef DUET_MODEL_ARCH_UNET_CONFIG_H
#define DUET_MODEL_ARCH_UNET_CONFIG_H

#include "model/model.h"

typedef struct unet_config {
    int64_t sample_size, in_channels, out_channels, layers_per_block;
    duet_int_list block_out_channels;
    char down_block_types[DUET_TEXT_SIZE], up_block_types[DUET_TEXT_SIZE],
        downsample_type[DUET_TEXT_SIZE], upsample_type[DUET_TEXT_SIZE];
    char resnet_time_scale_shift[DUET_TEXT_SIZE];
    int64_t attention_head_dim, norm_num_groups, attn_norm_num_groups, downsample_padding,
        freq_shift, num_class_embeds;
    double norm_eps, dropout;
    bool flip_sin_to_cos, add_attention, center_input_sample;
} unet_config;

extern const duet_arch duet_arch_diffusers_unet;

#endif
