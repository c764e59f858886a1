/* SPDX-License-Identifier: MIT
 * bench/bench_networks.c: the networks that benches run. adm-256 and adm-64: guided-diffusion
 * (Dhariwal and Nichol 2021), the unconditional 256 x 256 model and the 64 x 64 one without class
 * conditioning; iddpm-32: improved diffusion for CIFAR-10 (Nichol and Dhariwal 2021); ddpm-cifar:
 * Ho et al. 2020, with upsampling by nearest pixels. The others are the defaults of `duet train`
 * for images of their size. */
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "bench/parts.h"
#include "train/trainer.h"

static const duet_bench_network networks[] = {
    {"fashion-mnist", "what 'duet train' takes for 28 x 28 grey", NULL, 28, 1, 32, 64, 9},
    {"cifar", "what 'duet train' takes for 32 x 32 colour", NULL, 32, 3, 32, 64, 9},
    {"tiny-imagenet", "what 'duet train' takes for 64 x 64 colour", NULL, 64, 3, 16, 32, 12},
    {"ddpm-cifar", "DDPM for CIFAR-10, 35.7 M parameters",
     "adm_unet:image_size=32,num_channels=128,channel_mult=1/2/2/"
     "2,num_res_blocks=2,attention_resolutions=16,num_heads=1,"
     "use_scale_shift_norm=false",
     32, 3, 8, 16, 14},
    {"iddpm-32", "improved DDPM for CIFAR-10, 52.5 M parameters",
     "adm_unet:image_size=32,num_channels=128,channel_mult=1/2/2/"
     "2,num_res_blocks=3,attention_resolutions=16/8,num_heads=4,"
     "learn_sigma=true",
     32, 3, 8, 16, 20},
    {"adm-64", "ADM for 64 x 64 ImageNet, 296 M parameters",
     "adm_unet:image_size=64,num_channels=192,channel_mult=1/2/3/"
     "4,num_res_blocks=3,attention_resolutions=32/16/8,"
     "num_head_channels=64,resblock_updown=true,use_new_attention_order=true,learn_sigma=true",
     64, 3, 4, 0, 24},
    {"adm-256", "ADM for 256 x 256 ImageNet, 553 M parameters",
     "adm_unet:image_size=256,num_channels=256,channel_mult=1/1/2/2/4/"
     "4,num_res_blocks=2,attention_resolutions=32/16/8,"
     "num_head_channels=64,resblock_updown=true,learn_sigma=true",
     256, 3, 1, 0, 24},
};

const duet_bench_network *duet_bench_networks(int *count) {
    *count = DUET_COUNT(networks);
    return networks;
}

duet_status duet_bench_network_find(const duet_bench_network **out, const char *name) {
    const char *names[DUET_COUNT(networks)];
    for (int i = 0; i < DUET_COUNT(networks); i++) {
        names[i] = networks[i].name;
        if (strcmp(names[i], name) != 0) continue;
        *out = &networks[i];
        return DUET_OK;
    }
    const char *nearest = duet_nearest(name, names, DUET_COUNT(names));
    if (nearest != NULL)
        return duet_fail(DUET_NOT_FOUND, "no network '%s'; did you mean '%s'?", name, nearest);
    return duet_fail(DUET_NOT_FOUND,
                     "no network '%s'; there are fashion-mnist, cifar, tiny-imagenet, ddpm-cifar, "
                     "iddpm-32, adm-64 and adm-256",
                     name);
}

void duet_bench_network_arch(const duet_bench_network *network, char out[DUET_SPEC_SIZE]) {
    if (network->arch != NULL)
        (void)duet_copy_text(out, DUET_SPEC_SIZE, network->arch);
    else
        duet_preset_arch(out, network->size, (int)network->channels);
}
