/* SPDX-License-Identifier: MIT
 * study/find_settings.c: the settings of a study: given, else the card's, else those of a short
 * sweep; and the names of its baselines. */
#include <string.h>

#include "base/context.h"
#include "base/choice.h"
#include "base/error.h"
#include "base/str.h"
#include "study/study.h"

static bool lacks(const duet_setting *s) {
    return s->t == DUET_LEVEL_UNSET || s->tap == 0 || s->pool == 0;
}

static bool complete(const duet_settings *settings) {
    for (int i = 0; i < settings->count; i++)
        if (lacks(&settings->v[i])) return false;
    return settings->count > 0;
}

/* What is missing becomes that of `from`. */
static void fill(duet_settings *settings, const duet_setting *from) {
    if (settings->count == 0) *settings = (duet_settings){.count = 1, .v = {*from}};
    for (int i = 0; i < settings->count; i++) {
        duet_setting *s = &settings->v[i];
        if (s->t == DUET_LEVEL_UNSET) s->t = from->t;
        if (s->tap == 0) s->tap = from->tap;
        if (s->pool == 0) s->pool = from->pool;
    }
}

duet_status duet_settings_find(duet_context *ctx, duet_settings *settings, const char **from,
                               duet_model *model) {
    const duet_settings *best = &duet_model_card(model)->recommended.settings;
    DUET_TRY(duet_settings_resolve(ctx, settings, model));
    *from = complete(settings) ? "given" : best->count > 0 ? "card" : "";
    if (**from == 'c' && settings->count == 0)
        *settings = *best;
    else if (**from == 'c' && best->count > 1)
        return duet_fail(DUET_ARG,
                         "the model recommends %d settings together, which do not say what is "
                         "missing; give t, tap and pool",
                         best->count);
    else if (**from == 'c')
        fill(settings, &best->v[0]);
    DUET_TRY(duet_settings_resolve(ctx, settings, model));
    return duet_settings_check(settings, model);
}

duet_status duet_settings_guess(duet_context *ctx, duet_settings *settings, duet_model *model) {
    const duet_setting usual = {
        .t = 10, .tap = duet_model_tap_count(model) / 2 + 1, .pool = 2, .draws = 1};
    fill(settings, &usual);
    DUET_TRY(duet_settings_resolve(ctx, settings, model));
    return duet_settings_check(settings, model);
}

duet_status duet_probe_sweep(duet_context *ctx, duet_probe_options *options, duet_model *model,
                             const duet_dataset *dataset) {
    duet_sweep_options sweep = {.t = {.count = 4, .v = {1, 5, 10, 25}},
                                .pools = {.count = 3, .v = {1, 2, 4}},
                                .fit_rows = 8000,
                                .val_rows = 4000,
                                .seed = options->seed,
                                .minutes = options->minutes / 2,
                                .batch = options->batch,
                                .head = "linear",
                                .stored = options->stored,
                                .bad = options->bad};
    duet_sweep_result result = {0};
    if (duet_model_recogniser(model)) sweep.t = (duet_int_list){.count = 1, .v = {-1}};
    (void)duet_copy_text(sweep.cache, sizeof sweep.cache, options->cache);
    DUET_TRY(duet_sweep(ctx, &result, model, dataset, &sweep));
    fill(&options->settings, &result.best.setting);
    const double left = options->minutes - result.seconds / 60.0;
    if (options->minutes > 0) options->minutes = left > 1e-9 ? left : 1e-9;
    duet_sweep_result_free(&result);
    options->setting_from = "sweep";
    return duet_settings_check(&options->settings, model);
}

duet_status duet_baselines_parse(duet_baselines *out, const char *text) {
    duet_baselines list = {.count = 0};
    for (const char *at = text; at != NULL && *at != '\0';) {
        char name[DUET_TEXT_SIZE];
        if (list.count == DUET_MOST_READERS - 1)
            return duet_fail(DUET_ARG, "there are more than %d baselines", DUET_MOST_READERS - 1);
        (void)duet_spec_take(&at, name, sizeof name);
        DUET_TRY(duet_family_parse(&duet_family_reader, &list.v[list.count++], NULL, 0, name));
    }
    *out = list;
    return DUET_OK;
}
