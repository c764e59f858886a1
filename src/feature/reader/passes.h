/* SPDX-License-Identifier: MIT
 * feature/reader/passes.h: what readers of a network share: reader->model is run up to the last of
 * the taps, once for settings that can share it. */
#ifndef DUET_FEATURE_READER_PASSES_H
#define DUET_FEATURE_READER_PASSES_H

#include "feature/reader/reader.h"

typedef struct duet_passes_options { /* of such a reader's spec */
    char resize[16];
} duet_passes_options;
extern const duet_param duet_passes_rows[1];
#define DUET_PASSES_TABLE DUET_TABLE(duet_passes_rows, duet_passes_options)

duet_status duet_passes_images(duet_reader *reader);
duet_status duet_passes_columns(duet_reader *reader);
duet_status duet_passes_select(duet_reader *reader);
void duet_passes_release(duet_reader *reader);
duet_status duet_passes_run(duet_reader *reader, const uint8_t *pixels, const int64_t *index,
                            int64_t rows, float *const *out, const int64_t *stride);

#endif
