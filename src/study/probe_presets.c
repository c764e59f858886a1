/* SPDX-License-Identifier: MIT
 * study/probe_presets.c: linear and other probes as they are done elsewhere, by name. Each is a
 * head with options and, where the source says them, levels, blocks and pools. What they all differ
 * in from their sources: features are computed once, so that nothing is augmented; the last epoch
 * of a network is the best on validation rows. Sources: the code of 2311.17921 (SGD without
 * momentum or decay, 28 epochs, rate / 10 every 7); FutureXiang/ddae (Adam, cosine, 15 epochs);
 * VISSL's linear evaluation on ImageNet-1k; lightly's benchmarks; CLIP (2103.00020, appendix A.3).
 */
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "study/study.h"

enum { BLOCKS = 37 /* of guided-diffusion's network for 256 x 256, which the papers count in */ };

#define STEPS "epochs=28,batch=128,steps=0,lr=(step:stages=4)"

static const duet_probe_preset presets[] = {
    {.name = "diffssl-linear",
     .help = "a linear layer at t 150, block 24 of 37, pool 2 (2307.08702)",
     .head = "linear_sgd:features=raw,optim=(sgd:rate=0.01,momentum=0)," STEPS,
     .settings = {.count = 1, .v = {{.t = 150, .tap = 24, .pool = 2, .draws = 1}}}},
    {.name = "diffssl-attention",
     .help = "a transformer over that block's map behind layer norm, at most 16 x 16 (2311.17921)",
     .head = "attention:width=0,heads=8,ratio=4,tokens=layer,positions=false,dropout=0,smoothing=0,"
             "optim=(sgd:rate=0.05,momentum=0)," STEPS,
     .settings = {.count = 1, .v = {{.t = 150, .tap = 24, .pool = 16, .draws = 1}}}},
    {.name = "difformer",
     .help = "one transformer over blocks 19, 24 and 30 at t 90, 150 and 300 (2311.17921)",
     .head = "fusion:width=0,heads=8,ratio=4,tokens=layer,positions=false,dropout=0,smoothing=0,"
             "optim=(sgd:rate=0.05,momentum=0)," STEPS,
     .settings = {.count = 9,
                  .v = {{.t = 90, .tap = 19, .pool = 16, .draws = 1},
                        {.t = 90, .tap = 24, .pool = 16, .draws = 1},
                        {.t = 90, .tap = 30, .pool = 16, .draws = 1},
                        {.t = 150, .tap = 19, .pool = 16, .draws = 1},
                        {.t = 150, .tap = 24, .pool = 16, .draws = 1},
                        {.t = 150, .tap = 30, .pool = 16, .draws = 1},
                        {.t = 300, .tap = 19, .pool = 16, .draws = 1},
                        {.t = 300, .tap = 24, .pool = 16, .draws = 1},
                        {.t = 300, .tap = 30, .pool = 16, .draws = 1}}}},
    {.name = "ddae",
     .help = "a linear layer by Adam at t 11, the mean of the map (2303.09769)",
     .head = "linear_sgd:features=raw,epochs=15,batch=128,"
             "optim=(adamw:rate=0.001,beta2=0.999,weight_decay=0),lr=(cosine:warmup=0,floor=0)",
     .settings = {.count = 1, .v = {{.t = 11, .pool = 1, .draws = 1}}}},
    {.name = "vissl-in1k",
     .help = "a linear layer behind standardised features, rate / 10 at epochs 8, 16 and 24 of 28",
     .head = "linear_sgd:epochs=28,batch=256,"
             "optim=(sgd:rate=0.01,momentum=0.9,nesterov=true,weight_decay=0.0005),"
             "lr=(step:at=29/57/86)",
     .settings = {.count = 1, .v = {{.t = DUET_LEVEL_UNSET, .draws = 1}}}},
    {.name = "lightly",
     .help = "a linear layer by SGD in 90 epochs, the mean of the map",
     .head = "linear_sgd:features=raw,epochs=90,batch=256,optim=(sgd:rate=0.1,momentum=0.9),"
             "lr=(cosine:warmup=0,floor=0)",
     .settings = {.count = 1, .v = {{.t = DUET_LEVEL_UNSET, .pool = 1, .draws = 1}}}},
    {.name = "clip",
     .help = "logistic regression by strengths over nine decades, the mean of the map (2103.00020)",
     .head = "linear:features=raw,iterations=1000,strengths=100/30/10/3/1/0.3/0.1/0.03/0.01/0.003/"
             "0.001/0.0003/0.0001/0.00003/0.00001/0.000003/0.000001",
     .settings = {.count = 1, .v = {{.t = DUET_LEVEL_UNSET, .pool = 1, .draws = 1}}}},
};

const duet_probe_preset *duet_probe_presets(int *count) {
    *count = DUET_COUNT(presets);
    return presets;
}

duet_status duet_probe_preset_find(const duet_probe_preset **out, const char *name) {
    duet_str names = {0};
    for (int i = 0; i < DUET_COUNT(presets); i++) {
        if (strcmp(presets[i].name, name) == 0) {
            *out = &presets[i];
            duet_str_free(&names);
            return DUET_OK;
        }
        duet_str_format(&names, "%s%s", i > 0 ? ", " : "", presets[i].name);
    }
    const duet_status status =
        duet_fail(DUET_ARG, "no preset '%s'; there are %s", name, names.text);
    duet_str_free(&names);
    return status;
}

/* The tap at the same share of the network; 0 where the preset does not say one. */
static int64_t tap_of(int64_t block, const duet_model *model) {
    const int64_t taps = duet_model_tap_count(model),
                  tap = (2 * block * taps + BLOCKS) / (2 * BLOCKS);
    return block == 0 ? 0 : tap < 1 ? 1 : tap;
}

static bool has(const duet_settings *settings, const duet_setting *one) {
    for (int i = 0; i < settings->count; i++)
        if (duet_setting_equal(&settings->v[i], one)) return true;
    return false;
}

/* The settings of the preset for this model; those that become the same stand there once. */
static void translate(const duet_probe_preset *preset, duet_settings *out,
                      const duet_model *model) {
    *out = (duet_settings){.count = 0};
    for (int i = 0; i < preset->settings.count; i++) {
        duet_setting s = preset->settings.v[i];
        s.tap = tap_of(s.tap, model);
        if (s.t >= 0 && duet_model_recogniser(model)) s.t = -1;
        if (!has(out, &s)) out->v[out->count++] = s;
    }
}

static void fit_pool(duet_setting *s, const duet_model *model) {
    if (s->tap < 1 || s->tap > duet_model_tap_count(model)) return;
    const int64_t side = duet_model_tap(model, (int)s->tap - 1)->height;
    if (s->pool > side) s->pool = side;
}

void duet_probe_preset_fill(const duet_probe_preset *preset, duet_settings *settings,
                            const duet_model *model) {
    duet_settings own;
    translate(preset, &own, model);
    const bool all = settings->count == 0;
    if (all) *settings = own;
    for (int i = 0; i < settings->count; i++) {
        duet_setting *const s = &settings->v[i];
        const bool pool_said = !all && s->pool != 0;
        if (s->t == DUET_LEVEL_UNSET && !(s->sigma > 0)) s->t = own.v[0].t;
        if (s->tap == 0) s->tap = own.v[0].tap;
        if (s->pool == 0) s->pool = own.v[0].pool;
        if (!pool_said) fit_pool(s, model);
    }
}
