/* SPDX-License-Identifier: MIT
 * feature/reader/reader_random.c: the taps of the same network with new random weights. */
#include "base/error.h"
#include "feature/reader/passes.h"

static duet_status begin(duet_reader *reader, duet_model *model) {
    DUET_TRY(duet_model_random(reader->ctx, &reader->own, model, reader->options.weight_seed));
    reader->model = reader->own;
    return DUET_OK;
}

const duet_reader_kind duet_reader_random = {
    .info = {.name = "random",
             .help = "the taps of the same network, untrained",
             .params = DUET_PASSES_TABLE},
    .settings = true,
    .network = true,
    .open = begin,
    .images = duet_passes_images,
    .columns = duet_passes_columns,
    .select = duet_passes_select,
    .release = duet_passes_release,
    .run = duet_passes_run,
};
