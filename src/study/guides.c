/* SPDX-License-Identifier: MIT
 * study/guides.c: heads at several levels of noise, for guidance (duet/guide.h); the file is read
 * by diffusion/guiding.c. */
#include <duet/guide.h>

#include <jansson.h>
#include <string.h>

#include <duet/store.h>

#include "base/context.h"
#include "base/mem.h"
#include "base/str.h"
#include "diffusion/guiding.h"
#include "head/affine.h"
#include "model/model.h"
#include "study/sweep.h"

static const double parts[] = {0.01, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8};

typedef struct guiding { /* what is gathered for the file */
    const duet_guide_options *options;
    duet_guide_result *out;
    const duet_dataset *dataset;
    duet_model *model;
    duet_sweep_views views;
    int64_t classes, dim;
    float *weight, *bias; /* [levels,classes,dim], [levels,classes] */
} guiding;

static duet_status choose(guiding *g) {
    const duet_guide_options *const o = g->options;
    const duet_recommendation *const best = &duet_model_card(g->model)->recommended;
    duet_guide_result *const out = g->out;
    duet_noise *noise = NULL;
    DUET_TRY(duet_noise_new(&noise, duet_model_card(g->model)->noise));
    const int64_t steps = noise->steps;
    duet_noise_free(noise);
    if (o->times.count > DUET_MOST_GUIDES)
        return duet_fail(DUET_ARG, "%d levels; a guide has at most %d", o->times.count,
                         DUET_MOST_GUIDES);
    out->count = o->times.count > 0 ? o->times.count : DUET_COUNT(parts);
    for (int i = 0; i < out->count; i++)
        out->t[i] = o->times.count > 0 ? o->times.v[i] : (int64_t)(parts[i] * (double)steps);
    for (int i = 0; i < out->count; i++)
        if (out->t[i] < 0 || out->t[i] >= steps || (i > 0 && out->t[i] <= out->t[i - 1]))
            return duet_fail(DUET_ARG, "the levels of a guide ascend between 0 and %lld",
                             (long long)steps - 1);
    const int middle = (duet_model_tap_count(g->model) + 1) / 2;
    out->tap = o->tap > 0 ? o->tap : best->settings.count > 0 ? best->settings.v[0].tap : middle;
    out->pool = o->pool > 0 ? o->pool : best->settings.count > 0 ? best->settings.v[0].pool : 1;
    return DUET_OK;
}

/* The head of level i, with the standardisation folded in. */
static duet_status fit(duet_context *ctx, guiding *g, duet_feature_set *set, int i) {
    const char *const spec = g->options->head[0] != '\0' ? g->options->head : "linear";
    duet_status status = DUET_OK;
    duet_feature_table train = {0}, val = {0};
    duet_head *head = NULL;
    duet_head_result result;
    DUET_DO(duet_feature_set_table(set, i, &g->views.fit, &train));
    DUET_DO(duet_feature_set_table(set, i, &g->views.val, &val));
    const duet_head_fit problem = {
        .train = &train, .val = &val, .class_count = (int)g->classes, .quick = true};
    DUET_DO(duet_head_train(ctx, &head, spec, &problem, &result));
    const char *const kind = head->kind->info.name;
    if (strcmp(kind, "linear") != 0 && strcmp(kind, "ridge") != 0)
        DUET_FAIL(DUET_ARG, "a guide has heads of the kinds linear and ridge, not %s", kind);
    const duet_affine *const affine = head->state;
    memcpy(g->weight + i * g->classes * g->dim, affine->folded,
           (size_t)(g->classes * g->dim) * sizeof(float));
    memcpy(g->bias + i * g->classes, affine->offset, (size_t)g->classes * sizeof(float));
    g->out->top1[i] = result.val_top1;
    g->out->fit_rows = train.rows;
    g->out->val_rows = val.rows;
    duet_progress_report(ctx, "heads", "levels", i + 1, g->out->count, NULL);
done:
    duet_head_free(head);
    duet_feature_table_free(&train);
    duet_feature_table_free(&val);
    return status;
}

