/* SPDX-License-Identifier: MIT
 * Denoising (Ho et al. 2020, equation 14): a level of the schedule's draw, eps ~ N(0,1), x_t =
 * alpha_t x0 + sigma_t eps, loss = mean of w(level) (F - target(x0, eps, level))^2 over the first C
 * channels of the output F. Options add to it: weights of the levels, an uncertainty that is
 * learned beside the network, the bound that trains variances, levels drawn by their loss,
 * self-conditioning (where the network takes it), labels that are dropped, features that are driven
 * apart. Row at position p of the run (counted over all epochs): t from stream "t" at p, eps from
 * stream "noise" at p under the seed of the stream "train", so that it differs from the noise that
 * readers and samplers give image p. */
#include "base/error.h"
#include "base/rng.h"
#include "train/task/denoise.h"

static const duet_param rows[] = {
    DUET_TEXT(denoise_options, weight, "none", NULL, "how much each level counts"),
    DUET_BOOLEAN(denoise_options, uncertainty, "false",
                 "weights are divided by an uncertainty of the level that is learned (EDM2)"),
    DUET_FLOAT(denoise_options, variance, "0.001", 0, 1e3,
               "weight of the bound, where the network learns variances (improved DDPM)"),
    DUET_BOOLEAN(denoise_options, importance, "false",
                 "draw levels of large loss more often (improved DDPM)"),
    DUET_FLOAT(denoise_options, drop, "0", 0, 1,
               "share of images whose class is withheld: they get the last class, which must be "
               "one more than the data has"),
    DUET_FLOAT(denoise_options, dispersion, "0", 0, 1e3,
               "weight of the term that drives features of different images apart"),
    DUET_FLOAT(denoise_options, temperature, "0.5", 1e-3, 1e3, "of that term"),
    DUET_INT(denoise_options, queue, "0", 0, 1 << 20,
             "features of earlier steps that it also compares with"),
    DUET_INT(denoise_options, tap, "0", 0, 1000, "block that it reads; 0 = the middle one"),
};

/* ---- options ---- */

/* The middle of the taps with the smallest map. */
static int64_t middle_tap(const duet_model *model) {
    int64_t least = INT64_MAX, first = 0, last = 0;
    for (int i = 0; i < model->tap_count; i++) {
        if (model->taps[i].height < least) {
            least = model->taps[i].height;
            first = i;
        }
        if (model->taps[i].height == least) last = i;
    }
    return (first + last) / 2 + 1;
}

static duet_status check_levels(const denoise_options *o, const duet_task_setup *setup) {
    const duet_noise *noise = setup->noise;
    const denoise_prepared *p = denoise_of(setup);
    if (noise->schedule->draw != NULL && (o->importance || p->variance))
        return duet_fail(DUET_ARG,
                         "the noise '%s' draws levels of its own; %s needs whole steps, as "
                         "linear and cosine have",
                         noise->schedule->info.name, o->importance ? "importance" : "variance");
    if (o->importance && setup->parts > 1)
        return duet_fail(DUET_ARG, "importance cannot be joined with 'accumulate'");
    return DUET_OK;
}

