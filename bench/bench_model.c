/* SPDX-License-Identifier: MIT
 * bench_model.c: the model that all programs load, and what it gives, for a comparison before
 * anything is timed. File of `check`: x[B,S,S,C], net_t[B] and output[B,S,S,O] of a whole pass,
 * another net_t in each row; read.x[B,S,S,C], read.net_t[B] and read.K[B,H,W,C'] of the reader at
 * noise level t, for every tap K. Of networks that only recognise, read.* alone, with x as they get
 * it. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "bench.h"
#include "engine/graph/plan.h"
#include "model/network.h"
#include "noise/noise.h"
#include "bench/parts.h"

enum { ROWS = 2, MOST_ITEMS = 128 };

/* ---- make ---- */

static void say_model(const duet_model *model, const char *arch) {
    json_t *taps = json_array();
    for (int i = 0; i < duet_model_tap_count(model); i++) {
        const duet_tap_row *tap = duet_model_tap(model, i);
        json_array_append_new(taps, json_pack("{s:i,s:s,s:I,s:I,s:f}", "tap", tap->block, "name",
                                              tap->name, "channels", (json_int_t)tap->channels,
                                              "size", (json_int_t)tap->height, "macs", tap->macs));
    }
    bench_say(json_pack(
        "{s:s,s:I,s:I,s:I,s:f,s:o}", "arch", arch, "size", (json_int_t)model->shape.size,
        "channels", (json_int_t)model->shape.in_channels, "parameters",
        (json_int_t)duet_model_parameters(model), "macs", duet_model_macs(model), "taps", taps));
}

duet_status bench_make(duet_context *ctx, const bench_options *o) {
    duet_status status = DUET_OK;
    duet_model *model = NULL;
    const duet_bench_network *network = NULL;
    char arch[DUET_SPEC_SIZE];
    memcpy(arch, o->arch, sizeof arch);
    if (arch[0] == '\0') {
        DUET_DO(duet_bench_network_find(&network, o->network));
        duet_bench_network_arch(network, arch);
    }
    DUET_DO(duet_bench_model(ctx, &model, arch));
    DUET_DO(duet_model_save(model, o->out, DUET_F32));
    say_model(model, arch);
done:
    duet_model_close(model);
    return status;
}

/* ---- check ---- */

typedef struct record {
    duet_store_item items[MOST_ITEMS];
    int64_t count;
    char names[MOST_ITEMS][16];
} record;

static duet_status add(record *r, float **out, const char *name, int rank, const int64_t *dims) {
    if (r->count == MOST_ITEMS)
        return duet_fail(DUET_UNSUPPORTED, "more than %d tensors", MOST_ITEMS);
    duet_store_item *item = &r->items[r->count];
    item->dtype = item->stored = DUET_F32;
    item->shape.rank = rank;
    memcpy(item->shape.dim, dims, (size_t)rank * sizeof *dims);
    snprintf(r->names[r->count], sizeof r->names[0], "%s", name);
    item->name = r->names[r->count];
    DUET_TRY(duet_alloc(out, duet_shape_count(&item->shape), sizeof(float)));
    item->data = *out;
    r->count++;
    return DUET_OK;
}

static void free_record(record *r) {
    for (int64_t i = 0; i < r->count; i++) {
        void *data = NULL;
        memcpy(&data, &r->items[i].data, sizeof data); /* const only for the writer */
        duet_release(data);
    }
}

static duet_status record_pass(record *r, duet_context *ctx, duet_model *model) {
    duet_status status = DUET_OK;
    const int64_t size = model->shape.size, in = model->shape.in_channels;
    const int32_t y[ROWS] = {0};
    float *x = NULL, *net_t = NULL, *output = NULL;
    duet_network *network = NULL;
    DUET_DO(add(r, &x, "x", 4, (int64_t[]){ROWS, size, size, in}));
    DUET_DO(add(r, &net_t, "net_t", 1, (int64_t[]){ROWS}));
    DUET_DO(add(r, &output, "output", 4, (int64_t[]){ROWS, size, size, model->shape.out_channels}));
    duet_rng_normal(duet_rng_make(1, "x", 0), 0, x, ROWS * size * size * in);
    for (int i = 0; i < ROWS; i++) net_t[i] = 900.0F / (float)(1 + 8 * i);
    DUET_DO(duet_network_open(ctx, &network, model, &(duet_network_spec){.batch = ROWS}));
    const duet_network_inputs *const places = duet_network_in(network);
    memcpy(places->x, x, (size_t)(ROWS * size * size * in) * sizeof *x);
    if (places->net_t != NULL) memcpy(places->net_t, net_t, ROWS * sizeof *net_t);
    DUET_DO(duet_network_set_labels(network, y, ROWS));
    DUET_DO(duet_network_run(network));
    memcpy(output, duet_network_out(network, 0),
           (size_t)(ROWS * size * size * model->shape.out_channels) * sizeof *output);
done:
    duet_network_close(network);
    return status;
}

