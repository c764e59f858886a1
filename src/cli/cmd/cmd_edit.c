/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_edit.c: duet edit MODEL PICTURE...: holes filled, pictures restored, varied, led into
 * each other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/edit_pictures.h"

enum { REFINE = 4, STEPS = 100, WALKING = 8 };
#define WAY "ddim:steps=100" /* of interpolations */

static const duet_param params[] = {
    DUET_TEXT(cli_edit_options, mask, "", NULL,
              "picture as large as those that are edited: white is filled; default: what is "
              "transparent in the picture"),
    DUET_INT(cli_edit_options, outpaint, "0", 0, 4096,
             "pixels of a new border, around a picture that is so much smaller"),
    {.name = "operator", /* a word that C++ keeps for itself */
     .type = DUET_PARAM_TEXT,
     .offset = offsetof(cli_edit_options, chain),
     .size = DUET_TEXT_SIZE,
     .default_text = "",
     .help = "what the picture has been through, joined by '+': downsample:factor=4, blur, grey, "
             "noise ('duet help operator')"},
    DUET_BOOLEAN(cli_edit_options, degrade, "false",
                 "the pictures are whole: they go through --operator first, and the answers are "
                 "compared with them"),
    DUET_FLOAT(cli_edit_options, vary, "0", 0, 1,
               "variations: 0.3 near the picture, 0.8 far from it; 0 = from noise"),
    DUET_TEXT(cli_edit_options, interpolate, "", NULL,
              "picture that the first one is led into, frame by frame"),
    DUET_INT(cli_edit_options, frames, "9", 2, 256, "frames of --interpolate, the ends included"),
    DUET_INT(cli_edit_options, answers, "4", 1, 256, "answers to each picture"),
    DUET_TEXT(cli_edit_options, data, "", NULL,
              "data set whose test pictures are edited instead, as with --degrade"),
    DUET_INT(cli_edit_options, pictures, "16", 1, CLI_PICTURES, "pictures of --data"),
    DUET_TEXT(cli_edit_options, sampler, DUET_EDIT_SAMPLER, NULL,
              "NAME:key=value,… ('duet help sampler')"),
    DUET_INT(cli_edit_options, jump, "0", 0, 1000,
             "steps that --again walks once more; 0 = a tenth of them"),
    DUET_INT(
        cli_edit_options, again, "-1", -1, 100,
        "times that every --jump steps are walked again, so that what is filled in agrees with "
        "the rest (RePaint); -1 = 2 for holes, else 0"),
    DUET_SEED(cli_edit_options, seed, "0", "seed; an answer depends on it and its number only"),
    DUET_INT(cli_edit_options, label, "-1", -1, 1000000,
             "class of a class-conditional model; -1 = one after the other"),
    DUET_INT(cli_edit_options, batch, "0", 0, 4096, "images per pass; 0 = chosen"),
    DUET_BOOLEAN(cli_edit_options, convert, "false",
                 "pictures of other sizes and colours are scaled and converted"),
    DUET_TEXT(cli_edit_options, out, "", NULL,
              "the answers: x.png (a grid where there are several), x.npz, x.zip or folder/"),
    DUET_TEXT(cli_edit_options, plain, "", NULL,
              "what is had without a model, to compare with; as --out"),
    DUET_TEXT(cli_edit_options, strip, "", NULL,
              "x.png: before, what is known, without a model, answers, how far they differ"),
    DUET_TEXT(
        cli_edit_options, walk, "", NULL,
        "x.png, x.gif or x.apng: the way of the first 8 answers from noise; of --interpolate, "
        "its frames"),
};

static const char *kind_of(const cli_pictures *p) {
    return *p->o->interpolate ? "interpolation"
           : p->rebuilds      ? "reconstruction"
           : p->enlarges      ? "upsampling"
           : *p->o->chain     ? "restoration"
           : p->mask != NULL  ? "inpainting"
                              : "variation";
}

/* ---- work ---- */

/* Frames as if they were the steps of a sampler. */
static duet_status walk_frames(cli_pictures *p) {
    const int64_t index = 0;
    duet_generator_step step = {.total = p->answers, .rows = 1, .index = &index};
    if (!*p->o->walk) return DUET_OK;
    double *const x = malloc((size_t)p->dim * sizeof *x);
    duet_status status = x != NULL ? duet_walk_new(&p->walk, 1, p->how.size, p->how.channels)
                                   : cli_fail(DUET_NO_MEMORY, "not enough memory for the frames");
    for (int64_t f = 0; status == DUET_OK && f < p->answers; f++) {
        for (int64_t i = 0; i < p->dim; i++) x[i] = p->result[f * p->dim + i] / 127.5 - 1.0;
        step.done = f + 1;
        step.x = x;
        status = duet_walk_watch(&step, p->walk);
    }
    free(x);
    return status;
}