static duet_status prepare(const void *options, const duet_task_setup *setup, void *prepared) {
    const denoise_options *o = options;
    denoise_prepared *p = prepared;
    duet_task_setup own = *setup;
    own.prepared = p;
    const duet_arch_shape *shape = &setup->model->shape;
    DUET_TRY(duet_choice_parse(&p->weight, &duet_family_weight, o->weight));
    p->kind = duet_weight_of(p->weight.entry);
    p->variance = o->variance > 0.0 && shape->out_channels == 2 * shape->in_channels &&
                  setup->noise->schedule->draw == NULL;
    p->weighted = p->kind->at != NULL || o->uncertainty || o->importance;
    p->tap = o->tap > 0 ? o->tap : middle_tap(setup->model);
    if (p->tap > setup->model->tap_count)
        return duet_fail(DUET_ARG, "tap %lld does not exist; the network has %d", (long long)p->tap,
                         setup->model->tap_count);
    p->width = setup->model->taps[p->tap - 1].channels;
    duet_rng_normal(duet_rng_make(0, "fourier", 0), 0, p->frequency, DENOISE_FEATURES);
    for (int i = 0; i < DENOISE_FEATURES; i++)
        p->phase[i] = duet_rng_uniform(duet_rng_make(0, "phase", 0), (uint64_t)i);
    p->history = duet_denoise_history(o, setup->noise);
    if (o->drop > 0.0 && shape->class_count < 2)
        return duet_fail(DUET_ARG, "drop withholds classes, but the network takes none; give "
                                   "class_cond=true and one class more than the data has");
    const bool self = (shape->parts[0].takes & DUET_BIT(SELF_COND)) != 0;
    if (self && setup->batch < 2)
        return duet_fail(DUET_ARG, "self-conditioning needs at least 2 images at once");
    return check_levels(o, &own);
}

static void describe(const void *options, duet_card *card) {
    card->drop = ((const denoise_options *)options)->drop;
}

static int64_t kept(const void *options, const duet_task_setup *setup) {
    const denoise_options *o = options;
    const denoise_prepared *p = denoise_of(setup);
    return p->history + (o->dispersion > 0.0 ? o->queue * p->width : 0);
}

/* ---- graph ---- */

static duet_status build(const void *options, const duet_task_setup *setup, int program,
                         duet_graph *g, duet_task_values *to) {
    (void)program;
    const denoise_options *o = options;
    const denoise_prepared *p = denoise_of(setup);
    const int64_t B = setup->batch, side = setup->model->shape.size,
                  C = setup->model->shape.in_channels;
    denoise_pass pass;
    duet_value weight = DUET_NONE, mean = DUET_NONE;
    DUET_TRY(duet_model_check(setup->model, DUET_DENOISES));
    DUET_TRY(duet_denoise_forward(g, setup, &pass));
    const duet_value target = duet_input(g, "target", DUET_F32, 4, (int64_t[]){B, side, side, C});
    const duet_value pred = duet_denoise_image(g, setup, pass.raw);
    if (p->weighted) weight = duet_input(g, "weight", DUET_F32, 1, &B);
    if (o->uncertainty) duet_denoise_uncertainty(g, setup, &weight, &mean);
    if (weight == DUET_NONE)
        duet_mse_loss(g, pred, target, &to->loss, &to->rows);
    else
        duet_weighted_mse_loss(g, pred, target, weight, &to->loss, &to->rows);
    if (mean != DUET_NONE) to->loss = duet_add(g, to->loss, mean);
    if (p->variance) {
        const duet_value bound = duet_denoise_variance(g, setup, pass.raw, pred, target);
        to->loss =
            duet_add(g, to->loss, duet_scale(g, bound, o->variance * (double)setup->noise->steps));
    }
    if (o->dispersion > 0.0) {
        const duet_value term = duet_denoise_dispersion(g, o, setup, pass.feature, &to->extra);
        to->loss = duet_add(g, to->loss, duet_scale(g, term, o->dispersion));
    }
    return duet_graph_status(g);
}

const duet_task duet_task_denoise = {
    .info = {.name = "denoise",
             .help = "predict the noise in images, without labels",
             .params = DUET_TABLE(rows, denoise_options)},
    .needs = DUET_DENOISES,
    .programs = {{.name = "denoise"}},
    .program_count = 1,
    .columns = {"loss_q0", "loss_q1", "loss_q2", "loss_q3"}, /* quarters of the levels */
    .prepare = prepare,
    .prepared_size = sizeof(denoise_prepared),
    .describe = describe,
    .kept = kept,
    .build = build,
    .room = duet_denoise_room,
    .feed = duet_denoise_feed,
    .after = duet_denoise_after,
};
