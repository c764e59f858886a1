/* SPDX-License-Identifier: MIT
 * model/twin.h: one network expressed in two architectures: adm_unet (guided-diffusion) and
 * diffusers_unet (UNet2DModel) describe the same U-Net where their options agree. */
#ifndef DUET_MODEL_TWIN_H
#define DUET_MODEL_TWIN_H

#include "model/arch/adm_config.h"
#include "model/arch/unet_config.h"

/* The options of the twin; DUET_UNSUPPORTED names an option without a counterpart. */
DUET_NODISCARD duet_status duet_twin_unet(unet_config *out, const adm_config *c);
DUET_NODISCARD duet_status duet_twin_adm(adm_config *out, const unet_config *c);

#endif
