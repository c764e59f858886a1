/* SPDX-License-Identifier: MIT
 * diffusion/edit.c: answers to measurements (duet/edit.h): every prediction of the model is made to
 * agree with what is known before the sampler goes on (diffusion/operator/operator.h), and the last
 * one by alternating projections, onto the measurement and onto values that a byte can hold. */
#include <duet/edit.h>

#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "data/preprocess.h"
#include "diffusion/gibbs.h"
#include "diffusion/guide.h"
#include "diffusion/operator/operator.h"
#include "io/image.h"
#include "model/low_res.h"
#include "model/model.h"

enum { ROUNDS = 50, CHAIN = 30 };        /* projections at the end; rounds of a chain of latents */
static const double DATA = 0.25;         /* variance of pixels: 0.5^2 as in EDM */
static const double DECODED = 0.02;      /* variance of what a decoder leaves */
static const double NEAR = 0.25 / 127.5; /* a quarter of a byte */

struct duet_edit {
    duet_context *ctx;
    duet_model *model;
    duet_edit_options options;
    duet_generator *generator; /* of a model that denoises, else: */
    duet_gibbs *gibbs;
    duet_guide guide;
    duet_measure *measure;
    int64_t dim, known; /* values of an image and of a measurement */
    float *taken;       /* [known] */
    float *image;       /* [dim] */
    /* of the pictures of a run */
    const float *measured;
    double *z;     /* [count,dim] */
    int64_t first; /* number of the first picture */
    bool pulls;    /* answers are made to agree with a measurement */
};

/* The picture that sample `id` is an answer to, from 0 on. */
static int64_t picture_of(const duet_edit *e, int64_t id) {
    return id / e->options.answers - e->first;
}

/* Variance that a prediction leaves: of data of variance DATA under noise. */
static double error_of(duet_level level) {
    const double s2 = level.sigma * level.sigma;
    return DATA * s2 / (DATA * level.alpha * level.alpha + s2);
}

static duet_status steer(void *state, const duet_guide_point *point) {
    const duet_edit *e = state;
    for (int64_t r = 0; r < point->rows->rows; r++)
        duet_measure_pull(e->measure, e->z + picture_of(e, point->rows->id[r]) * e->dim,
                          error_of(point->level), point->x0 + r * e->dim);
    return DUET_OK;
}

static double residual(const duet_edit *e, const float *measured, const float *x) {
    double most = 0;
    duet_measure_take(e->measure, x, e->taken);
    for (int64_t i = 0; i < e->known; i++) {
        const bool hidden =
            e->measure->hidden != NULL && e->measure->hidden[i / e->measure->colours];
        if (!hidden) most = fmax(most, fabs((double)(e->taken[i] - measured[i])));
    }
    return most;
}

static duet_status finish(void *state, const duet_generator_rows *rows) {
    const duet_edit *e = state;
    for (int64_t r = 0; r < rows->rows; r++) {
        const int64_t picture = picture_of(e, rows->id[r]);
        float *const x = rows->x + r * e->dim;
        for (int round = 0; round < ROUNDS; round++) {
            duet_measure_pull(e->measure, e->z + picture * e->dim, 0.0, x);
            for (int64_t i = 0; i < e->dim; i++) x[i] = fminf(fmaxf(x[i], -1.0F), 1.0F);
            if (residual(e, e->measured + picture * e->known, x) < NEAR) break;
        }
    }
    return DUET_OK;
}

/* The picture, as far as it is known without a model. */
static duet_status begin(void *state, const duet_generator_rows *rows) {
    const duet_edit *e = state;
    for (int64_t r = 0; r < rows->rows; r++)
        DUET_TRY(duet_measure_plain(e->measure, e->measured + picture_of(e, rows->id[r]) * e->known,
                                    rows->x + r * e->dim));
    return DUET_OK;
}

/* An encoder and a decoder answer, not a denoiser. */
static bool by_codes(const duet_arch_shape *shape) {
    return duet_shape_part(shape, DUET_DENOISES) == NULL &&
           duet_shape_part(shape, DUET_ENCODES) != NULL;
}

static duet_status check(const duet_edit_options *o, const duet_model *model) {
    const int64_t classes = duet_model_conditions(model);
    if (o->answers < 1)
        return duet_fail(DUET_ARG, "%lld answers to a picture; at least 1 is needed",
                         (long long)o->answers);
    if (!(o->strength > 0.0 && o->strength <= 1.0) &&
        !(by_codes(&model->shape) && o->strength == 0.0))
        return duet_fail(DUET_ARG, "strength %g is outside of 0 to 1", o->strength);
    if (o->mask == NULL && o->operators[0] == '\0' && o->strength >= 1.0 &&
        model->shape.low_res == 0)
        return duet_fail(DUET_ARG, "nothing is to be changed: no mask, no operator, no strength "
                                   "below 1");
    if (o->jump < 0 || o->again < 0)
        return duet_fail(DUET_ARG, "%lld steps walked again %lld times is not possible",
                         (long long)o->jump, (long long)o->again);
    if (classes > 0 && o->label >= classes)
        return duet_fail(DUET_ARG, "label %lld is outside of the model's %lld classes",
                         (long long)o->label, (long long)classes);
    return DUET_OK;
}

