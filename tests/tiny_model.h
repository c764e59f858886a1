/* SPDX-License-Identifier: MIT
 * tests/tiny_model.h: a network of 9 taps on 8x8 colour images that runs in well under a
 * millisecond, with every layer non-zero, so that a change anywhere in it is seen in its
 * features. */
#ifndef DUET_TESTS_TINY_MODEL_H
#define DUET_TESTS_TINY_MODEL_H

#include "unit/data/fixtures.h"

#include <duet/model.h>

#include "base/str.h"

#define TINY_ARCH                                          \
    "adm_unet:image_size=8,num_channels=8,channel_mult=1/" \
    "2,num_res_blocks=1,attention_resolutions=4,num_heads=2,norm_groups=4"
#define TINY_TAPS 9

static inline duet_context *make_context(int threads, bool exact) {
    const duet_context_options options = {.threads = threads, .exact = exact};
    duet_context *ctx = NULL;
    OK(duet_context_new(&ctx, &options));
    return ctx;
}

/* Tests of 100 noise steps; `seed` draws the weights. */
static inline duet_model *make_model(duet_context *ctx, const char *arch, uint64_t seed) {
    duet_model *plain = NULL, *model = NULL;
    OK(duet_model_new(ctx, &plain, arch, seed));
    duet_card *card = duet_model_card(plain);
    duet_copy_text(card->noise, sizeof card->noise, "linear:steps=100");
    duet_copy_text(card->predict, sizeof card->predict, "eps");
    OK(duet_model_random(ctx, &model, plain, seed));
    duet_model_close(plain);
    return model;
}

static inline duet_dataset *open_data(const char *spec) {
    duet_dataset *dataset = NULL;
    OK(duet_dataset_open(NULL, &dataset, spec));
    return dataset;
}

#endif
