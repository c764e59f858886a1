/* SPDX-License-Identifier: MIT
 * The family `predict`: what the raw output of a network means. */
#include "diffusion/denoiser.h"

#define DUET_PREDICT(name) extern const duet_predict duet_predict_##name;
#include "diffusion/predict/predict.def"
#undef DUET_PREDICT

static const duet_entry *const entries[] = {
#define DUET_PREDICT(name) &duet_predict_##name.info,
#include "diffusion/predict/predict.def"
#undef DUET_PREDICT
};

const duet_family duet_family_predict = {.name = "predict",
                                         .help = "what the network's output means",
                                         .entries = entries,
                                         .count = DUET_COUNT(entries)};
