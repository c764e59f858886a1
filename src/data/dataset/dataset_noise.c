/* SPDX-License-Identifier: MIT
 * data/dataset/dataset_noise.c: every byte drawn evenly from 0 to 255, every label by turns: there
 * is nothing to learn. What a measurement says of it is what it says of nothing: the worst
 * distance, the accuracy of chance. An image is a pure function of (seed, split, index, size,
 * channels). */
#include "base/error.h"
#include "base/rng.h"
#include "data/dataset/dataset.h"

enum { PER_DRAW = 8 }; /* bytes */

typedef struct noise_options {
    int64_t size, channels, classes, train, val, test;
    uint64_t seed;
} noise_options;

static const duet_param params[] = {
    DUET_INT(noise_options, size, "32", 1, 1024, "side in pixels"),
    DUET_INT(noise_options, channels, "3", 1, 3, "1 grey, 3 colour"),
    DUET_INT(noise_options, classes, "10", 2, 1000, "labels, which say nothing"),
    DUET_INT(noise_options, train, "10000", 0, 100000000, "training images"),
    DUET_INT(noise_options, val, "0", 0, 100000000, "validation images"),
    DUET_INT(noise_options, test, "2000", 0, 100000000, "test images"),
    DUET_SEED(noise_options, seed, "0", "other seeds give other images"),
};

static duet_status noise_open(duet_context *ctx, duet_dataset *dataset, const char *path,
                              const void *options) {
    (void)ctx, (void)path;
    const noise_options *o = options;
    if (o->channels == 2)
        return duet_fail(DUET_ARG, "channels=2; images have 1 (grey) or 3 (colour)");
    if (o->train + o->val + o->test == 0)
        return duet_fail(DUET_ARG, "train, val and test are all 0");
    const int64_t count[DUET_SPLIT_COUNT] = {o->train, o->val, o->test};
    return duet_dataset_make(dataset, o, sizeof *o, count, NULL, (int)o->classes);
}

static void noise_close(duet_dataset *dataset) {
    duet_release(dataset->state);
}

static duet_status noise_read(const duet_dataset *dataset, duet_split split, int64_t index,
                              int channels, duet_image *out) {
    static const char *const streams[DUET_SPLIT_COUNT] = {"noise train", "noise val", "noise test"};
    const noise_options *o = dataset->state;
    const int64_t count = o->size * o->size * o->channels;
    const duet_rng rng = duet_rng_make(o->seed, streams[split], (uint64_t)index);
    uint8_t *pixels = NULL;
    duet_status status = DUET_OK;
    DUET_DO(duet_alloc(&pixels, count, 1));
    for (int64_t i = 0; i < count; i += PER_DRAW) {
        const uint64_t bits = duet_rng_u64(rng, (uint64_t)(i / PER_DRAW));
        for (int64_t k = 0; k < PER_DRAW && i + k < count; k++)
            pixels[i + k] = (uint8_t)(bits >> (8 * k));
    }
    DUET_DO(duet_dataset_pixels(out, pixels, o->size, o->size, (int)o->channels, channels));
done:
    duet_release(pixels);
    return status;
}

const duet_dataset_layout duet_dataset_noise = {
    .info = {.name = "noise",
             .help = "random bytes, no files needed: what a measurement says of nothing",
             .params = DUET_TABLE(params, noise_options)},
    .open = noise_open,
    .close = noise_close,
    .read = noise_read,
};