/* The small image that the network enlarges; what it makes of it need not agree with it, unless an
 * operator says so. */
static void enlarge(void *state, const duet_generator_rows *rows, float *out) {
    const duet_edit *e = state;
    const duet_arch_shape *const shape = &e->model->shape;
    for (int64_t r = 0; r < rows->rows; r++)
        duet_low_res_enlarge(out + r * e->dim, e->measured + picture_of(e, rows->id[r]) * e->known,
                             shape->size, shape->in_channels, shape->low_res);
}

/* What is measured: of a network that enlarges images, small ones. */
static duet_status open_measure(duet_edit *e) {
    const duet_edit_options *const o = &e->options;
    const duet_arch_shape *const shape = &e->model->shape;
    char chain[DUET_TEXT_SIZE];
    memcpy(chain, o->operators, sizeof chain);
    if (shape->low_res > 0 && chain[0] == '\0' && o->mask == NULL)
        duet_format(chain, sizeof chain, "downsample:factor=%lld",
                    (long long)(shape->size / shape->low_res));
    DUET_TRY(duet_measure_new(&e->measure, chain, shape->size, shape->in_channels, o->mask));
    if (shape->low_res == 0 || (e->measure->side == shape->low_res &&
                                e->measure->colours == shape->in_channels && o->mask == NULL))
        return DUET_OK;
    return duet_fail(DUET_UNSUPPORTED,
                     "the model enlarges images of %lld x %lld; no mask and no other operators go "
                     "with it",
                     (long long)shape->low_res, (long long)shape->low_res);
}

static duet_status open(duet_edit *e) {
    const duet_edit_options *const o = &e->options;
    const duet_arch_shape *const shape = &e->model->shape;
    duet_generator_options how = {.batch = o->batch, .watch = o->watch, .watcher = o->watcher};
    memcpy(how.sampler, o->sampler[0] != '\0' ? o->sampler : DUET_EDIT_SAMPLER,
           o->sampler[0] != '\0' ? sizeof how.sampler : sizeof DUET_EDIT_SAMPLER);
    DUET_TRY(open_measure(e));
    e->dim = shape->size * shape->size * shape->in_channels;
    e->known = e->measure->side * e->measure->side * e->measure->colours;
    DUET_TRY(duet_alloc(&e->taken, e->known, sizeof *e->taken));
    DUET_TRY(duet_alloc(&e->image, e->dim, sizeof *e->image));
    e->pulls = o->mask != NULL || o->operators[0] != '\0';
    if (by_codes(shape)) return duet_gibbs_open(e->ctx, &e->gibbs, e->model, o->batch);
    DUET_TRY(duet_generator_open(e->ctx, &e->generator, e->model, &how));
    e->guide =
        (duet_guide){.state = e, .strength = o->strength, .jump = o->jump, .again = o->again};
    if (e->pulls) {
        e->guide.steer = steer;
        if (e->measure->noise <= 0.0) e->guide.finish = finish;
    }
    if (o->strength < 1.0) e->guide.begin = begin;
    if (shape->low_res > 0) e->guide.enlarge = enlarge;
    e->options.mask = NULL; /* the measure has its own */
    return duet_generator_follow(e->generator, &e->guide);
}

duet_status duet_edit_open(duet_context *ctx, duet_edit **out, duet_model *model,
                           const duet_edit_options *options) {
    duet_edit *e = NULL;
    DUET_TRY(check(options, model));
    DUET_TRY(duet_alloc(&e, 1, sizeof *e));
    *e = (duet_edit){.ctx = ctx, .model = model, .options = *options};
    const duet_status status = open(e);
    if (status == DUET_OK)
        *out = e;
    else
        duet_edit_close(e);
    return status;
}

void duet_edit_close(duet_edit *edit) {
    if (edit == NULL) return;
    duet_generator_close(edit->generator);
    duet_gibbs_close(edit->gibbs);
    duet_measure_free(edit->measure);
    duet_release(edit->taken);
    duet_release(edit->image);
    duet_release(edit->z);
    duet_release(edit);
}

void duet_edit_measured(const duet_edit *edit, int64_t *side, int64_t *colours) {
    *side = edit->measure->side;
    *colours = edit->measure->colours;
}

/* One pass of the chains: without anything to agree with, one round is enough. */
static duet_status turn_latents(duet_edit *e, const duet_generator_rows *rows) {
    const double spread = e->pulls ? 1.0 : e->options.strength;
    DUET_TRY(begin(e, rows));
    for (int64_t round = 0; round < (e->pulls ? CHAIN : 1); round++) {
        DUET_TRY(
            duet_gibbs_turn(e->gibbs, spread, rows->seed, rows->id, round, rows->rows, rows->x));
        for (int64_t r = 0; e->pulls && r < rows->rows; r++)
            duet_measure_pull(e->measure, e->z + picture_of(e, rows->id[r]) * e->dim, DECODED,
                              rows->x + r * e->dim);
    }
    return e->pulls && e->measure->noise <= 0.0 ? finish(e, rows) : DUET_OK;
}

