/* SPDX-License-Identifier: MIT
 * feature/reader/passes.c: a pass is one inference plan whose outputs are pooled taps; nothing
 * after the last tap is part of it. Its rows are the images of a batch at each level, one level
 * after the other: row l*B + i is image i at level l. The input is x_t with the noise that belongs
 * to (seed, image, draw), drawn once for all levels. Settings share a pass where they differ in
 * nothing but the level, or where level, draws and views are the same. Images of another size or
 * with other channels than the network's are fitted first (images.h). The last batch is padded;
 * padded rows are dropped. features = mean over draws and views of the pooled tap */
#include "feature/reader/passes.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "data/preprocess.h"
#include "feature/reader/images.h"
#include "feature/reader/means.h"
#include "io/resize.h"
#include "model/low_res.h"
#include "model/network.h"
#include "noise/noise.h"

const duet_param duet_passes_rows[1] = {
    DUET_TEXT(duet_passes_options, resize, "card", "card|torch|tensorflow|clean|fit",
              "how images of another size reach that of the network: as the card says; without "
              "rounding, as pytorch-fid, guided-diffusion's evaluator or clean-fid do it; by fit"),
};

typedef struct pass {
    duet_reader *reader;
    int64_t levels, outputs; /* L, O */
    /* [L*O] columns, as numbers among the chosen ones: of level l and output o at l*O + o */
    int64_t *column;
    duet_level *level; /* [L] */
    int64_t draws, views;
    duet_network *network; /* NULL: not compiled yet */
    /* Its inputs: x [L,B,S,S,C], net_t [L,B], y [L,B] zeros (class-conditional models are read with
     * class 0), low_res [L,B,S,S,C] the clean images made small and enlarged again. */
    duet_network_inputs in;
    duet_value *values; /* [O] */
    int64_t found;
} pass;

typedef struct passes {
    pass *pass;
    int64_t count, size; /* values of an image */
    int64_t given;       /* bytes of an image as it comes */
    int threads;
    bool coloured; /* colours v gain + offset, instead of v/127.5 - 1 */
    float gain[3], offset[3];
    bool flip;         /* a pass reads mirrored images too */
    bool resized;      /* the network's images are made of values that are not rounded */
    uint8_t *mirrored; /* [B] images as they come; NULL until they are read */
    uint8_t *fitted;   /* [B,S,S,C]; NULL: the images that come fit, or are resized */
} passes;

static const duet_column *column_of(const pass *p, int64_t level, int64_t output) {
    const duet_reader *reader = p->reader;
    return &reader->columns[reader->chosen[p->column[level * p->outputs + output]]];
}

duet_status duet_passes_columns(duet_reader *reader) {
    return duet_columns_new(&reader->columns, &reader->count, reader->model, &reader->options);
}

void duet_passes_release(duet_reader *reader) {
    passes *all = reader->state;
    if (all == NULL) return;
    for (int64_t i = 0; i < all->count; i++) {
        duet_network_close(all->pass[i].network);
        duet_release(all->pass[i].column);
        duet_release(all->pass[i].level);
        duet_release(all->pass[i].values);
    }
    duet_release(all->pass);
    duet_release(all->mirrored);
    duet_release(all->fitted);
    duet_release(all);
    reader->state = NULL;
}

/* ---- which settings share a pass ---- */

typedef struct place { /* a chosen column */
    const duet_setting *setting;
    int64_t at;    /* its number among the chosen ones */
    int64_t group; /* of settings with the same inputs, in the order of the first of each */
} place;

