/* SPDX-License-Identifier: MIT
 * study/why.c: duet_why of duet/look.h. A patch is covered by what is around it, so that
 * covering plain ground changes nothing and no new edges arise. */
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "metric/metric.h"
#include "model/model.h"
#include "study/look.h"
#include "study/study.h"
#include "study/why_figure.h"

enum { PLACES = 14, MOST_IMAGES = 16, ALL = PLACES * PLACES + 1 };

typedef struct work {
    duet_context *ctx;
    const duet_preprocess *how;
    const duet_why_options *o;
    duet_reader *reader;
    const duet_head *head;
    int classes;
    int64_t patch, dim, batch;
    uint8_t *covered;      /* [batch,S,S,C] */
    float *rows, *logits;  /* [batch,D], [batch,K] */
    int64_t *noise;        /* [batch] zeros: each image is read as if it were alone */
    double chance[ALL];    /* of the predicted class: of the image, then of each place */
    duet_why_image *image; /* [count] */
    int64_t count;
    json_t *json;
} work;

/* ---- covering ---- */

typedef struct area { /* [left,right) x [top,bottom) */
    int64_t left, top, right, bottom;
} area;

static area area_of(const work *w, int64_t place) {
    const int64_t size = w->how->size, half = w->patch / 2,
                  x = (2 * (place % PLACES) + 1) * size / (2 * PLACES) - half,
                  y = (2 * (place / PLACES) + 1) * size / (2 * PLACES) - half;
    return (area){.left = x > 0 ? x : 0,
                  .top = y > 0 ? y : 0,
                  .right = x + w->patch < size ? x + w->patch : size,
                  .bottom = y + w->patch < size ? y + w->patch : size};
}

/* A pixel of the patch is the mean of the four beside the patch in its row and column, each by the
 * inverse of its distance: what goes on around it goes on in it, details are lost. Those of the
 * image are read, since the patch's own are being written. */
static void cover(const work *w, uint8_t *to, const uint8_t *from, const area *a) {
    const int64_t size = w->how->size, C = w->how->channels;
    for (int64_t y = a->top; y < a->bottom; y++)
        for (int64_t x = a->left; x < a->right; x++) {
            const int64_t near[4][3] = {{a->left - 1, y, x - a->left + 1},
                                        {a->right, y, a->right - x},
                                        {x, a->top - 1, y - a->top + 1},
                                        {x, a->bottom, a->bottom - y}};
            double sum[3] = {0}, weight = 0;
            for (int k = 0; k < 4; k++) {
                const int64_t i = near[k][0], j = near[k][1];
                if (i < 0 || j < 0 || i >= size || j >= size) continue;
                for (int64_t c = 0; c < C; c++)
                    sum[c] += from[(j * size + i) * C + c] / (double)near[k][2];
                weight += 1 / (double)near[k][2];
            }
            for (int64_t c = 0; c < C && weight > 0; c++)
                to[(y * size + x) * C + c] = (uint8_t)(sum[c] / weight + 0.5);
        }
}

/* ---- reading ---- */

/* Probabilities of items from … from + count: 0 is the image, k its place k - 1. The class is that
 * of the image itself. */
static duet_status read_part(work *w, duet_why_image *image, int64_t from, int64_t count) {
    const int64_t bytes = w->how->size * w->how->size * w->how->channels;
    for (int64_t i = 0; i < count; i++) {
        uint8_t *const to = w->covered + i * bytes;
        memcpy(to, image->pixels, (size_t)bytes);
        if (from + i == 0) continue;
        const area a = area_of(w, from + i - 1);
        cover(w, to, image->pixels, &a);
    }
    DUET_TRY(duet_reader_join(w->reader, w->covered, w->noise, count, w->rows));
    if (w->head != NULL) duet_head_logits(w->head, w->rows, count, w->logits);
    for (int64_t i = 0; i < count; i++) {
        const float *logits = (w->head != NULL ? w->logits : w->rows) + i * w->classes;
        if (from + i == 0) image->label = duet_softmax_of(logits, w->classes, 0).best;
        w->chance[from + i] = exp(-duet_softmax_of(logits, w->classes, image->label).nll);
    }
    return DUET_OK;
}

/* Of each pixel the mean fall over the patches that cover it, by how near it is to their middle. */
static duet_status spread(const work *w, duet_why_image *image) {
    const int64_t size = w->how->size;
    double *weight = NULL;
    DUET_TRY(duet_alloc(&image->fall, size * size, sizeof *image->fall));
    DUET_TRY(duet_alloc(&weight, size * size, sizeof *weight));
    for (int64_t p = 0; p < ALL - 1; p++) {
        const area a = area_of(w, p);
        const double x0 = (double)(a.left + a.right - 1) / 2,
                     y0 = (double)(a.top + a.bottom - 1) / 2, half_x = x0 - (double)a.left + 1,
                     half_y = y0 - (double)a.top + 1;
        for (int64_t y = a.top; y < a.bottom; y++)
            for (int64_t x = a.left; x < a.right; x++) {
                const double near =
                    (1 - fabs((double)x - x0) / half_x) * (1 - fabs((double)y - y0) / half_y);
                image->fall[y * size + x] += near * (w->chance[0] - w->chance[p + 1]);
                weight[y * size + x] += near;
            }
    }
    for (int64_t i = 0; i < size * size; i++)
        if (weight[i] > 0) image->fall[i] /= weight[i];
    duet_release(weight);
    return DUET_OK;
}

