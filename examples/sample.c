/* SPDX-License-Identifier: MIT
 * sample.c: draws 16 images with a model and writes them as one PNG.
 *   sample MODEL.safetensors OUT.png [STEPS]
 * Image i depends on the seed and on i only, so the same call gives the same picture. */
#include <stdio.h>
#include <stdlib.h>

#include <duet.h>

static duet_status draw(duet_context *ctx, duet_model *model, const char *path, int steps) {
    enum { count = 16, columns = 4 };
    duet_sample_options options = {.count = count, .seed = 1, .label = -1};
    snprintf(options.sampler, sizeof options.sampler, "ddpm:steps=%d", steps);

    /* What the card says about the images: here their side and channels. */
    const duet_preprocess *how = &duet_model_card(model)->preprocess;
    uint8_t *pixels = malloc((size_t)(count * how->size * how->size * how->channels));
    if (pixels == NULL) return DUET_NO_MEMORY;
    duet_status status = duet_sample(ctx, model, &options, pixels);
    if (status == DUET_OK)
        status = duet_images_save(pixels, count, how->size, how->channels, columns, path,
                                  options.sampler);
    free(pixels);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s MODEL.safetensors OUT.png [STEPS]\n", argv[0]);
        return 2;
    }
    const int steps = argc > 3 ? atoi(argv[3]) : 50;
    duet_context *ctx = NULL;
    duet_model *model = NULL;
    duet_status status = duet_context_new(&ctx, NULL);
    if (status == DUET_OK) status = duet_model_open(ctx, &model, argv[1]);
    if (status == DUET_OK) status = draw(ctx, model, argv[2], steps);
    if (status == DUET_OK)
        printf("wrote %s\n", argv[2]);
    else
        fprintf(stderr, "sample: %s: %s\n", duet_status_name(status), duet_error_message());
    duet_model_close(model);
    duet_context_free(ctx);
    return status == DUET_OK ? 0 : 1;
}