static int by_group_and_tap(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    if (x->setting->tap != y->setting->tap) return x->setting->tap < y->setting->tap ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Sorts the chosen columns by their inputs, then by tap; returns the number of different inputs. */
static int64_t sort_places(const duet_reader *reader, place *list) {
    int64_t groups = 0;
    for (int64_t k = 0; k < reader->chosen_count; k++) {
        list[k] = (place){&reader->columns[reader->chosen[k]].setting, k, groups};
        for (int64_t i = 0; i < k && list[k].group == groups; i++)
            if (duet_same_inputs(list[i].setting, list[k].setting)) list[k].group = list[i].group;
        groups += list[k].group == groups;
    }
    qsort(list, (size_t)reader->chosen_count, sizeof *list, by_group_and_tap);
    return groups;
}

/* Whether the settings list[0..count), all of the same inputs, are those of the pass at another
 * level. */
static bool belongs(const pass *p, const place *list, int64_t count) {
    if (p->outputs != count || p->draws != list->setting->draws ||
        p->views != 1 + list->setting->flip)
        return false;
    for (int64_t o = 0; o < count; o++) {
        const duet_setting *own = &column_of(p, 0, o)->setting;
        if (own->tap != list[o].setting->tap || own->pool != list[o].setting->pool ||
            own->channels != list[o].setting->channels)
            return false;
    }
    return true;
}

/* Adds a level to a pass. */
static duet_status add_level(pass *p, const place *list, int64_t most) {
    if (p->column == NULL) {
        DUET_TRY(duet_alloc(&p->column, most * p->outputs, sizeof *p->column));
        DUET_TRY(duet_alloc(&p->level, most, sizeof *p->level));
        DUET_TRY(duet_alloc(&p->values, p->outputs, sizeof *p->values));
    }
    for (int64_t o = 0; o < p->outputs; o++) p->column[p->levels * p->outputs + o] = list[o].at;
    p->level[p->levels++].t = (double)list->setting->t;
    return DUET_OK;
}

static duet_status make_passes(duet_reader *reader, passes *all, const place *list,
                               int64_t groups) {
    DUET_TRY(duet_alloc(&all->pass, groups, sizeof *all->pass));
    for (int64_t from = 0, end; from < reader->chosen_count; from = end) {
        for (end = from; end < reader->chosen_count && list[end].group == list[from].group;) end++;
        int64_t i = 0;
        while (i < all->count && !belongs(&all->pass[i], list + from, end - from)) i++;
        if (i == all->count)
            all->pass[all->count++] = (pass){.reader = reader,
                                             .outputs = end - from,
                                             .draws = list[from].setting->draws,
                                             .views = 1 + list[from].setting->flip};
        DUET_TRY(add_level(&all->pass[i], list + from, groups));
    }
    return DUET_OK;
}

static duet_status read_levels(const duet_reader *reader, passes *all) {
    duet_noise *noise = NULL;
    DUET_TRY(duet_noise_new(&noise, reader->model->card.noise));
    for (int64_t i = 0; i < all->count; i++)
        for (int64_t l = 0; l < all->pass[i].levels; l++)
            all->pass[i].level[l] = duet_noise_level(noise, (int64_t)all->pass[i].level[l].t);
    duet_noise_free(noise);
    return DUET_OK;
}

/* How the images that come become what the network takes. */
static duet_status set_images(duet_reader *reader, passes *all) {
    const duet_preprocess *to = &reader->to;
    all->size = to->size * to->size * to->channels;
    all->given = reader->how.size * reader->how.size * reader->how.channels;
    all->coloured = duet_preprocess_colours(to, all->gain, all->offset);
    const bool fits = duet_images_fit(&reader->how, to);
    all->resized = !fits && to->resize[0] != '\0';
    return fits || all->resized ? DUET_OK : duet_alloc(&all->fitted, reader->batch * all->size, 1);
}

duet_status duet_passes_images(duet_reader *reader) {
    const duet_passes_options *o = (const duet_passes_options *)&reader->choice.options;
    const duet_arch_shape *shape = &reader->model->shape;
    if (strcmp(o->resize, "fit") == 0) reader->to.resize[0] = '\0';
    if (strcmp(o->resize, "fit") == 0 || strcmp(o->resize, "card") == 0) return DUET_OK;
    if (shape->low_res > 0 || !duet_model_recogniser(reader->model))
        return duet_fail(
            DUET_ARG,
            "resize=%s is for networks that take no noise; '%s' prepares images as its "
            "card says",
            o->resize, reader->model->card.arch);
    memcpy(reader->to.resize, o->resize, sizeof reader->to.resize);
    return DUET_OK;
}

/* All levels of a pass are rows of one batch. */
static void choose_batch(duet_reader *reader, const passes *all) {
    const duet_reader_options *o = &reader->options;
    const int64_t chosen = reader->model->shape.size <= 64 ? 32 : 4; /* rows per pass */
    int64_t most = 1;
    for (int64_t i = 0; i < all->count; i++)
        if (all->pass[i].levels > most) most = all->pass[i].levels;
    reader->batch = o->batch > 0 ? o->batch : (chosen + most / 2) / most;
    if (o->batch == 0 && o->rows > 0 && reader->batch > o->rows) reader->batch = o->rows;
    if (reader->batch < 1) reader->batch = 1;
}

duet_status duet_passes_select(duet_reader *reader) {
    duet_status status = DUET_OK;
    passes *all = NULL;
    place *list = NULL;
    DUET_TRY(duet_alloc(&all, 1, sizeof *all));
    reader->state = all; /* released with the reader */
    all->threads = duet_context_threads(reader->ctx);
    DUET_DO(duet_alloc(&list, reader->chosen_count, sizeof *list));
    const int64_t groups = sort_places(reader, list);
    DUET_DO(make_passes(reader, all, list, groups));
    DUET_DO(read_levels(reader, all));
    choose_batch(reader, all);
    DUET_DO(set_images(reader, all));
    for (int64_t i = 0; i < all->count; i++) all->flip |= all->pass[i].views > 1;
done:
    duet_release(list);
    if (status != DUET_OK) duet_passes_release(reader);
    return status;
}

/* ---- the network ---- */

static duet_value add_pools(duet_graph *graph, const duet_tap_info *tap, duet_value x, void *user) {
    pass *p = user;
    while (p->found < p->outputs && column_of(p, 0, p->found)->setting.tap == tap->block) {
        const duet_setting *setting = &column_of(p, 0, p->found)->setting;
        const duet_value read =
            setting->channels > 0 ? duet_slice(graph, x, 0, setting->channels) : x;
        p->values[p->found++] = duet_adaptive_pool(graph, read, (int)setting->pool);
    }
    return x;
}

static duet_status give_pools(duet_graph *graph, duet_value raw, void *user, const duet_value **out,
                              int64_t *count) {
    const pass *p = user;
    (void)graph;
    (void)raw;
    if (p->found != p->outputs)
        return duet_fail(DUET_FORMAT,
                         "the order of the taps in the network differs from that in its table");
    *out = p->values;
    *count = p->outputs;
    return DUET_OK;
}

static duet_status compile(pass *p) {
    const duet_network_spec spec = {
        .batch = p->levels * p->reader->batch, .tap = add_pools, .outputs = give_pools, .user = p};
    p->found = 0;
    DUET_TRY(duet_network_open(p->reader->ctx, &p->network, p->reader->model, &spec));
    p->in = *duet_network_in(p->network);
    return DUET_OK;
}

/* ---- its inputs ---- */

/* x0 from bytes and the noise of the image; x_t of all levels. eps stands where the last level's
 * x_t goes: it is read there before it is overwritten. */
static void prepare_image(const pass *p, const passes *all, const uint8_t *pixels, int64_t id,
                          int64_t i) {
    const duet_arch_shape *shape = &p->reader->model->shape;
    const int64_t size = all->size, step = p->reader->batch * size, last = p->levels - 1;
    const int channels = p->reader->to.channels;
    float *eps = p->in.x + last * step + i * size;
    bool noisy = false;
    for (int64_t l = 0; l <= last; l++) noisy |= p->level[l].sigma > 0;
    for (int64_t l = 0; l <= last && p->in.low_res != NULL; l++)
        duet_low_res(p->in.low_res + l * step + i * size, pixels, shape->size, shape->in_channels,
                     shape->low_res);
    if (noisy) duet_image_noise(eps, p->reader->options.noise_seed, id, size);
    for (int64_t l = 0; l <= last; l++) {
        const duet_level *level = &p->level[l];
        const float alpha = (float)(level->alpha * level->in_scale),
                    sigma = (float)(level->sigma * level->in_scale);
        float *x = p->in.x + l * step + i * size;
        if (all->coloured) {
            for (int64_t e = 0; e < size; e++)
                x[e] = (float)pixels[e] * all->gain[e % channels] + all->offset[e % channels];
            continue;
        }
        for (int64_t e = 0; e < size; e++)
            x[e] = alpha * ((float)pixels[e] / 127.5f - 1.0f) + (sigma > 0 ? sigma * eps[e] : 0.0f);
    }
}

/* An image whose values are not rounded on their way into the network; there is one level. */
static duet_status prepare_resized(const pass *p, const passes *all, const uint8_t *pixels,
                                   int64_t i) {
    const int channels = p->reader->to.channels;
    float *x = p->in.x + i * all->size;
    DUET_TRY(duet_images_to_values(x, pixels, &p->reader->how, &p->reader->to));
    for (int64_t e = 0; e < all->size; e++)
        x[e] = all->coloured ? x[e] * all->gain[e % channels] + all->offset[e % channels]
                             : x[e] / 127.5f - 1.0f;
    return DUET_OK;
}

/* Image i of the batch, as it comes. */
static duet_status prepare(const pass *p, const passes *all, const uint8_t *pixels, int64_t id,
                           int64_t i) {
    const duet_reader *reader = p->reader;
    if (all->resized) return prepare_resized(p, all, pixels, i);
    if (all->fitted != NULL) {
        uint8_t *const fitted = all->fitted + i * all->size;
        DUET_TRY(duet_images_to_bytes(fitted, pixels, &reader->how, &reader->to));
        pixels = fitted;
    }
    prepare_image(p, all, pixels, id, i);
    return DUET_OK;
}

/* Sets the inputs that do not depend on the images, and zeros where a batch is not full. */
static void prepare_rest(const pass *p, int64_t size, int64_t rows) {
    const int64_t batch = p->reader->batch, all = p->levels * batch;
    for (int64_t i = 0; i < all && p->in.net_t != NULL; i++)
        p->in.net_t[i] = (float)p->level[i / batch].net_t;
    if (p->in.y != NULL) memset(p->in.y, 0, (size_t)all * sizeof *p->in.y);
    if (p->in.self_cond != NULL) memset(p->in.self_cond, 0, (size_t)(all * size) * sizeof(float));
    for (int64_t l = 0; l < p->levels; l++) {
        const int64_t from = (l * batch + rows) * size;
        const size_t bytes = (size_t)((batch - rows) * size) * sizeof(float);
        memset(p->in.x + from, 0, bytes);
        if (p->in.low_res != NULL) memset(p->in.low_res + from, 0, bytes);
    }
}

/* ---- its outputs ---- */

/* Output o of the plan, [L,B,D]: rows of level l go to its column. */
static void hand_out(const pass *p, int64_t o, int64_t rows, float *const *out,
                     const int64_t *stride, int64_t turn) {
    const duet_column *const column = column_of(p, 0, o);
    const float *const from = duet_network_out(p->network, o);
    for (int64_t l = 0; l < p->levels; l++) {
        const int64_t k = p->column[l * p->outputs + o];
        for (int64_t i = 0; i < rows; i++)
            duet_mean_take(out[k] + i * stride[k], from + (l * p->reader->batch + i) * column->dim,
                           column, turn, p->draws * p->views, turn % p->views == 1);
    }
}

/* The draws of an image have streams of their own; the first is that of (seed, image). */
static int64_t noise_of(int64_t index, int64_t draw) {
    return index + (draw << 48);
}

static duet_status run_pass(pass *p, const passes *all, const uint8_t *pixels, const int64_t *index,
                            int64_t rows, float *const *out, const int64_t *stride) {
    duet_reader *reader = p->reader;
    if (p->network == NULL) DUET_TRY(compile(p));
    for (int64_t turn = 0; turn < p->draws * p->views; turn++) {
        const bool mirrored = all->mirrored != NULL && (turn % p->views == 1) != reader->mirrored;
        const uint8_t *const from = mirrored ? all->mirrored : pixels;
        const int64_t draw = reader->draw * p->draws + turn / p->views;
        int worst = DUET_OK; /* the messages of other threads are lost */
#pragma omp parallel for num_threads(all->threads) schedule(static) reduction(max : worst)
        for (int64_t i = 0; i < rows; i++) {
            const int status =
                (int)prepare(p, all, from + i * all->given, noise_of(index[i], draw), i);
            if (status > worst) worst = status;
        }
        if (worst != DUET_OK)
            return duet_fail((duet_status)worst, "the images cannot be brought to the size that "
                                                 "the network takes");
        prepare_rest(p, all->size, rows);
        const double start = duet_clock();
        DUET_TRY(duet_network_run(p->network));
        reader->seconds += duet_clock() - start;
        for (int64_t o = 0; o < p->outputs; o++) hand_out(p, o, rows, out, stride, turn);
    }
    return DUET_OK;
}

duet_status duet_passes_run(duet_reader *reader, const uint8_t *pixels, const int64_t *index,
                            int64_t rows, float *const *out, const int64_t *stride) {
    if (reader->state == NULL) DUET_TRY(duet_passes_select(reader));
    passes *const all = reader->state;
    const bool mirrors = all->flip || reader->mirrored;
    if (mirrors && all->mirrored == NULL)
        DUET_TRY(duet_alloc(&all->mirrored, reader->batch * all->given, 1));
    if (mirrors)
        duet_pixels_mirror(all->mirrored, pixels, rows, reader->how.size, reader->how.channels);
    for (int64_t i = 0; i < all->count; i++)
        DUET_TRY(run_pass(&all->pass[i], all, pixels, index, rows, out, stride));
    return DUET_OK;
}
