/* SPDX-License-Identifier: MIT
 * feature/reader/reader.c: the family `reader`: opening, choosing columns, running. Members:
 * reader.def. */
#include "feature/reader/reader.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "data/preprocess.h"
#include "feature/reader/images.h"
#include "feature/reader/reader.def"
#include "model/model.h"

DUET_FAMILY(reader, DUET_READERS, "what gives rows of features");

bool duet_reader_is_network(const duet_entry *entry) {
    return duet_reader_of(entry)->network;
}

/* Of the images that come, only size and channels are the caller's to say: how the network gets
 * them is the card's. */
static duet_status set_images(duet_reader *reader) {
    const duet_preprocess from = reader->how;
    reader->to = from;
    if (reader->model != NULL) {
        reader->to = reader->model->card.preprocess;
        reader->to.size = reader->model->shape.size;
        reader->to.channels = (int)reader->model->shape.in_channels;
    }
    if (reader->kind->images != NULL) DUET_TRY(reader->kind->images(reader));
    return duet_reader_take(reader, from.size, from.channels);
}

duet_status duet_reader_take(duet_reader *reader, int64_t size, int channels) {
    duet_reader_rest(reader);
    if (reader->model != NULL) reader->how = reader->to;
    reader->how.size = size;
    reader->how.channels = channels;
    return duet_images_fit(&reader->how, &reader->to) ? DUET_OK
                                                      : duet_preprocess_check(&reader->how);
}

void duet_reader_rest(duet_reader *reader) {
    if (reader->kind->release != NULL) reader->kind->release(reader);
}

static void release_columns(duet_reader *reader) {
    duet_reader_rest(reader);
    duet_release(reader->columns);
    duet_release(reader->chosen);
    duet_release(reader->out);
    duet_release(reader->stride);
    reader->columns = NULL;
    reader->chosen = NULL;
    reader->out = NULL;
    reader->stride = NULL;
    reader->count = reader->chosen_count = 0;
}

duet_status duet_reader_change(duet_reader *reader, const duet_reader_options *options) {
    release_columns(reader);
    reader->options = *options;
    DUET_TRY(reader->kind->columns(reader));
    DUET_TRY(duet_alloc(&reader->chosen, reader->count, sizeof *reader->chosen));
    DUET_TRY(duet_alloc(&reader->out, reader->count, sizeof *reader->out));
    DUET_TRY(duet_alloc(&reader->stride, reader->count, sizeof *reader->stride));
    for (int64_t c = 0; c < reader->count; c++) reader->chosen[c] = c;
    reader->chosen_count = reader->count;
    return reader->kind->select(reader);
}

static duet_status begin(duet_reader *reader, duet_model *model,
                         const duet_reader_options *options) {
    reader->options = *options;
    DUET_TRY(reader->kind->open(reader, model));
    DUET_TRY(set_images(reader));
    return duet_reader_change(reader, options);
}

duet_status duet_reader_open(duet_context *ctx, duet_reader **out, const char *spec,
                             duet_model *model, const duet_preprocess *how,
                             const duet_reader_options *options) {
    duet_choice choice;
    duet_reader *reader = NULL;
    if (how == NULL && model != NULL) how = &model->card.preprocess;
    DUET_TRY(duet_choice_parse(&choice, &duet_family_reader, spec));
    const duet_reader_kind *kind = duet_reader_of(choice.entry);
    if (kind->network && model == NULL)
        return duet_fail(DUET_ARG, "the reader '%s' reads a network, and there is no model",
                         choice.entry->name);
    if (how == NULL)
        return duet_fail(DUET_ARG, "raw pixels have no size; give 'how' where there is no model");
    DUET_TRY(duet_alloc(&reader, 1, sizeof *reader));
    *reader = (duet_reader){.kind = kind, .ctx = ctx, .choice = choice, .how = *how};
    const duet_status status = begin(reader, model, options);
    if (status != DUET_OK) {
        duet_reader_close(reader);
        return status;
    }
    *out = reader;
    return DUET_OK;
}

void duet_reader_close(duet_reader *reader) {
    if (reader == NULL) return;
    release_columns(reader);
    duet_model_close(reader->own);
    duet_release(reader);
}

duet_reader_info duet_reader_describe(const duet_reader *reader) {
    return (duet_reader_info){.name = reader->kind->info.name,
                              .preprocess = reader->how,
                              .hash = reader->model != NULL ? duet_model_hash(reader->model) : 0,
                              .settings = reader->kind->settings,
                              .network = reader->kind->network};
}

int64_t duet_reader_columns(const duet_reader *reader) {
    return reader->count;
}

void duet_reader_column(const duet_reader *reader, int64_t column, duet_setting *setting,
                        int64_t *dim) {
    if (setting != NULL) *setting = reader->columns[column].setting;
    if (dim != NULL) *dim = reader->columns[column].dim;
}

duet_status duet_reader_select(duet_reader *reader, const int64_t *columns, int64_t count) {
    duet_reader_rest(reader);
    if (count < 1 || count > reader->count)
        return duet_fail(DUET_ARG, "%lld columns cannot be chosen of %lld", (long long)count,
                         (long long)reader->count);
    memcpy(reader->chosen, columns, (size_t)count * sizeof *columns);
    reader->chosen_count = count;
    return reader->kind->select(reader);
}

int64_t duet_reader_batch(const duet_reader *reader) {
    return reader->batch;
}

int64_t duet_reader_dim(const duet_reader *reader) {
    int64_t dim = 0;
    for (int64_t k = 0; k < reader->chosen_count; k++)
        dim += reader->columns[reader->chosen[k]].dim;
    return dim;
}

double duet_reader_seconds(const duet_reader *reader) {
    return reader->seconds;
}

static duet_status run(duet_reader *reader, const uint8_t *pixels, const int64_t *index,
                       int64_t rows, float *const *out) {
    if (reader->chosen_count == 0) return duet_fail(DUET_ARG, "the reader has no columns");
    if (rows < 1 || rows > reader->batch)
        return duet_fail(DUET_ARG, "%lld rows do not fit; the reader takes 1 to %lld",
                         (long long)rows, (long long)reader->batch);
    return reader->kind->run(reader, pixels, index, rows, out, reader->stride);
}

void duet_reader_look(duet_reader *reader, int64_t draw, bool mirrored) {
    reader->draw = draw;
    reader->mirrored = mirrored;
}

duet_status duet_reader_run(duet_reader *reader, const uint8_t *pixels, const int64_t *index,
                            int64_t rows, float *const *out) {
    for (int64_t k = 0; k < reader->chosen_count; k++)
        reader->stride[k] = reader->columns[reader->chosen[k]].dim;
    return run(reader, pixels, index, rows, out);
}

duet_status duet_reader_join(duet_reader *reader, const uint8_t *pixels, const int64_t *index,
                             int64_t rows, float *x) {
    const int64_t dim = duet_reader_dim(reader);
    for (int64_t k = 0; k < reader->chosen_count; k++) {
        reader->out[k] = x;
        reader->stride[k] = dim;
        x += reader->columns[reader->chosen[k]].dim;
    }
    return run(reader, pixels, index, rows, reader->out);
}
