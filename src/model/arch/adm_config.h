/* SPDX-License-Identifier: MIT
 * model/arch/adm_config.h: options of adm_unet, also used by adm_foreign.c and twin.c. The table in
 * arch_adm_unet.c says what they mean. */
#ifndef DUET_MODEL_ARCH_ADM_CONFIG_H
#define DUET_MODEL_ARCH_ADM_CONFIG_H

#include "model/model.h"

typedef struct adm_config {
    int64_t image_size, in_channels, num_channels, num_res_blocks;
    duet_int_list channel_mult, attention_resolutions;
    int64_t num_heads, num_head_channels, norm_groups, num_classes, embed_channels, small_size,
        augment_dim;
    char classifier_pool[32];
    double dropout;
    bool use_scale_shift_norm, resblock_updown, learn_sigma, class_cond, use_new_attention_order,
        conv_attention, self_cond, magnitude_preserving, feedback;
} adm_config;

extern const duet_arch duet_arch_adm_unet;

duet_status duet_adm_infer(struct duet_guess *guess); /* its `infer` */

#endif
