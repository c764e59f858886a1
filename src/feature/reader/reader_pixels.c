/* SPDX-License-Identifier: MIT
 * feature/reader/reader_pixels.c: the images themselves, v / 127.5 - 1: one column, no setting. */
#include "base/error.h"
#include "base/mem.h"
#include "feature/reader/reader.h"

enum { BATCH = 64 };

static duet_status begin(duet_reader *reader, duet_model *model) {
    (void)model;
    reader->model = NULL;
    return DUET_OK;
}

static duet_status columns(duet_reader *reader) {
    DUET_TRY(duet_alloc(&reader->columns, 1, sizeof *reader->columns));
    reader->columns[0].side = reader->how.size;
    reader->columns[0].dim = reader->how.size * reader->how.size * reader->how.channels;
    reader->count = 1;
    return DUET_OK;
}

static duet_status choose(duet_reader *reader) {
    reader->batch = BATCH;
    return DUET_OK;
}

static duet_status run(duet_reader *reader, const uint8_t *pixels, const int64_t *index,
                       int64_t rows, float *const *out, const int64_t *stride) {
    const int64_t dim = reader->columns[0].dim;
    (void)index;
    for (int64_t i = 0; i < rows; i++)
        duet_pixels_to_float(out[0] + i * stride[0], pixels + i * dim, dim);
    return DUET_OK;
}

const duet_reader_kind duet_reader_pixels = {
    .info = {.name = "pixels", .help = "the images themselves", .params = DUET_TABLE_EMPTY},
    .open = begin,
    .columns = columns,
    .select = choose,
    .run = run,
};
