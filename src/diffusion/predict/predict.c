/* SPDX-License-Identifier: MIT
 * The family `predict`: what the raw output of a network means. */
#include "diffusion/denoiser.h"
#include "diffusion/predict/predict.def"

DUET_FAMILY(predict, DUET_PREDICTS, "what the network's output means");