/* By an encoder and a decoder. */
static duet_status answer_by_latents(duet_edit *e, int64_t first, int64_t count, uint8_t *pixels) {
    const int64_t all = count * e->options.answers, from = first * e->options.answers,
                  batch = duet_gibbs_batch(e->gibbs);
    duet_status status = DUET_OK;
    int64_t *id = NULL;
    float *x = NULL;
    DUET_DO(duet_alloc(&id, batch, sizeof *id));
    DUET_DO(duet_alloc(&x, batch * e->dim, sizeof *x));
    for (int64_t done = 0; done < all; done += batch) {
        const int64_t rows = all - done < batch ? all - done : batch;
        for (int64_t r = 0; r < rows; r++) id[r] = from + done + r;
        const duet_generator_rows pass = {.id = id, .rows = rows, .seed = e->options.seed, .x = x};
        DUET_DO(turn_latents(e, &pass));
        duet_float_to_pixels(pixels + done * e->dim, x, rows * e->dim);
        duet_progress_report(e->ctx, "editing", "images", (double)(done + rows), (double)all, NULL);
    }
done:
    duet_release(id);
    duet_release(x);
    return status;
}

static duet_status answer(duet_edit *e, int64_t first, int64_t count, uint8_t *pixels) {
    const int64_t all = count * e->options.answers;
    int32_t *labels = NULL;
    DUET_TRY(duet_alloc(&e->z, count * e->dim, sizeof *e->z));
    for (int64_t i = 0; i < count; i++)
        duet_measure_solve(e->measure, e->measured + i * e->known, e->z + i * e->dim);
    if (e->options.label >= 0) {
        DUET_TRY(duet_alloc(&labels, all, sizeof *labels));
        for (int64_t i = 0; i < all; i++) labels[i] = (int32_t)e->options.label;
    }
    const duet_status status = e->gibbs != NULL
                                   ? answer_by_latents(e, first, count, pixels)
                                   : duet_generator_run(e->generator, first * e->options.answers,
                                                        all, e->options.seed, labels, pixels);
    duet_release(labels);
    return status;
}

duet_status duet_edit_run(duet_edit *edit, const float *measured, int64_t first, int64_t count,
                          uint8_t *pixels) {
    edit->measured = measured;
    edit->first = first;
    const duet_status status = answer(edit, first, count, pixels);
    duet_release(edit->z);
    edit->z = NULL;
    edit->measured = NULL;
    return status;
}

/* ---- what is measured ---- */

void duet_edit_degrade(const duet_edit *edit, const uint8_t *pixels, int64_t first, int64_t count,
                       float *measured) {
    const double noise = edit->measure->noise;
    for (int64_t i = 0; i < count; i++) {
        float *const y = measured + i * edit->known;
        duet_pixels_to_float(edit->image, pixels + i * edit->dim, edit->dim);
        duet_measure_take(edit->measure, edit->image, y);
        duet_rng_normal(duet_rng_make(edit->options.seed, "measure", (uint64_t)(first + i)), 0,
                        edit->taken, edit->known);
        for (int64_t k = 0; k < edit->known; k++)
            y[k] = noise > 0.0 ? y[k] + (float)(noise * (double)edit->taken[k])
                               : roundf((y[k] + 1.0F) * 127.5F) / 127.5F - 1.0F;
    }
}

duet_status duet_edit_plain(const duet_edit *edit, const float *measured, int64_t count,
                            uint8_t *pixels) {
    for (int64_t i = 0; i < count; i++) {
        DUET_TRY(duet_measure_plain(edit->measure, measured + i * edit->known, edit->image));
        duet_float_to_pixels(pixels + i * edit->dim, edit->image, edit->dim);
    }
    return DUET_OK;
}

void duet_edit_show(const duet_edit *edit, const float *measured, int64_t count, uint8_t *pixels) {
    for (int64_t i = 0; i < count; i++) {
        duet_measure_show(edit->measure, measured + i * edit->known, edit->image);
        duet_float_to_pixels(pixels + i * edit->dim, edit->image, edit->dim);
    }
}

double duet_edit_residual(const duet_edit *edit, const float *measured, const uint8_t *pixels) {
    duet_pixels_to_float(edit->image, pixels, edit->dim);
    return 127.5 * residual(edit, measured, edit->image);
}

duet_status duet_mask_load(const char *path, const duet_preprocess *how, bool alpha, uint8_t *out) {
    duet_preprocess grey = *how;
    duet_image image = {0};
    duet_status status = DUET_OK;
    grey.channels = 1;
    DUET_DO(duet_preprocess_check(&grey));
    DUET_DO(duet_image_read(&image, path, alpha ? DUET_IMAGE_ALPHA : 1));
    DUET_CONTEXT(duet_preprocess_fit(out, &image, &grey), "cannot fit '%s'", path);
    for (int64_t i = 0; i < grey.size * grey.size; i++)
        out[i] = alpha ? out[i] < 255 : out[i] > 127;
done:
    duet_image_free(&image);
    return status;
}