static duet_status interpolate(cli_state *cli, cli_pictures *p, duet_model *model) {
    const cli_edit_options *o = p->o;
    const char *const ends[] = {cli->args[1], o->interpolate};
    const duet_interpolate_options options = {
        .frames = o->frames, .steps = STEPS, .refine = REFINE, .label = o->label};
    duet_status status = DUET_OK;
    p->count = 1;
    p->answers = o->frames;
    p->whole = malloc((size_t)(2 * p->dim));
    p->result = malloc((size_t)(o->frames * p->dim));
    if (p->whole == NULL || p->result == NULL)
        return cli_fail(DUET_NO_MEMORY, "not enough memory for the frames");
    for (int i = 0; i < 2 && status == DUET_OK; i++) {
        status = cli_picture_check(p, ends[i], &p->how);
        if (status == DUET_OK) status = duet_image_load(ends[i], &p->how, p->whole + i * p->dim);
    }
    if (status == DUET_OK)
        status = duet_interpolate(cli->ctx, model, p->whole, &options, p->result);
    return status == DUET_OK ? walk_frames(p) : status;
}

static duet_status answer(cli_state *cli, cli_pictures *p, duet_model *model, double *residual) {
    const cli_edit_options *o = p->o;
    duet_edit_options options = {.mask = p->mask,
                                 .strength = o->vary > 0   ? o->vary
                                             : p->rebuilds ? 0
                                                           : 1,
                                 .answers = p->rebuilds ? 1 : o->answers,
                                 .jump = o->jump,
                                 .again = p->again,
                                 .batch = o->batch,
                                 .label = o->label,
                                 .seed = o->seed};
    duet_edit *edit = NULL;
    if (o->degrade && !*o->chain && !p->enlarges)
        return cli_wrong("--degrade needs --operator, which says what the pictures go through");
    snprintf(options.operators, sizeof options.operators, "%s", o->chain);
    snprintf(options.sampler, sizeof options.sampler, "%s", o->sampler);
    p->answers = options.answers;
    if (*o->walk) {
        const duet_status status = duet_walk_new(&p->walk, WALKING, p->how.size, p->how.channels);
        if (status != DUET_OK) return status;
        options.watch = duet_walk_watch;
        options.watcher = p->walk;
    }
    duet_status status = duet_edit_open(cli->ctx, &edit, model, &options);
    if (status == DUET_OK) status = cli_pictures_read(cli, p, edit);
    if (status == DUET_OK) {
        p->result = malloc((size_t)(p->count * p->answers * p->dim));
        status = p->result != NULL ? duet_edit_run(edit, p->measured, 0, p->count, p->result)
                                   : cli_fail(DUET_NO_MEMORY, "not enough memory for the answers");
    }
    for (int64_t i = 0; status == DUET_OK && i < p->count * p->answers; i++) {
        const double one = duet_edit_residual(edit, p->measured + i / p->answers * p->known,
                                              p->result + i * p->dim);
        if (one > *residual) *residual = one;
    }
    duet_edit_close(edit);
    return status;
}

/* ---- results ---- */

static json_t *describe(const cli_state *cli, const cli_pictures *p, duet_model *model,
                        double seconds, double residual) {
    const cli_edit_options *o = p->o;
    /* noise is taken off, not agreed with */
    const bool agrees =
        (p->mask != NULL || *o->chain || p->enlarges) && strstr(o->chain, "noise") == NULL;
    json_t *result =
        json_pack("{s:s,s:s,s:I,s:I,s:s,s:o,s:f,s:o,s:o,s:o}", "command", "edit", "kind",
                  kind_of(p), "pictures", (json_int_t)p->count, "answers", (json_int_t)p->answers,
                  "sampler", *o->interpolate ? WAY : o->sampler, "seed", cli_seed(o->seed),
                  "seconds", seconds, "model", cli_name(duet_model_path(model)), "model_hash",
                  json_sprintf("%016llx", (unsigned long long)duet_model_hash(model)), "from",
                  cli_name(*o->data ? o->data : cli->args[1]));
    if (*o->chain) json_object_set_new(result, "operator", json_string(o->chain));
    if (*o->mask) json_object_set_new(result, "mask", cli_name(o->mask));
    if (*o->interpolate) json_object_set_new(result, "to", cli_name(o->interpolate));
    if (o->vary > 0) json_object_set_new(result, "vary", json_real(o->vary));
    if (p->again > 0) json_object_set_new(result, "again", json_integer((json_int_t)p->again));
    if (p->again > 0) json_object_set_new(result, "jump", json_integer((json_int_t)o->jump));
    if (agrees) json_object_set_new(result, "residual", json_real(residual));
    if (!p->truth || *o->interpolate) return result;
    json_object_set_new(result, "psnr", cli_number(cli_psnr(p, p->result, p->answers)));
    json_object_set_new(result, "mean_psnr", cli_number(cli_psnr_mean(p)));
    if (!p->rebuilds)
        json_object_set_new(result, "plain_psnr", cli_number(cli_psnr(p, p->plain, 1)));
    return result;
}

