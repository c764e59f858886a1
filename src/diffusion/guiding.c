/* SPDX-License-Identifier: MIT
 * diffusion/guiding.c: guidance without a classifier, and by gradients: of a classifier's file, or
 * of linear heads on the model's own features, whose weights between two levels are mixed by log
 * (sigma / alpha). */
#include "diffusion/guiding.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include <duet/store.h>

#include "base/error.h"
#include "base/mem.h"
#include "diffusion/denoiser.h"
#include "diffusion/slope.h"

typedef struct heads { /* of a file of 'duet guide' */
    duet_slope_head how;
    int64_t levels, size; /* size: K D + K */
    double *place;        /* [levels] log sigma / alpha */
    float *all, *now;     /* [levels,size]: W, then b; [size] */
} heads;

struct duet_guiding {
    duet_guidance how;
    duet_denoiser *free; /* without classes; NULL = by a gradient */
    int32_t *none;       /* [batch] the label that was dropped */
    float *x0;           /* [batch,image] */
    int64_t image, classes;
    duet_model *classifier;
    duet_slope *slope;
    heads heads;
};

bool duet_guidance_given(const duet_guidance *guidance) {
    return guidance->from[0] != '\0' || (guidance->scale != 0.0 && guidance->scale != 1.0);
}

static bool acts(const duet_guiding *g, duet_level level) {
    return (g->how.low == 0.0 && g->how.high == 0.0) ||
           (level.t >= g->how.low && level.t <= g->how.high);
}

/* ---- without a classifier ---- */

static duet_status open_free(duet_context *ctx, duet_guiding *g, duet_model *model, int64_t batch) {
    const int64_t classes = model->shape.class_count;
    if (classes < 1)
        return duet_fail(DUET_UNSUPPORTED, "the model knows no classes; 'duet guide' makes a guide "
                                           "of its features, which --guide takes");
    if (!(model->card.drop > 0.0))
        return duet_fail(
            DUET_UNSUPPORTED,
            "the model always saw the label in training, so it cannot be compared with "
            "itself without; train with denoise:drop=0.1, or take --guide");
    g->classes = classes - 1;
    DUET_TRY(duet_denoiser_new(ctx, &g->free, model, batch));
    DUET_TRY(duet_alloc(&g->none, batch, sizeof *g->none));
    for (int64_t r = 0; r < batch; r++) g->none[r] = (int32_t)(classes - 1);
    return duet_alloc(&g->x0, batch * g->image, sizeof *g->x0);
}

duet_status duet_guiding_mix(duet_guiding *guiding, const float *x, duet_level level, int64_t rows,
                             float *x0) {
    duet_guiding *g = guiding;
    if (g->free == NULL || !acts(g, level)) return DUET_OK;
    const float scale = (float)g->how.scale;
    DUET_TRY(duet_denoiser_run(g->free, x, level, g->none, rows, &(duet_denoised){.x0 = g->x0}));
    for (int64_t i = 0; i < rows * g->image; i++) x0[i] = g->x0[i] + scale * (x0[i] - g->x0[i]);
    return DUET_OK;
}

/* ---- heads on the model's own features ---- */

static duet_status damaged(const char *path) {
    return duet_fail(DUET_FORMAT, "the guide '%s' is damaged; make it again: duet guide", path);
}

static duet_status read_card(duet_guiding *g, const char *text, const duet_model *model) {
    json_t *const root = json_loads(text, 0, NULL);
    const json_t *const hash = json_object_get(root, "model_hash");
    char own[32];
    duet_status status = DUET_OK;
    snprintf(own, sizeof own, "%016llx", (unsigned long long)duet_model_hash(model));
    g->heads.how =
        (duet_slope_head){.tap = json_integer_value(json_object_get(root, "tap")),
                          .pool = json_integer_value(json_object_get(root, "pool")),
                          .classes = (int64_t)json_array_size(json_object_get(root, "classes"))};
    if (g->heads.how.tap < 1 || g->heads.how.pool < 1 || g->heads.how.classes < 2)
        status = damaged(g->how.from);
    else if (!json_is_string(hash) || strcmp(json_string_value(hash), own) != 0)
        status = duet_fail(DUET_ARG,
                           "the guide '%s' was made for other weights (%s); make one: "
                           "duet guide",
                           g->how.from, json_is_string(hash) ? json_string_value(hash) : "none");
    json_decref(root);
    return status;
}

