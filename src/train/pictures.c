/* SPDX-License-Identifier: MIT
 * The two pictures of a run: training images as the network gets them, and what it makes of them:
 * of noisy ones, or of their codes. */
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "model/network.h"
#include "run/grid.h"
#include "train/trainer.h"

#include <duet/sample.h>

#include <string.h>

#define REAL_IMAGES  64
#define STRIP_IMAGES 8

const int64_t duet_denoise_t[6] = {10, 50, 100, 250, 500, 750};

int duet_denoise_t_count(const duet_noise *noise) {
    int count = 0;
    while (count < DUET_COUNT(duet_denoise_t) && duet_denoise_t[count] < noise->steps) count++;
    return count;
}

typedef struct picture_decoder {
    const duet_model *model;
    duet_value image;
} picture_decoder;

/* The first `count` images of a shuffled pass (fewer when the data set has fewer); pixels
 * [count,S,S,C], owned. */
static duet_status some_images(duet_trainer *trainer, int64_t *count, uint8_t **pixels) {
    duet_status status = DUET_OK;
    duet_loader *loader = NULL;
    duet_batch batch = {0};
    const duet_preprocess *how = &duet_model_card(trainer->ema)->preprocess;
    if (*count > trainer->view.count) *count = trainer->view.count;
    duet_loader_options options = {
        .preprocess = *how, .batch = *count, .shuffle = true, .seed = trainer->options.seed};
    memcpy(options.on_bad, trainer->options.on_bad, sizeof options.on_bad);
    DUET_DO(duet_loader_open(trainer->ctx, &loader, trainer->dataset, &trainer->view, &options));
    DUET_DO(duet_loader_next(loader, &batch));
    const int64_t size = batch.count * how->size * how->size * how->channels;
    DUET_DO(duet_alloc(pixels, size, 1));
    memcpy(*pixels, batch.pixels, (size_t)size);
    *count = batch.count;
done:
    duet_loader_close(loader);
    return status;
}

static duet_status write_grid(const duet_trainer *trainer, const char *name, const uint8_t *pixels,
                              int64_t count, int64_t columns) {
    duet_status status = DUET_OK;
    char path[DUET_PATH_SIZE];
    duet_image grid = {0};
    const duet_preprocess *how = &duet_model_card(trainer->ema)->preprocess;
    DUET_DO(duet_path_join(path, trainer->run, name));
    DUET_DO(duet_grid(&grid, pixels, count, how->size, how->size, how->channels, columns, 2,
                      how->size <= 32 ? 2 : 1));
    DUET_DO(duet_image_write_png(path, &grid, NULL, 0));
done:
    duet_image_free(&grid);
    return status;
}

duet_status duet_picture_real(duet_trainer *trainer) {
    duet_status status = DUET_OK;
    int64_t count = REAL_IMAGES;
    uint8_t *pixels = NULL;
    DUET_DO(some_images(trainer, &count, &pixels));
    DUET_DO(write_grid(trainer, "real.png", pixels, count, 8));
done:
    duet_release(pixels);
    return status;
}

static duet_status picture_denoise(duet_trainer *trainer) {
    duet_status status = DUET_OK;
    int64_t count = STRIP_IMAGES;
    uint8_t *images = NULL, *strip = NULL;
    const duet_preprocess *how = &duet_model_card(trainer->ema)->preprocess;
    const int64_t columns = 1 + 2 * duet_denoise_t_count(trainer->noise);
    DUET_DO(some_images(trainer, &count, &images));
    DUET_DO(duet_alloc(&strip, count * columns * how->size * how->size * how->channels, 1));
    DUET_DO(duet_denoise_strip(trainer->ctx, trainer->ema, images, count, duet_denoise_t,
                               duet_denoise_t_count(trainer->noise), trainer->options.seed, strip));
    DUET_DO(write_grid(trainer, "denoise.png", strip, count * columns, columns));
done:
    duet_release(images);
    duet_release(strip);
    return status;
}

/* Behind the encoder: the decoder, of the mean. */
static duet_status add_decoder(duet_graph *graph, duet_value raw, void *user,
                               const duet_value **out, int64_t *count) {
    picture_decoder *d = user;
    duet_value image[DUET_PART_GIVES];
    const duet_model_inputs in = {.x = DUET_NONE,
                                  .net_t = DUET_NONE,
                                  .y = DUET_NONE,
                                  .low_res = DUET_NONE,
                                  .self_cond = DUET_NONE,
                                  .z = raw,
                                  .sample_id = DUET_NONE};
    DUET_TRY(duet_model_build_part(d->model, graph, DUET_GENERATES, &in, image));
    d->image = image[0];
    *out = &d->image;
    *count = 1;
    return DUET_OK;
}

/* A row of images above a row of what the decoder makes of their codes. */
static duet_status picture_reconstruction(duet_trainer *trainer) {
    duet_status status = DUET_OK;
    int64_t count = STRIP_IMAGES;
    uint8_t *images = NULL, *both = NULL;
    duet_network *network = NULL;
    picture_decoder decoder = {.model = trainer->ema};
    const duet_preprocess *how = &duet_model_card(trainer->ema)->preprocess;
    DUET_DO(some_images(trainer, &count, &images));
    const int64_t cells = count * how->size * how->size * how->channels;
    DUET_DO(duet_alloc(&both, 2 * cells, 1));
    DUET_DO(duet_network_open(
        trainer->ctx, &network, trainer->ema,
        &(duet_network_spec){.batch = count, .outputs = add_decoder, .user = &decoder}));
    duet_pixels_to_float(duet_network_in(network)->x, images, cells);
    DUET_DO(duet_network_run(network));
    memcpy(both, images, (size_t)cells);
    duet_float_to_pixels(both + cells, duet_network_out(network, 0), cells);
    DUET_DO(write_grid(trainer, "reconstruction.png", both, 2 * count, count));
done:
    duet_network_close(network);
    duet_release(images);
    duet_release(both);
    return status;
}

duet_status duet_picture_result(duet_trainer *trainer) {
    const duet_arch_shape *shape = &trainer->ema->shape;
    DUET_TRY(duet_slots_pull(trainer->slots));
    if (trainer->task->needs == DUET_DENOISES) return picture_denoise(trainer);
    return duet_shape_part(shape, DUET_ENCODES) != NULL &&
                   duet_shape_part(shape, DUET_GENERATES) != NULL
               ? picture_reconstruction(trainer)
               : DUET_OK;
}
