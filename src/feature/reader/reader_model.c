/* SPDX-License-Identifier: MIT
 * feature/reader/reader_model.c: the taps of the model. */
#include "feature/reader/passes.h"

static duet_status begin(duet_reader *reader, duet_model *model) {
    reader->model = model;
    return DUET_OK;
}

const duet_reader_kind duet_reader_model = {
    .info = {.name = "model", .help = "the taps of the model", .params = DUET_PASSES_TABLE},
    .settings = true,
    .network = true,
    .open = begin,
    .images = duet_passes_images,
    .columns = duet_passes_columns,
    .select = duet_passes_select,
    .release = duet_passes_release,
    .run = duet_passes_run,
};