static bool is_shape(const duet_store_entry *e, int rank, int64_t a, int64_t b, int64_t c) {
    return e != NULL && e->shape.rank == rank && e->shape.dim[0] == a &&
           (rank < 2 || e->shape.dim[1] == b) && (rank < 3 || e->shape.dim[2] == c);
}

static duet_status read_heads(duet_guiding *g, const duet_store *store, const duet_model *model) {
    heads *h = &g->heads;
    const duet_store_entry *const t = duet_store_find(store, "t");
    const int64_t K = h->how.classes, D = duet_slope_dim(g->slope);
    int32_t *times = NULL;
    float *weight = NULL, *bias = NULL;
    duet_noise *noise = NULL;
    duet_status status = DUET_OK;
    h->levels = t != NULL && t->shape.rank == 1 ? t->shape.dim[0] : 0;
    h->size = K * D + K;
    if (h->levels < 1 || !is_shape(duet_store_find(store, "weight"), 3, h->levels, K, D) ||
        !is_shape(duet_store_find(store, "bias"), 2, h->levels, K, 0))
        return damaged(g->how.from);
    DUET_DO(duet_alloc(&times, h->levels, sizeof *times));
    DUET_DO(duet_alloc(&weight, h->levels * K * D, sizeof *weight));
    DUET_DO(duet_alloc(&bias, h->levels * K, sizeof *bias));
    DUET_DO(duet_alloc(&h->place, h->levels, sizeof *h->place));
    DUET_DO(duet_alloc(&h->all, h->levels * h->size, sizeof *h->all));
    DUET_DO(duet_alloc(&h->now, h->size, sizeof *h->now));
    DUET_DO(duet_store_read(store, "t", DUET_I32, times));
    DUET_DO(duet_store_read(store, "weight", DUET_F32, weight));
    DUET_DO(duet_store_read(store, "bias", DUET_F32, bias));
    DUET_DO(duet_noise_new(&noise, model->card.noise));
    for (int64_t l = 0; l < h->levels; l++) {
        h->place[l] = log(duet_level_ratio(duet_noise_level(noise, times[l])));
        memcpy(h->all + l * h->size, weight + l * K * D, (size_t)(K * D) * sizeof(float));
        memcpy(h->all + l * h->size + K * D, bias + l * K, (size_t)K * sizeof(float));
    }
done:
    duet_noise_free(noise);
    duet_release(times);
    duet_release(weight);
    duet_release(bias);
    return status;
}

/* Weights at a level: linear between the two that enclose it, the nearest beyond. */
static void set_heads(duet_guiding *g, duet_level level) {
    heads *h = &g->heads;
    const double at = log(duet_level_ratio(level));
    int64_t above = 0;
    while (above < h->levels && h->place[above] < at) above++;
    const int64_t low = above > 0 ? above - 1 : 0, high = above < h->levels ? above : low;
    const double part = high > low ? (at - h->place[low]) / (h->place[high] - h->place[low]) : 0.0;
    for (int64_t i = 0; i < h->size; i++)
        h->now[i] = (float)((1.0 - part) * (double)h->all[low * h->size + i] +
                            part * (double)h->all[high * h->size + i]);
    duet_slope_set(g->slope, h->now, h->now + h->size - h->how.classes);
}

/* ---- by a gradient ---- */

static duet_status open_classifier(duet_context *ctx, duet_guiding *g, const duet_model *model,
                                   int64_t batch) {
    DUET_TRY(duet_model_open(ctx, &g->classifier, g->how.from));
    const duet_arch_shape *const own = &model->shape, *const shape = &g->classifier->shape;
    const duet_arch_part *const part = duet_shape_part(shape, DUET_CLASSIFIES);
    if (part == NULL || (part->takes & DUET_BIT(NET_T)) == 0)
        return duet_fail(DUET_UNSUPPORTED,
                         "'%s' does not classify noisy images, as guidance needs it; 'duet guide' "
                         "makes a guide of a model's own features",
                         g->how.from);
    if (shape->size != own->size || shape->in_channels != own->in_channels)
        return duet_fail(DUET_SHAPE,
                         "the classifier '%s' takes images of %lld x %lld x %lld, the "
                         "model makes %lld x %lld x %lld",
                         g->how.from, (long long)shape->size, (long long)shape->size,
                         (long long)shape->in_channels, (long long)own->size, (long long)own->size,
                         (long long)own->in_channels);
    return duet_slope_open(ctx, &g->slope, g->classifier, batch, NULL);
}