static duet_status fit_all(duet_context *ctx, guiding *g) {
    const duet_guide_options *const o = g->options;
    duet_reader_options grid = {.noise_seed = o->seed, .batch = o->batch};
    duet_features_options how = {.stored = DUET_F32, .label = "features", .bad = o->bad};
    duet_reader *reader = NULL;
    duet_feature_set *set = NULL;
    duet_status status = DUET_OK;
    grid.times.count = g->out->count;
    for (int i = 0; i < g->out->count; i++) grid.times.v[i] = g->out->t[i];
    grid.taps = (duet_int_list){.count = 1, .v = {g->out->tap}};
    grid.pools = (duet_int_list){.count = 1, .v = {g->out->pool}};
    (void)duet_copy_text(how.cache, sizeof how.cache, o->cache);
    DUET_DO(duet_reader_open(ctx, &reader, "model", g->model, NULL, &grid));
    DUET_DO(duet_feature_set_open(ctx, &set, reader, g->dataset, &g->views.rows, &how));
    if (duet_feature_set_columns(set) != g->out->count)
        DUET_FAIL(DUET_ARG, "tap %lld has no map of %lld x %lld", (long long)g->out->tap,
                  (long long)g->out->pool, (long long)g->out->pool);
    duet_feature_set_column(set, 0, NULL, &g->dim);
    DUET_DO(duet_alloc(&g->weight, g->out->count * g->classes * g->dim, sizeof *g->weight));
    DUET_DO(duet_alloc(&g->bias, g->out->count * g->classes, sizeof *g->bias));
    for (int i = 0; i < g->out->count; i++) DUET_DO(fit(ctx, g, set, i));
done:
    duet_feature_set_close(set);
    duet_reader_close(reader);
    return status;
}

static char *card_of(const guiding *g) {
    const duet_dataset_info *const info = duet_dataset_describe(g->dataset);
    json_t *const names = json_array();
    for (int64_t k = 0; k < g->classes; k++) {
        char text[24];
        duet_format(text, sizeof text, "%lld", (long long)k);
        const char *const name = info->class_names != NULL ? info->class_names[k] : text;
        if (json_array_append_new(names, json_string(name)) != 0)
            (void)json_array_append_new(names, json_string(text)); /* not UTF-8 */
    }
    json_t *const top1 = json_array();
    for (int i = 0; i < g->out->count; i++) json_array_append_new(top1, json_real(g->out->top1[i]));
    json_t *const root =
        json_pack("{s:I,s:I,s:o,s:s,s:o,s:o}", "tap", (json_int_t)g->out->tap, "pool",
                  (json_int_t)g->out->pool, "model_hash",
                  json_sprintf("%016llx", (unsigned long long)duet_model_hash(g->model)), "data",
                  info->name, "classes", names, "top1", top1);
    char *const text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}

static duet_status write(const guiding *g, const char *path) {
    const int64_t L = g->out->count;
    int32_t t[DUET_MOST_GUIDES];
    json_malloc_t allocate = NULL;
    json_free_t release = NULL;
    char *const card = card_of(g);
    if (card == NULL) return duet_fail(DUET_FORMAT, "the name of the data set is not UTF-8");
    for (int64_t i = 0; i < L; i++) t[i] = (int32_t)g->out->t[i];
    const duet_store_item items[] = {
        {"t", DUET_I32, DUET_I32, {.rank = 1, .dim = {L}}, t},
        {"weight", DUET_F32, DUET_F32, {.rank = 3, .dim = {L, g->classes, g->dim}}, g->weight},
        {"bias", DUET_F32, DUET_F32, {.rank = 2, .dim = {L, g->classes}}, g->bias}};
    const duet_store_pair pair = {DUET_GUIDE_KEY, card};
    const duet_status status =
        duet_store_write(path, "safetensors", items, DUET_COUNT(items), &pair, 1);
    json_get_alloc_funcs(&allocate, &release);
    release(card);
    return status;
}

duet_status duet_guide_make(duet_context *ctx, duet_guide_result *out, duet_model *model,
                            const duet_dataset *dataset, const duet_guide_options *options,
                            const char *path) {
    duet_guide_result result = {0};
    guiding g = {.options = options,
                 .out = &result,
                 .dataset = dataset,
                 .model = model,
                 .classes = duet_dataset_describe(dataset)->class_count};
    duet_status status = DUET_OK;
    if (!duet_dataset_describe(dataset)->labelled || g.classes < 2)
        return duet_fail(DUET_ARG, "a guide needs a data set with classes");
    DUET_TRY(duet_model_check(model, DUET_DENOISES));
    DUET_DO(choose(&g));
    DUET_DO(duet_sweep_views_new(&g.views, dataset, options->fit_rows, options->val_rows,
                                 options->seed));
    DUET_DO(fit_all(ctx, &g));
    DUET_DO(write(&g, path));
    *out = result;
done:
    duet_sweep_views_free(&g.views);
    duet_release(g.weight);
    duet_release(g.bias);
    return status;
}
