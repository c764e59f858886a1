/* SPDX-License-Identifier: MIT
 * model/arch/vit_config.h: options of vit, also used by vit_foreign.c and vit_positions.c. The
 * table in arch_vit.c says what they mean. */
#ifndef DUET_MODEL_ARCH_VIT_CONFIG_H
#define DUET_MODEL_ARCH_VIT_CONFIG_H

#include "model/model.h"

typedef struct vit_config {
    int64_t image_size, patch, in_channels, width, depth, heads, hidden, classes;
    bool fc_norm;
    int64_t registers;
    bool layer_scale, gated, class_position;
    char positions[16];
} vit_config;

extern const duet_arch duet_arch_vit;

/* Its `infer`, `alias`, `part` and `reshape`. */
duet_status duet_vit_infer(struct duet_guess *guess);
bool duet_vit_alias(char *out, size_t size, const void *config, const char *name, int scheme);
bool duet_vit_part(char *out, size_t size, const char *name, int k);
duet_status duet_vit_reshape(const void *config, const char *name, const duet_shape *have,
                             const float *in, float *out);
enum { DUET_VIT_SCHEMES = 3 };

#endif