/* A pool as large as the map is the map itself. */
static duet_status record_tap(record *r, duet_context *ctx, duet_model *model,
                              const duet_tap_row *tap, int64_t t, const uint8_t *pixels) {
    const duet_reader_options options = {.settings = duet_settings_of(t, tap->block, tap->height),
                                         .batch = ROWS};
    const int64_t index[ROWS] = {0, 1};
    duet_status status = DUET_OK;
    duet_reader *reader = NULL;
    float *map = NULL;
    char name[16];
    snprintf(name, sizeof name, "read.%d", tap->block);
    DUET_DO(duet_reader_open(ctx, &reader, "model", model, NULL, &options));
    DUET_DO(add(r, &map, name, 4, (int64_t[]){ROWS, tap->height, tap->width, tap->channels}));
    DUET_DO(duet_reader_run(reader, pixels, index, ROWS, &map));
done:
    duet_reader_close(reader);
    return status;
}

static duet_status record_reader(record *r, duet_context *ctx, duet_model *model, int64_t t) {
    duet_status status = DUET_OK;
    const int64_t size = model->shape.size, in = model->shape.in_channels, dim = size * size * in;
    const duet_preprocess *const how = &duet_model_card(model)->preprocess;
    float *x = NULL, *net_t = NULL, *eps = NULL;
    uint8_t *pixels = NULL;
    duet_noise *noise = NULL;
    DUET_DO(duet_alloc(&pixels, ROWS * dim, 1));
    DUET_DO(duet_alloc(&eps, dim, sizeof *eps));
    DUET_DO(duet_noise_new(&noise, duet_model_card(model)->noise));
    DUET_DO(add(r, &x, "read.x", 4, (int64_t[]){ROWS, size, size, in}));
    DUET_DO(add(r, &net_t, "read.net_t", 1, (int64_t[]){ROWS}));
    for (int64_t i = 0; i < ROWS * dim; i++) pixels[i] = (uint8_t)(37 * i % 251);
    duet_pixels_to_float(x, pixels, ROWS * dim);
    for (int64_t i = 0; i < ROWS && !duet_model_recogniser(model); i++) {
        const duet_level level = duet_noise_level(noise, t);
        duet_image_noise(eps, 0, i, dim);
        duet_add_noise(x + i * dim, x + i * dim, eps, level, dim);
        net_t[i] = (float)level.net_t;
    }
    for (int64_t i = 0; i < ROWS * dim && how->std[0] > 0.0; i++)
        x[i] = (float)(((double)pixels[i] / 255.0 - how->mean[i % in]) / how->std[i % in]);
    for (int i = 0; i < duet_model_tap_count(model); i++)
        DUET_DO(record_tap(r, ctx, model, duet_model_tap(model, i), t, pixels));
done:
    duet_release(pixels);
    duet_release(eps);
    duet_noise_free(noise);
    return status;
}

duet_status bench_check(duet_context *ctx, const bench_options *o) {
    duet_status status = DUET_OK;
    duet_model *model = NULL;
    record *r = NULL;
    DUET_DO(duet_alloc(&r, 1, sizeof *r));
    DUET_DO(duet_model_open(ctx, &model, o->model));
    if (!duet_model_recogniser(model)) DUET_DO(record_pass(r, ctx, model));
    DUET_DO(record_reader(r, ctx, model, duet_model_recogniser(model) ? -1 : o->t));
    DUET_DO(duet_store_write(o->out, "safetensors", r->items, r->count, NULL, 0));
    bench_say(json_pack("{s:I}", "tensors", (json_int_t)r->count));
done:
    if (r != NULL) free_record(r);
    duet_release(r);
    duet_model_close(model);
    return status;
}
