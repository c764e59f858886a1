/* SPDX-License-Identifier: MIT
 * duet/guide.h: a guide: linear heads on one tap of a model at several levels of noise, whose
 * gradients steer the same model's sampler towards a class (duet_guidance of duet/sample.h). */
#ifndef DUET_GUIDE_H
#define DUET_GUIDE_H

#include <duet/feature.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DUET_MOST_GUIDES = 16 };

typedef struct duet_guide_options {
    duet_int_list times; /* levels; none = 1, 5, 10, 20, 30, 45, 60, 80 % of the schedule */
    int64_t tap, pool;   /* 0 = those that the card recommends first, else the middle and 1 */
    int64_t fit_rows, val_rows; /* of the training split; 0 = as duet_sweep */
    char head[DUET_TEXT_SIZE];  /* "linear:…" or "ridge:…"; "" = linear */
    char cache[4096];           /* "" = none */
    int64_t batch;
    uint64_t seed;
    duet_bad_images *bad;
} duet_guide_options;

typedef struct duet_guide_result {
    int count; /* levels */
    int64_t t[DUET_MOST_GUIDES];
    double top1[DUET_MOST_GUIDES]; /* percent of validation rows */
    int64_t tap, pool, fit_rows, val_rows;
} duet_guide_result;

/* Fits the heads and writes the guide to `path` (safetensors). */
DUET_NODISCARD duet_status duet_guide_make(duet_context *ctx, duet_guide_result *out,
                                           duet_model *model, const duet_dataset *dataset,
                                           const duet_guide_options *options, const char *path);

#ifdef __cplusplus
}
#endif
#endif
