/* SPDX-License-Identifier: MIT
 * feature/columns.c: settings against the model's levels and taps. Of a grid, pools larger than a
 * tap's map are left out. */
#include "feature/columns.h"

#include <math.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "model/model.h"
#include "noise/noise.h"

bool duet_same_inputs(const duet_setting *a, const duet_setting *b) {
    return a->t == b->t && a->draws == b->draws && a->flip == b->flip;
}

/* ---- sigma ---- */

static duet_status find_level(duet_context *ctx, duet_setting *setting, const duet_noise *noise) {
    const double least = duet_noise_level(noise, 0).sigma,
                 most = duet_noise_level(noise, noise->steps - 1).sigma;
    int64_t best = 0;
    for (int64_t t = 1; t < noise->steps; t++)
        if (fabs(duet_noise_level(noise, t).sigma - setting->sigma) <
            fabs(duet_noise_level(noise, best).sigma - setting->sigma))
            best = t;
    if (setting->sigma > 1.01 * most)
        return duet_fail(DUET_ARG,
                         "sigma is %g; the levels of the model's noise have %.4g (t 0) to %.4g "
                         "(t %lld)",
                         setting->sigma, least, most, (long long)noise->steps - 1);
    duet_log(ctx, DUET_LOG_INFO, "sigma %g: the nearest level is t %lld, of sigma %.4g",
             setting->sigma, (long long)best, duet_noise_level(noise, best).sigma);
    setting->t = best;
    setting->sigma = 0;
    return DUET_OK;
}

duet_status duet_settings_resolve(duet_context *ctx, duet_settings *settings,
                                  const duet_model *model) {
    duet_status status = DUET_OK;
    duet_noise *noise = NULL;
    for (int i = 0; i < settings->count && duet_model_recogniser(model); i++) {
        settings->v[i].t = -1;
        settings->v[i].sigma = 0;
    }
    for (int i = 0; i < settings->count; i++) {
        if (settings->v[i].sigma <= 0) continue;
        if (noise == NULL) DUET_DO(duet_noise_new(&noise, model->card.noise));
        DUET_DO(find_level(ctx, &settings->v[i], noise));
    }
done:
    duet_noise_free(noise);
    return status;
}

/* ---- checks ---- */

static duet_status check_level(int64_t t, const duet_model *model) {
    duet_noise *noise = NULL;
    DUET_TRY(duet_noise_new(&noise, model->card.noise));
    const int64_t steps = noise->steps;
    duet_noise_free(noise);
    if (t >= -1 && t < steps) return DUET_OK;
    return duet_fail(DUET_ARG,
                     "t is %lld; the levels of the model's noise are 0 to %lld (-1 = clean)",
                     (long long)t, (long long)steps - 1);
}

static duet_status check_tap(int64_t tap, const duet_model *model) {
    if (tap >= 1 && tap <= model->tap_count) return DUET_OK;
    return duet_fail(DUET_ARG, "no tap %lld; the model has taps 1 to %d ('duet info' lists them)",
                     (long long)tap, model->tap_count);
}

static duet_status check_pool(int64_t pool) {
    if (pool >= 1) return DUET_OK;
    return duet_fail(DUET_ARG, "pool is %lld; it must be at least 1", (long long)pool);
}

static const duet_tap_row *tap_of(const duet_model *model, int64_t block) {
    for (int a = 0; a < model->tap_count; a++)
        if (model->taps[a].block == block) return &model->taps[a];
    return NULL;
}

static duet_status check_one(const duet_setting *s, const duet_model *model) {
    if (s->t != DUET_LEVEL_UNSET) DUET_TRY(check_level(s->t, model));
    if (s->tap != 0) DUET_TRY(check_tap(s->tap, model));
    if (s->pool != 0) DUET_TRY(check_pool(s->pool));
    if (s->draws > 1 && s->t == -1)
        return duet_fail(DUET_ARG,
                         "%lld draws of the noise at t -1, where there is none; leave draws out",
                         (long long)s->draws);
    const duet_tap_row *const tap = s->tap != 0 ? tap_of(model, s->tap) : NULL;
    if (tap != NULL && s->channels > tap->channels)
        return duet_fail(DUET_ARG, "channels is %lld, but the map of tap %lld has %lld",
                         (long long)s->channels, (long long)s->tap, (long long)tap->channels);
    if (tap == NULL || (s->pool <= tap->height && s->pool <= tap->width)) return DUET_OK;
    return duet_fail(DUET_ARG, "pool %lld is larger than the map of tap %lld, which is %lld x %lld",
                     (long long)s->pool, (long long)s->tap, (long long)tap->height,
                     (long long)tap->width);
}