static void add_json(const work *w, const duet_why_image *image, const char *path) {
    json_t *const falls = json_array();
    for (int64_t p = 0; p < ALL - 1; p++)
        json_array_append_new(falls, duet_look_number(w->chance[0] - w->chance[p + 1]));
    json_array_append_new(w->json,
                          json_pack("{s:o,s:o,s:i,s:o,s:o}", "image", duet_json_name(path), "name",
                                    duet_json_name(image->name), "label", image->label,
                                    "probability", duet_look_number(w->chance[0]), "fall", falls));
}

static duet_status read_image(work *w, const char *path) {
    duet_why_image *image = &w->image[w->count];
    const int64_t bytes = w->how->size * w->how->size * w->how->channels;
    DUET_TRY(duet_alloc(&image->pixels, bytes, 1));
    w->count++;
    DUET_TRY(duet_image_load(path, w->how, image->pixels));
    for (int64_t from = 0; from < ALL; from += w->batch) {
        DUET_TRY(duet_check_cancelled(w->ctx));
        DUET_TRY(read_part(w, image, from, ALL - from < w->batch ? ALL - from : w->batch));
        duet_progress_report(w->ctx, "covered images", "images",
                             (double)(w->count - 1) * ALL + (double)from,
                             (double)w->o->path_count * ALL, NULL);
    }
    image->chance = w->chance[0];
    if (image->label < w->o->class_count)
        (void)duet_copy_text(image->name, sizeof image->name, w->o->class_names[image->label]);
    else
        duet_format(image->name, sizeof image->name, "class %d", image->label);
    add_json(w, image, path);
    return spread(w, image);
}

/* An image that cannot be read is what duet_classify has already told. */
static duet_status read_all(work *w) {
    for (int64_t i = 0; i < w->o->path_count; i++) {
        const duet_status status = read_image(w, w->o->paths[i]);
        if (status == DUET_OK) continue;
        if (duet_error_cause() != DUET_CAUSE_BAD_IMAGE) return status;
        duet_release(w->image[--w->count].pixels);
        w->image[w->count] = (duet_why_image){.label = 0};
    }
    return w->count > 0 ? DUET_OK : duet_fail(DUET_FORMAT, "none of the images can be read");
}

static duet_status open_reader(work *w, duet_model *model, const duet_head_card *card) {
    w->classes = w->head != NULL ? duet_head_classes(w->head) : (int)duet_model_logits(model);
    DUET_TRY(duet_classifier_open(w->ctx, &w->reader, model, w->head, card, ALL));
    w->dim = duet_reader_dim(w->reader);
    w->batch = duet_reader_batch(w->reader);
    const int64_t bytes = w->how->size * w->how->size * w->how->channels;
    DUET_TRY(duet_alloc(&w->covered, w->batch * bytes, 1));
    DUET_TRY(duet_alloc(&w->rows, w->batch * w->dim, sizeof *w->rows));
    DUET_TRY(duet_alloc(&w->logits, w->batch * w->classes, sizeof *w->logits));
    DUET_TRY(duet_alloc(&w->noise, w->batch, sizeof *w->noise));
    return duet_alloc(&w->image, w->o->path_count, sizeof *w->image);
}

static duet_status check(work *w) {
    const int64_t size = w->how->size;
    if (w->o->path_count < 1 || w->o->path_count > MOST_IMAGES)
        return duet_fail(DUET_ARG, "%lld images to explain; it takes 1 to %d",
                         (long long)w->o->path_count, MOST_IMAGES);
    if (w->o->patch < 0 || w->o->patch > size)
        return duet_fail(DUET_ARG, "a patch of %lld pixels; the network's images have %lld",
                         (long long)w->o->patch, (long long)size);
    w->patch = w->o->patch > 0 ? w->o->patch : size / 4 > 0 ? size / 4 : 1;
    return DUET_OK;
}

duet_status duet_why(duet_context *ctx, duet_look **out, duet_model *model, duet_head *head,
                     const duet_head_card *card, const duet_why_options *options) {
    duet_status status = DUET_OK;
    work w = {.ctx = ctx,
              .how = &duet_model_card(model)->preprocess,
              .o = options,
              .head = head,
              .json = json_array()};
    duet_figure *figure = NULL;
    DUET_DO(check(&w));
    DUET_DO(open_reader(&w, model, card));
    DUET_DO(read_all(&w));
    DUET_DO(duet_why_figure(&figure, w.image, w.count, w.how));
    DUET_DO(duet_look_new(out,
                          json_pack("{s:I,s:i,s:O}", "patch", (json_int_t)w.patch, "places", PLACES,
                                    "images", w.json),
                          figure));
done:
    for (int64_t i = 0; i < w.count; i++) {
        duet_release(w.image[i].pixels);
        duet_release(w.image[i].fall);
    }
    duet_release(w.image);
    duet_release(w.covered);
    duet_release(w.rows);
    duet_release(w.logits);
    duet_release(w.noise);
    duet_reader_close(w.reader);
    json_decref(w.json);
    return status;
}
