/* SPDX-License-Identifier: MIT
 * feature/reader.c: one inference plan whose outputs are pooled taps; nothing after the last tap is
 * part of it. Its rows are the images of a batch at each level, one level after the other: row l*B
 * + i is image i at level l. The input is x_t with the noise that belongs to (seed, image), drawn
 * once for all levels. The last batch is padded; padded rows are dropped. */
#include <string.h>

#include <duet/feature.h>

#include "base/error.h"
#include "feature/columns.h"
#include "model/low_res.h"
#include "model/network.h"
#include "noise/noise.h"

struct duet_reader {
    duet_level *levels; /* [level_count] */
    int level_count;
    duet_reader_options options;
    duet_network *network;
    /* Its inputs: x [levels,B,S,S,C], net_t [levels,B], y [levels,B] zeros (class-conditional
     * models are read with class 0), low_res [levels,B,S,S,C] the clean images made small and
     * enlarged again. */
    duet_network_inputs in;
    duet_arch_shape shape;
    int64_t batch, size; /* images per batch; values of an image */
    int channels;
    float gain[3], offset[3]; /* colours v gain + offset, instead of v/127.5 - 1; 0 = unused */
    int threads;
    duet_column *columns;
    int64_t count, outputs; /* number of columns; those of one level, each an output of the plan */
    duet_value *values;     /* [outputs] */
    int64_t found;
    double seconds;
};

static duet_value add_pools(duet_graph *graph, const duet_tap_info *tap, duet_value x, void *user) {
    duet_reader *reader = user;
    while (reader->found < reader->outputs && reader->columns[reader->found].tap == tap->block) {
        reader->values[reader->found] =
            duet_adaptive_pool(graph, x, reader->columns[reader->found].pool);
        reader->found++;
    }
    return x;
}

static duet_status give_pools(duet_graph *graph, duet_value raw, void *user, const duet_value **out,
                              int64_t *count) {
    const duet_reader *reader = user;
    (void)graph;
    (void)raw;
    if (reader->found != reader->outputs)
        return duet_fail(DUET_FORMAT,
                         "the order of the taps in the network differs from that in its table");
    *out = reader->values;
    *count = reader->outputs;
    return DUET_OK;
}

static duet_status compile(duet_context *ctx, duet_reader *reader, duet_model *model) {
    const duet_network_spec spec = {.batch = reader->level_count * reader->batch,
                                    .tap = add_pools,
                                    .outputs = give_pools,
                                    .user = reader};
    return duet_network_open(ctx, &reader->network, model, &spec);
}

static duet_status read_levels(duet_reader *reader, const duet_model *model,
                               const duet_int_list *times) {
    duet_noise *noise = NULL;
    reader->level_count = times->count;
    DUET_TRY(duet_alloc(&reader->levels, times->count, sizeof *reader->levels));
    DUET_TRY(duet_noise_new(&noise, model->card.noise));
    for (int l = 0; l < times->count; l++) reader->levels[l] = duet_noise_level(noise, times->v[l]);
    duet_noise_free(noise);
    return DUET_OK;
}

/* (v/255 - mean) / std as v gain + offset. */
static void set_colours(duet_reader *reader, const duet_preprocess *how) {
    reader->channels = how->channels;
    for (int c = 0; c < 3 && how->std[0] > 0 && how->std[1] > 0 && how->std[2] > 0; c++) {
        reader->gain[c] = (float)(1.0 / (255.0 * how->std[c]));
        reader->offset[c] = (float)(-how->mean[c] / how->std[c]);
    }
}

duet_status duet_reader_new(duet_context *ctx, duet_reader **out, duet_model *model,
                            const duet_reader_options *options) {
    duet_status status = DUET_OK;
    duet_reader *reader = NULL;
    const duet_int_list times = duet_reader_times(options);
    const int64_t chosen = model->shape.size <= 64 ? 32 : 4; /* rows per pass */
    DUET_DO(duet_alloc(&reader, 1, sizeof *reader));
    reader->options = *options;
    reader->shape = model->shape;
    reader->size = model->shape.size * model->shape.size * model->shape.in_channels;
    reader->batch = options->batch > 0 ? options->batch : (chosen + times.count / 2) / times.count;
    if (options->batch == 0 && options->rows > 0 && reader->batch > options->rows)
        reader->batch = options->rows;
    if (reader->batch < 1) reader->batch = 1;
    reader->threads = duet_context_threads(ctx);
    set_colours(reader, &model->card.preprocess);
    DUET_DO(duet_columns_new(&reader->columns, &reader->count, model, options));
    reader->outputs = reader->count / times.count;
    DUET_DO(read_levels(reader, model, &times));
    DUET_DO(duet_alloc(&reader->values, reader->outputs, sizeof *reader->values));
    DUET_DO(compile(ctx, reader, model));
    reader->in = *duet_network_in(reader->network);
    *out = reader;
    reader = NULL;
done:
    duet_reader_free(reader);
    return status;
}

