/* SPDX-License-Identifier: MIT
 * feature/reader.c: one inference plan whose outputs are pooled taps; nothing after the last tap is in it. The input is
 * x_t of the image with the noise that belongs to (seed, image). The last batch is padded; padded rows are dropped. */
#include <string.h>

#include <duet/feature.h>

#include "base/error.h"
#include "model/model.h"
#include "noise/noise.h"

enum { MOST_COLUMNS = 4096 };

typedef struct column {
    int tap, pool;
    int64_t dim;
    duet_value value;
} column;

struct duet_reader {
    duet_noise *noise;
    duet_level level;
    duet_reader_options options;
    duet_plan *plan;
    duet_session *session;
    float *x, *t;     /* [batch,S,S,C], [batch] */
    int32_t *y;       /* [batch], zeros: class-conditional models are read with class 0 */
    int64_t batch, size; /* size: floats of an image */
    int threads;
    column *columns;
    int64_t count, capacity;
    duet_status status; /* of the hook */
};

static bool wants(const duet_int_list *list, int64_t value) {
    for (int i = 0; i < list->count; i++)
        if (list->v[i] == value) return true;
    return list->count == 0;
}

static duet_value add_pools(duet_graph *graph, const duet_tap_info *tap, duet_value x, void *user) {
    duet_reader *reader = user;
    if (!wants(&reader->options.taps, tap->block)) return x;
    for (int i = 0; i < reader->options.pools.count && reader->status == DUET_OK; i++) {
        const int64_t pool = reader->options.pools.v[i];
        if (pool > duet_dim(graph, x, 1) || pool > duet_dim(graph, x, 2)) continue;
        reader->status = duet_grow(&reader->columns, &reader->capacity, reader->count + 1, sizeof *reader->columns);
        if (reader->status != DUET_OK) break;
        const duet_value value = duet_adaptive_pool(graph, x, pool);
        reader->columns[reader->count++] = (column){tap->block, (int)pool, pool * pool * duet_dim(graph, x, -1), value};
    }
    return x;
}

static duet_status compile(duet_context *ctx, duet_reader *reader, duet_model *model) {
    duet_status status = DUET_OK;
    duet_graph *graph = NULL;
    duet_value *outputs = NULL, raw = DUET_NONE;
    duet_model_inputs in;
    const duet_plan_options options = {.threads = duet_context_threads(ctx), .exact = duet_context_exact(ctx)};
    DUET_DO(duet_graph_new(&graph));
    duet_graph_set_tap_hook(graph, add_pools, reader);
    DUET_DO(duet_model_build(model, graph, reader->batch, false, &in, &raw));
    DUET_DO(reader->status);
    if (reader->count == 0)
        DUET_FAIL(DUET_ARG, "no tap fits: the model has taps 1 to %d, and the pool must not be larger than the tap's map ('duet info')", model->tap_count);
    if (reader->count > MOST_COLUMNS) DUET_FAIL(DUET_ARG, "%lld taps x pools; at most %d", (long long)reader->count, MOST_COLUMNS);
    DUET_DO(duet_alloc(&outputs, reader->count, sizeof *outputs));
    for (int64_t i = 0; i < reader->count; i++) outputs[i] = reader->columns[i].value;
    DUET_DO(duet_pass_run(graph, "fuse", outputs, reader->count));
    if (duet_context_bf16(ctx)) DUET_DO(duet_pass_run(graph, "bf16", outputs, reader->count));
    DUET_DO(duet_plan_new(&reader->plan, graph, model->params, outputs, reader->count, NULL, 0, &options));
    DUET_DO(duet_session_new(&reader->session, reader->plan, model->params));
done:
    duet_release(outputs);
    duet_graph_free(graph);
    return status;
}

static duet_status check_taps(const duet_int_list *taps, int count) {
    for (int i = 0; i < taps->count; i++)
        if (taps->v[i] < 1 || taps->v[i] > count)
            return duet_fail(DUET_ARG, "no tap %lld; the model has taps 1 to %d ('duet info')", (long long)taps->v[i], count);
    return DUET_OK;
}