static void tell(const cli_state *cli, const json_t *result) {
    const json_t *residual = json_object_get(result, "residual"),
                 *psnr = json_object_get(result, "psnr"),
                 *plain = json_object_get(result, "plain_psnr");
    if (residual != NULL)
        cli_say(cli, "off what is known by at most %.2f of 255\n", json_real_value(residual));
    if (psnr != NULL && plain != NULL)
        cli_say(cli, "PSNR %.2f dB; without a model %.2f dB\n", json_number_value(psnr),
                json_number_value(plain));
    else if (psnr != NULL)
        cli_say(cli, "PSNR %.2f dB\n", json_number_value(psnr));
    if (json_is_real(json_object_get(result, "mean_psnr")))
        cli_say(cli, "of the mean of a picture's answers %.2f dB\n",
                json_number_value(json_object_get(result, "mean_psnr")));
}

/* One answer is a picture of its own; several are a grid with a row for each picture. */
static duet_status save_answers(const cli_state *cli, const cli_pictures *p, const char *note) {
    if (!*p->o->out) return DUET_OK;
    const duet_status status =
        duet_images_save(p->result, p->count * p->answers, p->how.size, p->how.channels,
                         p->answers > 1 ? p->answers : 0, p->o->out, note);
    if (status == DUET_OK) cli_say(cli, "wrote %s\n", p->o->out);
    return status;
}

static duet_status save_step(cli_state *cli, const cli_pictures *p, duet_model *model,
                             const char *note, json_t *result) {
    char path[CLI_PATH];
    cli_step step;
    json_t *columns = NULL;
    duet_status status = cli_step_new(&step, model, cli->args[0], "edit");
    if (status != DUET_OK) return status;
    snprintf(path, sizeof path, "%.4000s/strip.png", step.folder);
    status = cli_strip_save(p, path, note, &columns);
    if (columns != NULL) json_object_set_new(result, "columns", columns);
    json_object_set_new(result, "strip", json_string("strip.png"));
    snprintf(path, sizeof path, "%.4000s/result.json", step.folder);
    if (status == DUET_OK) status = cli_result_write(&step, json_incref(result));
    if (status == DUET_OK) status = cli_step_done(cli, &step);
    if (status == DUET_OK) cli_json_file(cli, path);
    return status == DUET_OK ? DUET_OK : cli_step_drop(&step, status);
}

static duet_status save_walk(const cli_state *cli, const cli_pictures *p) {
    const cli_edit_options *o = p->o;
    if (!*o->walk) return DUET_OK;
    if (duet_walk_frames(p->walk) == 0)
        return cli_fail(DUET_UNSUPPORTED,
                        "the model goes no way from noise that --walk could show");
    const duet_status status =
        duet_walk_write(p->walk, o->walk, *o->interpolate ? "x" : "x0", NULL);
    if (status == DUET_OK) cli_say(cli, "wrote %s\n", o->walk);
    return status;
}

static duet_status save(cli_state *cli, const cli_pictures *p, duet_model *model, json_t *result) {
    const cli_edit_options *o = p->o;
    const bool files = *o->out || *o->strip || *o->plain || *o->walk;
    json_t *columns = NULL;
    char note[CLI_PATH + 256];
    snprintf(note, sizeof note, "duet edit: %s of %.4000s, model %016llx, seed %llu", kind_of(p),
             *o->data ? o->data : cli->args[1], (unsigned long long)duet_model_hash(model),
             (unsigned long long)o->seed);
    duet_status status = save_answers(cli, p, note);
    if (status == DUET_OK && *o->plain)
        status = duet_images_save(p->plain, p->count, p->how.size, p->how.channels, 0, o->plain,
                                  "without a model");
    if (status == DUET_OK && *o->strip) {
        status = cli_strip_save(p, o->strip, note, &columns);
        if (status == DUET_OK) cli_say(cli, "wrote %s\n", o->strip);
        json_decref(columns);
    }
    if (status == DUET_OK) status = save_walk(cli, p);
    if (status != DUET_OK) return status;
    if (files && !duet_run_is(cli->args[0])) {
        cli_json(cli, json_incref(result));
        return DUET_OK;
    }
    return save_step(cli, p, model, note, result);
}

/* ---- command line ---- */