void duet_reader_free(duet_reader *reader) {
    if (reader == NULL) return;
    duet_network_close(reader->network);
    duet_release(reader->levels);
    duet_release(reader->columns);
    duet_release(reader->values);
    duet_release(reader);
}

int64_t duet_reader_columns(const duet_reader *reader) {
    return reader->count;
}
int64_t duet_reader_batch(const duet_reader *reader) {
    return reader->batch;
}
int64_t duet_reader_time(const duet_reader *reader, int64_t column) {
    return reader->columns[column].t;
}
double duet_reader_seconds(const duet_reader *reader) {
    return reader->seconds;
}

void duet_reader_column(const duet_reader *reader, int64_t index, int *tap, int *pool,
                        int64_t *dim) {
    *tap = reader->columns[index].tap;
    *pool = reader->columns[index].pool;
    *dim = reader->columns[index].dim;
}

/* x0 from bytes and the noise of the image; x_t of all levels. eps stands where the last level's
 * x_t goes: it is read there before it is overwritten. */
static void prepare_image(const duet_reader *reader, const uint8_t *pixels, int64_t id, int64_t i) {
    const int64_t size = reader->size, step = reader->batch * size;
    const int last = reader->level_count - 1;
    float *eps = reader->in.x + last * step + i * size;
    bool noisy = false;
    for (int l = 0; l <= last; l++) noisy |= reader->levels[l].sigma > 0;
    for (int l = 0; l <= last && reader->in.low_res != NULL; l++)
        duet_low_res(reader->in.low_res + l * step + i * size, pixels, reader->shape.size,
                     reader->shape.in_channels, reader->shape.low_res);
    if (noisy) duet_image_noise(eps, reader->options.noise_seed, id, size);
    for (int l = 0; l <= last; l++) {
        const duet_level *level = &reader->levels[l];
        const float alpha = (float)(level->alpha * level->in_scale),
                    sigma = (float)(level->sigma * level->in_scale);
        float *x = reader->in.x + l * step + i * size;
        if (reader->gain[0] > 0) {
            for (int64_t e = 0; e < size; e++)
                x[e] = (float)pixels[e] * reader->gain[e % reader->channels] +
                       reader->offset[e % reader->channels];
            continue;
        }
        for (int64_t e = 0; e < size; e++)
            x[e] = alpha * ((float)pixels[e] / 127.5f - 1.0f) + (sigma > 0 ? sigma * eps[e] : 0.0f);
    }
}

/* Output c of the plan, [levels,B,D]: rows of level l go to column l*outputs + c. */
static void hand_out(const duet_reader *reader, int64_t c, int64_t rows, float *const *out) {
    const int64_t dim = reader->columns[c].dim;
    const float *const from = duet_network_out(reader->network, c);
    for (int l = 0; l < reader->level_count; l++)
        memcpy(out[l * reader->outputs + c], from + l * reader->batch * dim,
               (size_t)(rows * dim) * sizeof(float));
}

/* Sets the inputs that do not depend on the images, and zeros where a batch is not full. */
static void prepare_rest(const duet_reader *reader, int64_t rows) {
    const int64_t all = reader->level_count * reader->batch, size = reader->size;
    for (int64_t i = 0; i < all && reader->in.net_t != NULL; i++)
        reader->in.net_t[i] = (float)reader->levels[i / reader->batch].net_t;
    if (reader->in.y != NULL) memset(reader->in.y, 0, (size_t)all * sizeof *reader->in.y);
    for (int l = 0; l < reader->level_count; l++) {
        const int64_t from = (l * reader->batch + rows) * size;
        const size_t bytes = (size_t)((reader->batch - rows) * size) * sizeof(float);
        memset(reader->in.x + from, 0, bytes);
        if (reader->in.low_res != NULL) memset(reader->in.low_res + from, 0, bytes);
    }
}

duet_status duet_reader_run(duet_reader *reader, const uint8_t *pixels, const int64_t *index,
                            int64_t rows, float *const *out) {
    if (rows < 1 || rows > reader->batch)
        return duet_fail(DUET_ARG, "%lld rows do not fit; the reader takes 1 to %lld",
                         (long long)rows, (long long)reader->batch);
#pragma omp parallel for num_threads(reader->threads) schedule(static)
    for (int64_t i = 0; i < rows; i++)
        prepare_image(reader, pixels + i * reader->size, index[i], i);
    prepare_rest(reader, rows);
    const double start = duet_clock();
    DUET_TRY(duet_network_run(reader->network));
    reader->seconds += duet_clock() - start;
    for (int64_t c = 0; c < reader->outputs; c++) hand_out(reader, c, rows, out);
    return DUET_OK;
}
