/* SPDX-License-Identifier: MIT
 * The default network of a training: a small ADM U-Net for minutes on a few processor cores.
 * Attention is at about 8x8, the resolution whose taps classify best at these sizes. */
#include <stdio.h>

#include "train/trainer.h"

int64_t duet_preset_size(const duet_dataset_info *info) {
    const int64_t side = info->height < info->width ? info->height : info->width;
    const int64_t round = (side + 2) / 4 * 4;
    return round < 8 ? 8 : round > 64 ? 64 : round;
}

void duet_preset_arch(char out[DUET_SPEC_SIZE], int64_t size, int channels) {
    const bool four = size >= 48 && size % 8 == 0;
    snprintf(out, DUET_SPEC_SIZE,
             "adm_unet:image_size=%lld,in_channels=%d,num_channels=32,channel_mult=%s,num_res_"
             "blocks=1,attention_resolutions=%lld,"
             "num_head_channels=32,use_scale_shift_norm=true,norm_groups=8",
             (long long)size, channels, four ? "1/2/2/4" : "1/2/2",
             (long long)(four ? size / 8 : size / 4));
}