duet_status duet_reader_new(duet_context *ctx, duet_reader **out, duet_model *model, const duet_reader_options *options) {
    duet_status status = DUET_OK;
    duet_reader *reader = NULL;
    DUET_DO(duet_alloc(&reader, 1, sizeof *reader));
    reader->options = *options;
    if (reader->options.pools.count == 0) reader->options.pools = (duet_int_list){.count = 1, .v = {1}};
    reader->size = model->shape.size * model->shape.size * model->shape.in_channels;
    reader->batch = options->batch > 0 ? options->batch : model->shape.size <= 64 ? 32 : 4;
    reader->threads = duet_context_threads(ctx);
    DUET_DO(duet_noise_new(&reader->noise, model->card.noise));
    if (options->t < -1 || options->t >= reader->noise->steps)
        DUET_FAIL(DUET_ARG, "t is %lld; the model's noise has steps 0 to %lld (-1 = clean)", (long long)options->t, (long long)reader->noise->steps - 1);
    DUET_DO(check_taps(&options->taps, model->tap_count));
    reader->level = duet_noise_level(reader->noise, options->t);
    DUET_DO(duet_alloc(&reader->x, reader->batch * reader->size, sizeof *reader->x));
    DUET_DO(duet_alloc(&reader->t, reader->batch, sizeof *reader->t));
    DUET_DO(duet_alloc(&reader->y, reader->batch, sizeof *reader->y));
    for (int64_t i = 0; i < reader->batch; i++) reader->t[i] = (float)reader->level.net_t;
    DUET_DO(compile(ctx, reader, model));
    *out = reader;
    reader = NULL;
done:
    duet_reader_free(reader);
    return status;
}

void duet_reader_free(duet_reader *reader) {
    if (!reader) return;
    duet_session_free(reader->session);
    duet_plan_free(reader->plan);
    duet_noise_free(reader->noise);
    duet_release(reader->columns);
    duet_release(reader->x);
    duet_release(reader->t);
    duet_release(reader->y);
    duet_release(reader);
}

int64_t duet_reader_columns(const duet_reader *reader) { return reader->count; }
int64_t duet_reader_batch(const duet_reader *reader) { return reader->batch; }

void duet_reader_column(const duet_reader *reader, int64_t index, int *tap, int *pool, int64_t *dim) {
    *tap = reader->columns[index].tap;
    *pool = reader->columns[index].pool;
    *dim = reader->columns[index].dim;
}

/* x0 from bytes, noise of the image, x_t in place: eps is drawn into x and blended with x0 pixel by pixel. */
static void prepare_row(const duet_reader *reader, const uint8_t *pixels, int64_t id, float *x) {
    const float alpha = (float)(reader->level.alpha * reader->level.in_scale), sigma = (float)(reader->level.sigma * reader->level.in_scale);
    if (sigma > 0) duet_image_noise(x, reader->options.noise_seed, id, reader->size);
    for (int64_t e = 0; e < reader->size; e++) x[e] = alpha * ((float)pixels[e] / 127.5f - 1.0f) + (sigma > 0 ? sigma * x[e] : 0.0f);
}

duet_status duet_reader_run(duet_reader *reader, const uint8_t *pixels, const int64_t *index, int64_t rows, float *const *out) {
    if (rows < 1 || rows > reader->batch) return duet_fail(DUET_ARG, "%lld rows; the reader takes 1 to %lld", (long long)rows, (long long)reader->batch);
#pragma omp parallel for num_threads(reader->threads) schedule(static)
    for (int64_t i = 0; i < rows; i++) prepare_row(reader, pixels + i * reader->size, index[i], reader->x + i * reader->size);
    DUET_TRY(duet_session_set(reader->session, "x", reader->x));
    if (duet_session_has_input(reader->session, "net_t")) DUET_TRY(duet_session_set(reader->session, "net_t", reader->t));
    if (duet_session_has_input(reader->session, "y")) DUET_TRY(duet_session_set(reader->session, "y", reader->y));
    DUET_TRY(duet_session_run(reader->session));
    for (int64_t c = 0; c < reader->count; c++) DUET_TRY(duet_session_get(reader->session, c, rows, out[c]));
    return DUET_OK;
}