duet_status duet_settings_check(const duet_settings *settings, const duet_model *model) {
    for (int i = 0; i < settings->count; i++) {
        DUET_TRY(check_one(&settings->v[i], model));
        for (int k = 0; k < i; k++) {
            if (!duet_setting_equal(&settings->v[i], &settings->v[k])) continue;
            const duet_settings twice = {.count = 1, .v = {settings->v[i]}};
            char text[DUET_TEXT_SIZE];
            duet_settings_print(&twice, text, sizeof text);
            return duet_fail(DUET_ARG, "the setting '%s' is given twice", text);
        }
    }
    return DUET_OK;
}

/* ---- columns ---- */

static duet_status list_columns(duet_column **out, int64_t *count, const duet_model *model,
                                const duet_settings *settings) {
    duet_column *list = NULL;
    DUET_TRY(duet_settings_check(settings, model));
    for (int i = 0; i < settings->count; i++) {
        const duet_setting *s = &settings->v[i];
        if (s->t == DUET_LEVEL_UNSET || s->tap == 0 || s->pool == 0 || s->sigma > 0)
            return duet_fail(DUET_ARG, "a setting without %s cannot be read",
                             s->tap == 0    ? "tap"
                             : s->pool == 0 ? "pool"
                                            : "its level t");
    }
    DUET_TRY(duet_alloc(&list, settings->count, sizeof *list));
    for (int i = 0; i < settings->count; i++) {
        const duet_setting *s = &settings->v[i];
        const int64_t channels = s->channels > 0 ? s->channels : tap_of(model, s->tap)->channels;
        list[i] = (duet_column){*s, s->pool, s->pool * s->pool * channels};
        if (s->draws < 1) list[i].setting.draws = 1;
    }
    *out = list;
    *count = settings->count;
    return DUET_OK;
}

static bool wants(const duet_int_list *list, int64_t value) {
    for (int i = 0; i < list->count; i++)
        if (list->v[i] == value) return true;
    return list->count == 0;
}

static duet_status check_grid(const duet_model *model, const duet_reader_options *options) {
    if (options->times.count == 0)
        return duet_fail(DUET_ARG, "no level of noise to read at; give a setting");
    for (int i = 0; i < options->times.count; i++) {
        DUET_TRY(check_level(options->times.v[i], model));
        for (int k = 0; k < i; k++)
            if (options->times.v[k] == options->times.v[i])
                return duet_fail(DUET_ARG, "t %lld is given twice", (long long)options->times.v[i]);
    }
    for (int i = 0; i < options->taps.count; i++) DUET_TRY(check_tap(options->taps.v[i], model));
    for (int i = 0; i < options->pools.count; i++) DUET_TRY(check_pool(options->pools.v[i]));
    return DUET_OK;
}

/* Fills list, which has room for all, and returns the number of columns. */
static int64_t fill_grid(duet_column *list, const duet_model *model,
                         const duet_reader_options *options, const duet_int_list *pools) {
    int64_t n = 0;
    for (int i = 0; i < options->times.count; i++) {
        for (int a = 0; a < model->tap_count; a++) {
            const duet_tap_row *tap = &model->taps[a];
            for (int p = 0; p < pools->count && wants(&options->taps, tap->block); p++) {
                const int64_t pool = pools->v[p];
                if (pool > tap->height || pool > tap->width) continue;
                list[n].side = pool;
                list[n].dim = pool * pool * tap->channels;
                list[n++].setting = (duet_setting){
                    .t = options->times.v[i], .tap = tap->block, .pool = pool, .draws = 1};
            }
        }
    }
    return n;
}

duet_status duet_columns_new(duet_column **out, int64_t *count, const duet_model *model,
                             const duet_reader_options *options) {
    const duet_int_list one = {.count = 1, .v = {1}},
                        *pools = options->pools.count > 0 ? &options->pools : &one;
    duet_status status = DUET_OK;
    duet_column *list = NULL;
    if (options->settings.count > 0) return list_columns(out, count, model, &options->settings);
    DUET_TRY(check_grid(model, options));
    const int64_t most = (int64_t)options->times.count * model->tap_count * pools->count;
    DUET_TRY(duet_alloc(&list, most, sizeof *list));
    const int64_t n = fill_grid(list, model, options, pools);
    if (n == 0)
        DUET_FAIL(DUET_ARG,
                  "no tap fits: the model has taps 1 to %d, and the pool must not be larger than "
                  "the tap's map ('duet info')",
                  model->tap_count);
    if (n > DUET_MOST_COLUMNS)
        DUET_FAIL(DUET_ARG, "%lld columns (t x taps x pools); at most %d", (long long)n,
                  DUET_MOST_COLUMNS);
    *out = list;
    *count = n;
    list = NULL;
done:
    duet_release(list);
    return status;
}