static duet_status open_slope(duet_context *ctx, duet_guiding *g, duet_model *model,
                              int64_t batch) {
    duet_store *store = NULL;
    duet_status status = duet_store_open(&store, g->how.from);
    const char *const card = status == DUET_OK ? duet_store_metadata(store, DUET_GUIDE_KEY) : NULL;
    if (card == NULL) {
        duet_store_close(store);
        DUET_TRY(open_classifier(ctx, g, model, batch));
    } else {
        status = read_card(g, card, model);
        if (status == DUET_OK)
            status = duet_slope_open(ctx, &g->slope, model, batch, &g->heads.how);
        if (status == DUET_OK) status = read_heads(g, store, model);
        duet_store_close(store);
        DUET_TRY(status);
    }
    g->classes = duet_slope_classes(g->slope);
    const int64_t own = duet_model_conditions(model);
    if (own > 0 && own != g->classes)
        return duet_fail(DUET_ARG, "the guide '%s' knows %lld classes, the model %lld", g->how.from,
                         (long long)g->classes, (long long)own);
    return DUET_OK;
}

duet_status duet_guiding_steer(duet_guiding *guiding, const float *x, duet_level level,
                               const int32_t *labels, int64_t rows, float *x0) {
    duet_guiding *g = guiding;
    const float *slope = NULL;
    if (g->slope == NULL || g->how.scale == 0.0 || !acts(g, level) || !(level.alpha > 0.0))
        return DUET_OK;
    if (g->heads.levels > 0) set_heads(g, level);
    DUET_TRY(duet_slope_run(g->slope, x, level, labels, rows, &slope));
    const double by = g->how.scale * level.sigma * level.sigma / level.alpha;
    for (int64_t i = 0; i < rows * g->image; i++) x0[i] += (float)(by * (double)slope[i]);
    return DUET_OK;
}

/* ---- both ---- */

duet_status duet_guiding_open(duet_context *ctx, duet_guiding **out, duet_model *model,
                              int64_t batch, const duet_guidance *guidance) {
    duet_guiding *g = NULL;
    if (guidance->low < 0 || guidance->low > guidance->high)
        return duet_fail(DUET_ARG, "guidance from t %g to %g is not possible", guidance->low,
                         guidance->high);
    DUET_TRY(duet_alloc(&g, 1, sizeof *g));
    *g = (duet_guiding){.how = *guidance,
                        .image = model->shape.size * model->shape.size * model->shape.in_channels};
    const duet_status status = guidance->from[0] != '\0' ? open_slope(ctx, g, model, batch)
                                                         : open_free(ctx, g, model, batch);
    if (status == DUET_OK)
        *out = g;
    else
        duet_guiding_close(g);
    return status;
}

void duet_guiding_close(duet_guiding *guiding) {
    if (guiding == NULL) return;
    duet_denoiser_free(guiding->free);
    duet_slope_close(guiding->slope);
    duet_model_close(guiding->classifier);
    duet_release(guiding->none);
    duet_release(guiding->x0);
    duet_release(guiding->heads.place);
    duet_release(guiding->heads.all);
    duet_release(guiding->heads.now);
    duet_release(guiding);
}

int64_t duet_guiding_classes(const duet_guiding *guiding) {
    return guiding->classes;
}

void duet_guiding_begin(duet_guiding *guiding) {
    if (guiding->free != NULL) duet_denoiser_begin(guiding->free);
}

double duet_guiding_sum(const duet_guiding *guiding) {
    return guiding->slope != NULL ? duet_slope_sum(guiding->slope) : 0.0;
}