static duet_status check_flags(const cli_state *cli, const cli_edit_options *o) {
    const int pictures = cli->arg_count - 1;
    if (pictures == 0 && !*o->data)
        return cli_wrong("no picture; give one or more, or --data with a data set");
    if (pictures > 0 && *o->data) return cli_wrong("pictures and --data; leave one out");
    if (*o->interpolate && (*o->mask || *o->chain || o->outpaint > 0 || o->vary > 0 || *o->data))
        return cli_wrong("--interpolate goes with no other change; leave the others out");
    if (*o->interpolate && strcmp(o->sampler, DUET_EDIT_SAMPLER) != 0)
        return cli_wrong("--interpolate goes by " WAY ", both ways; leave --sampler out");
    if (*o->interpolate && pictures > 1)
        return cli_wrong("--interpolate leads one picture into another; %d are given", pictures);
    if (*o->mask && o->outpaint > 0)
        return cli_wrong("--mask and --outpaint say both what is unknown; leave one out");
    if (*o->strip && strcmp(o->strip, o->out) == 0)
        return cli_wrong("'%s' is given twice; --strip is a file of its own", o->strip);
    if (*o->walk && (strcmp(o->walk, o->out) == 0 || strcmp(o->walk, o->strip) == 0))
        return cli_wrong("'%s' is given twice; --walk is a file of its own", o->walk);
    duet_status status = *o->out ? cli_check_out(o->out, ".png .npz .zip /") : DUET_OK;
    if (status == DUET_OK && *o->plain) status = cli_check_out(o->plain, ".png .npz .zip /");
    if (*o->plain && *o->interpolate)
        return cli_wrong("--plain goes with no --interpolate; there is no plain answer");
    if (status == DUET_OK && *o->strip) status = cli_check_file("--strip", o->strip, ".png");
    if (status == DUET_OK && *o->walk)
        status = cli_check_file("--walk", o->walk, ".png .gif .apng");
    return status;
}

static duet_status edit(cli_state *cli, cli_pictures *p, duet_model *model) {
    double residual = 0;
    const double start = duet_clock();
    duet_status status = DUET_OK;
    if (!*p->o->interpolate) status = cli_pictures_mask(cli, p);
    p->again = p->o->again >= 0 ? p->o->again : p->mask != NULL ? 2 : 0;
    p->rebuilds = duet_model_prior(model) != NULL && p->mask == NULL && !*p->o->chain &&
                  !*p->o->interpolate && p->o->vary <= 0;
    if (status == DUET_OK)
        status = *p->o->interpolate ? interpolate(cli, p, model) : answer(cli, p, model, &residual);
    if (status != DUET_OK) return status;
    json_t *result = describe(cli, p, model, duet_clock() - start, residual);
    tell(cli, result);
    status = save(cli, p, model, result);
    json_decref(result);
    return status;
}

static duet_status run(cli_state *cli) {
    const cli_edit_options *o = cli->options;
    duet_model *model = NULL;
    cli_pictures p = {.o = o};
    duet_status status = check_flags(cli, o);
    if (status == DUET_OK) status = cli_model_open(cli, &model, cli->args[0]);
    if (status == DUET_OK) {
        p.how = duet_model_card(model)->preprocess;
        p.dim = p.how.size * p.how.size * p.how.channels;
        p.enlarges = duet_model_low_res(model) > 0;
        status = edit(cli, &p, model);
    }
    cli_pictures_free(&p);
    duet_model_close(model);
    return status;
}

const cli_cmd duet_cmd_edit = {
    .info = {.name = "edit",
             .help = "fill holes, enlarge, restore and vary pictures",
             .params = DUET_TABLE(params, cli_edit_options)},
    .usage = "MODEL PICTURE... [options]   |   MODEL --data DATA [options]",
    .details =
        "Any model that denoises can, and those that encode and decode; nothing is trained. What "
        "is "
        "known of a picture\ncomes back as it was.\n"
        "  duet edit MODEL in.png --mask mask.png --out out.png          white in the mask is "
        "filled\n"
        "  duet edit MODEL small.png --operator downsample:factor=4 --out large.png\n"
        "  duet edit MODEL in.png --operator blur:sigma=2+noise:sigma=0.05 --answers 6 --strip "
        "s.png\n"
        "  duet edit MODEL in.png --vary 0.5 --answers 8 --out others.png\n"
        "  duet edit MODEL a.png --interpolate b.png --out way.png\n"
        "  duet edit VAE in.png --out again.png                          of models with codes: the "
        "picture from its code\n"
        "  duet edit UPSAMPLER small.png --out large.png                 trained with --arch "
        "adm_unet:…,small_size=8\n"
        "  duet edit MODEL --data DATA --operator grey --pictures 100    compared with the real "
        "ones",
    .min_args = 1,
    .max_args = 1 + CLI_PICTURES,
    .missing = "no model; give a run folder or a model file, then pictures",
    .plans = true,
    .opens = true,
    .run = run,
};
