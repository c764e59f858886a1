/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_sample.c: duet sample MODEL: images; sample i depends on the seed and i only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/previews.h"

enum { HELD = 256, WALKING = 4 };

typedef struct sample_options {
    char sampler[DUET_TEXT_SIZE], out[CLI_PATH], data[CLI_PATH], walk[CLI_PATH], preview[CLI_PATH];
    char format[16], walk_of[16], show[16], seeds[DUET_TEXT_SIZE];
    char guide[CLI_PATH];
    duet_int_list guidance_t;
    int64_t count, batch, label, walk_count, every, reuse, reuse_tap;
    double guidance;
    uint64_t seed;
} sample_options;

static const duet_param params[] = {
    DUET_TEXT(sample_options, sampler, DUET_DEFAULT_SAMPLER, NULL,
              "NAME:key=value,… ('duet help sampler')"),
    DUET_INT(sample_options, count, "64", 1, 1000000, "how many images"),
    DUET_SEED(sample_options, seed, "0", "seed; sample i depends on the seed and i only"),
    DUET_TEXT(sample_options, seeds, "", NULL,
              "numbers of the images instead of --count, 0-63 or 0,5,9: image k is what (seed, k) "
              "gives"),
    DUET_TEXT(
        sample_options, out, "", NULL,
        "x.png (a grid), x.npz (arr_0, u8 NHWC), x.zip (for EDM) or folder/ (PNGs, new or empty)"),
    DUET_TEXT(sample_options, format, "auto", "auto|folder|npz|zip|grid",
              "of --out, where its ending does not say; in a folder the file has a usual name"),
    DUET_INT(sample_options, batch, "0", 0, 4096, "images per pass; 0 = chosen"),
    DUET_INT(
        sample_options, reuse, "1", 1, 1000,
        "of so many evaluations only the first computes the whole network: faster, less exact"),
    DUET_INT(sample_options, reuse_tap, "0", 0, 1000,
             "block whose map the others take; 0 = the first of the full size behind the middle"),
    DUET_INT(sample_options, label, "-1", -1, 1000000,
             "class of a class-conditional model or of a guide; -1 = one after the other"),
    DUET_FLOAT(sample_options, guidance, "1", 0, 1000,
               "how strongly towards the class: 1 = as the model is, or as its guide says"),
    DUET_TEXT(sample_options, guide, "", NULL,
              "what knows the classes: a file of 'duet guide', or a classifier of noisy images"),
    DUET_INTS(sample_options, guidance_t, "", 0, 1e6,
              "lowest and highest level at which it guides: 100,800"),
    DUET_TEXT(sample_options, data, "", NULL,
              "real images to count damaged ones by; default: what the run was trained on"),
    DUET_TEXT(sample_options, walk, "", NULL,
              "x.png, x.gif or x.apng: the way of the first images from noise"),
    DUET_INT(sample_options, walk_count, "8", 1, 64, "images of --walk"),
    DUET_TEXT(sample_options, walk_of, "both", "both|x0|x",
              "shown by --walk: x0, what the model takes the image to be; x, the noisy image"),
    DUET_TEXT(sample_options, preview, "", NULL,
              "x.png, written again and again: the images of the pass that is running"),
    DUET_INT(sample_options, every, "10", 1, 1000000, "steps between previews"),
    DUET_TEXT(sample_options, show, "no", "no|auto|kitty|iterm|sixel|blocks",
              "pictures in the terminal ('duet help terminal'); auto: as it can, if it is one"),
};

/* Where the images go. */
typedef struct outputs {
    const sample_options *o;
    duet_image_sink *out; /* --out; NULL = none */
    uint8_t *grid;        /* [shown] the first images, for the run's grid; NULL = none */
    int64_t shown, bytes; /* bytes of an image */
    int64_t done;
    int32_t *labels;  /* [shown] */
    int64_t *index;   /* [shown] */
    int64_t *numbers; /* [count] of --seeds; NULL = from 0 on */
    bool step;        /* the grid goes into a folder of the run */
    cli_damage damage;
    duet_image_origin origin;
    duet_walk *walk; /* NULL = nobody wants it */
    cli_previews previews;
} outputs;

static duet_status put(outputs *to, const duet_batch *batch) {
    const int64_t rest = to->shown - to->done, kept = rest < batch->count ? rest : batch->count;
    if (to->grid != NULL && kept > 0) {
        memcpy(to->grid + to->done * to->bytes, batch->pixels, (size_t)(kept * to->bytes));
        memcpy(to->labels + to->done, batch->labels, (size_t)kept * sizeof *to->labels);
        memcpy(to->index + to->done, batch->index, (size_t)kept * sizeof *to->index);
    }
    cli_damage_add(&to->damage, batch->pixels, batch->count);
    const duet_status status =
        to->out != NULL
            ? duet_image_sink_put(to->out, batch->pixels, batch->count, batch->labels, batch->index)
            : DUET_OK;
    if (status == DUET_OK) to->done += batch->count;
    return status;
}

static duet_status watch(const duet_generator_step *step, void *user) {
    outputs *to = user;
    const duet_status status = to->walk != NULL ? duet_walk_watch(step, to->walk) : DUET_OK;
    return status == DUET_OK ? cli_previews_take(&to->previews, step) : status;
}

static duet_guidance guidance_of(const sample_options *o) {
    duet_guidance out = {.scale = o->guidance};
    snprintf(out.from, sizeof out.from, "%s", o->guide);
    if (o->guidance_t.count == 2) {
        out.low = (double)o->guidance_t.v[0];
        out.high = (double)o->guidance_t.v[1];
    }
    return out;
}

/* Only sampling counts as seconds. */
static duet_status draw(cli_state *cli, outputs *to, duet_model *model, double *seconds) {
    const sample_options *o = to->o;
    duet_sample_options options = {.count = o->count,
                                   .index = to->numbers,
                                   .seed = o->seed,
                                   .batch = o->batch,
                                   .label = o->label,
                                   .reuse = o->reuse,
                                   .reuse_tap = o->reuse_tap,
                                   .watch = watch,
                                   .watcher = to};
    duet_source *source = NULL;
    duet_batch batch = {.count = 1};
    options.guidance = guidance_of(o);
    snprintf(options.sampler, sizeof options.sampler, "%s", o->sampler);
    double start = duet_clock();
    duet_status status = duet_source_open_samples(cli->ctx, &source, model, &options);
    while (status == DUET_OK && batch.count > 0) {
        status = duet_source_next(source, &batch);
        *seconds += duet_clock() - start;
        if (status == DUET_OK) status = put(to, &batch);
        start = duet_clock();
    }
    duet_source_close(source);
    return status;
}

static const char *base_name(const char *path) {
    const char *const slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* What the images say about themselves. */
static void describe_origin(outputs *to, duet_model *model) {
    const duet_card *card = duet_model_card(model);
    to->origin = (duet_image_origin){
        .model = card->name[0] ? card->name : base_name(duet_model_path(model)),
        .model_hash = duet_model_hash(model),
        .sampler = to->o->sampler,
        .seed = to->o->seed,
        .class_names = (const char *const *)card->class_names,
        .class_count = card->class_count == duet_model_conditions(model) ? card->class_count : 0};
}

static duet_image_sink_options sink_options(const outputs *to, duet_model *model, int64_t count) {
    const duet_preprocess *how = &duet_model_card(model)->preprocess;
    return (duet_image_sink_options){.count = count,
                                     .size = how->size,
                                     .channels = how->channels,
                                     .labelled = duet_model_conditions(model) > 0 || *to->o->guide,
                                     .origin = &to->origin};
}

static duet_status hold(outputs *to) {
    to->grid = malloc((size_t)(to->shown * to->bytes));
    to->labels = malloc((size_t)to->shown * sizeof *to->labels);
    to->index = malloc((size_t)to->shown * sizeof *to->index);
    return to->grid != NULL && to->labels != NULL && to->index != NULL
               ? DUET_OK
               : cli_fail(DUET_NO_MEMORY, "not enough memory for the grid");
}

/* On stdout: not beside JSON, and of itself only where it is a terminal. */
static const char *terminal_of(const cli_state *cli, const sample_options *o) {
    if (strcmp(o->show, "no") == 0) return NULL;
    if (strcmp(o->show, "auto") != 0) return o->show;
    return isatty(STDOUT_FILENO) && !cli->common.json ? cli_terminal_kind() : NULL;
}

static duet_status open_outputs(cli_state *cli, outputs *to, duet_model *model) {
    const sample_options *o = to->o;
    const duet_preprocess *how = &duet_model_card(model)->preprocess;
    duet_status status = DUET_OK;
    to->bytes = how->size * how->size * how->channels;
    to->shown = o->count < HELD ? o->count : HELD;
    to->step = !o->out[0] || duet_run_is(cli->args[0]);
    to->previews = (cli_previews){.file = o->preview,
                                  .terminal = terminal_of(cli, o),
                                  .redraws = isatty(STDOUT_FILENO) != 0,
                                  .every = o->every,
                                  .size = how->size,
                                  .channels = how->channels};
    describe_origin(to, model);
    if (to->step || *o->walk)
        status =
            duet_walk_new(&to->walk, *o->walk ? o->walk_count : WALKING, how->size, how->channels);
    if (status == DUET_OK) status = cli_damage_open(cli, &to->damage, model, cli->args[0], o->data);
    if (status == DUET_OK && (to->step || to->previews.terminal != NULL)) status = hold(to);
    if (status != DUET_OK || !o->out[0]) return status;
    const duet_image_sink_options options = sink_options(to, model, o->count);
    return duet_image_sink_open(&to->out, o->out, &options);
}

/* Reports what an interrupted command leaves: whole images in a folder, no file otherwise. */
static duet_status stopped(const outputs *to, duet_status status) {
    const int64_t kept = to->out != NULL ? duet_image_sink_kept(to->out) : 0;
    if (status != DUET_CANCELLED || kept == 0) return status;
    return cli_fail(DUET_CANCELLED, "%lld of %lld images are in '%s', 000000.png to %06lld.png",
                    (long long)kept, (long long)to->o->count, to->o->out, (long long)kept - 1);
}

/* The grid of the images that are held. */
static duet_status save_grid(const outputs *to, duet_model *model, const char *path) {
    const duet_image_sink_options options = sink_options(to, model, to->shown);
    duet_image_sink *sink = NULL;
    duet_status status = duet_image_sink_open(&sink, path, &options);
    if (status != DUET_OK) return status;
    status = duet_image_sink_put(sink, to->grid, to->shown, to->labels, to->index);
    if (status == DUET_OK) return duet_image_sink_commit(sink);
    duet_image_sink_abort(sink);
    return status;
}

static duet_status save_step(cli_state *cli, const outputs *to, duet_model *model, json_t *result,
                             const cli_step *step) {
    char path[CLI_PATH];
    snprintf(path, sizeof path, "%.4000s/grid.png", step->folder);
    duet_status status = save_grid(to, model, path);
    if (status != DUET_OK) return status;
    cli_say(cli, "grid: %s\n", path);
    json_object_set_new(result, "grid", json_string("grid.png"));
    if (duet_walk_frames(to->walk) > 0) {
        snprintf(path, sizeof path, "%.4000s/walk.png", step->folder);
        status = duet_walk_write(to->walk, path, "both", &to->origin);
        if (status != DUET_OK) return status;
        json_object_set_new(result, "walk", json_string("walk.png"));
    }
    json_object_set_new(result, "grid_columns",
                        json_integer((json_int_t)duet_image_grid_columns(to->shown)));
    snprintf(path, sizeof path, "%.4000s/result.json", step->folder);
    status = cli_result_write(step, json_incref(result));
    if (status == DUET_OK) status = cli_step_done(cli, step);
    if (status == DUET_OK) cli_json_file(cli, path);
    return status;
}

static duet_status save_walk(const cli_state *cli, const outputs *to) {
    const sample_options *o = to->o;
    if (!*o->walk) return DUET_OK;
    const duet_status status = duet_walk_write(to->walk, o->walk, o->walk_of, &to->origin);
    if (status == DUET_OK) cli_say(cli, "wrote %s\n", o->walk);
    return status;
}

static duet_status show(outputs *to) {
    cli_previews *const p = &to->previews;
    if (p->terminal == NULL) return DUET_OK;
    cli_progress_end();
    cli_previews_clear(p);
    return cli_terminal_show(p->terminal, to->grid, to->shown, p->size, p->channels, NULL);
}

/* With --out, a model file makes nothing else; a run also keeps a grid of its own. */
static duet_status save(cli_state *cli, outputs *to, duet_model *model, json_t *result) {
    cli_step step;
    if (to->out != NULL) {
        const duet_status status = duet_image_sink_commit(to->out);
        to->out = NULL;
        if (status != DUET_OK) return status;
        cli_say(cli, "wrote %s\n", to->o->out);
    }
    duet_status status = save_walk(cli, to);
    if (status != DUET_OK) return status;
    if (!to->step) {
        cli_json(cli, json_incref(result));
        return DUET_OK;
    }
    status = cli_step_new(&step, model, cli->args[0], "sample");
    if (status != DUET_OK) return status;
    status = save_step(cli, to, model, result, &step);
    return status == DUET_OK ? DUET_OK : cli_step_drop(&step, status);
}

/* What was generated, how and from which model: the output of --json and result.json beside the
 * grid. */
static json_t *describe(const outputs *to, duet_model *model, double seconds) {
    const sample_options *o = to->o;
    json_t *result =
        json_pack("{s:s,s:s,s:I,s:o,s:f,s:o,s:o,s:o}", "command", "sample", "sampler", o->sampler,
                  "count", (json_int_t)o->count, "seed", cli_seed(o->seed), "seconds", seconds,
                  "model", cli_name(duet_model_path(model)), "model_hash",
                  json_sprintf("%016llx", (unsigned long long)duet_model_hash(model)), "out",
                  cli_name(o->out));
    if (*o->seeds) json_object_set_new(result, "seeds", json_string(o->seeds));
    if (*o->guide) json_object_set_new(result, "guide", cli_name(o->guide));
    if (*o->guide || o->guidance != 1)
        json_object_set_new(result, "guidance", json_real(o->guidance));
    if (o->label >= 0) json_object_set_new(result, "label", json_integer((json_int_t)o->label));
    if (*o->walk) json_object_set_new(result, "walk_out", cli_name(o->walk));
    cli_damage_json(&to->damage, result);
    return result;
}

static duet_status sample(cli_state *cli, outputs *to, duet_model *model) {
    double seconds = 0;
    duet_status status = open_outputs(cli, to, model);
    if (status == DUET_OK) status = draw(cli, to, model, &seconds);
    if (status != DUET_OK) return stopped(to, status);
    status = show(to);
    if (status != DUET_OK) return status;
    cli_damage_say(cli, &to->damage);
    json_t *result = describe(to, model, seconds);
    status = save(cli, to, model, result);
    json_decref(result);
    return status;
}

static duet_status check_flags(const cli_state *cli, const sample_options *o) {
    const bool explicit = strcmp(o->show, "no") != 0 && strcmp(o->show, "auto") != 0;
    if (explicit && cli->common.json)
        return cli_wrong("--show and --json both write to stdout; leave one out");
    if (*o->walk && (strcmp(o->walk, o->out) == 0 || strcmp(o->walk, o->preview) == 0))
        return cli_wrong("'%s' is given twice; --walk is a file of its own", o->walk);
    if (*o->preview && strcmp(o->preview, o->out) == 0)
        return cli_wrong("'%s' is given twice; --preview is a file of its own", o->preview);
    if (o->guidance_t.count != 0 && o->guidance_t.count != 2)
        return cli_wrong("--guidance-t takes two levels, the lowest and the highest: 100,800");
    duet_status status = DUET_OK;
    if (*o->walk) status = cli_check_file("--walk", o->walk, ".png .gif .apng");
    if (status == DUET_OK && *o->preview) status = cli_check_file("--preview", o->preview, ".png");
    return status;
}

static duet_status check_model(sample_options *o, duet_model *model) {
    const bool prior = duet_model_prior(model) != NULL;
    const char *const own = duet_model_sampler(model);
    if (own != NULL && strcmp(o->sampler, DUET_DEFAULT_SAMPLER) == 0)
        snprintf(o->sampler, sizeof o->sampler, "%s", own);
    if (prior && (*o->walk || *o->preview))
        return cli_wrong("the model draws from a prior in one step, so there is nothing for %s",
                         *o->walk ? "--walk" : "--preview");
    const duet_status status =
        cli_name_images(o->out, o->format, o->count, duet_model_card(model)->preprocess.size);
    return status == DUET_OK && o->out[0] ? cli_check_out(o->out, ".png .npz .zip /") : status;
}

static duet_status run(cli_state *cli) {
    sample_options *o = cli->options;
    duet_model *model = NULL;
    outputs to = {.o = o};
    duet_status status = check_flags(cli, o);
    if (status == DUET_OK && *o->seeds)
        status = cli_numbers("--seeds", o->seeds, &to.numbers, &o->count);
    if (status == DUET_OK && o->out[0] && strcmp(o->format, "auto") == 0)
        status = cli_check_out(o->out, ".png .npz .zip /");
    if (status == DUET_OK) status = cli_model_open(cli, &model, cli->args[0]);
    if (status == DUET_OK) status = check_model(o, model);
    if (status == DUET_OK) status = sample(cli, &to, model);
    duet_image_sink_abort(to.out);
    duet_walk_free(to.walk);
    cli_previews_free(&to.previews);
    free(to.grid);
    free(to.labels);
    free(to.index);
    free(to.numbers);
    cli_damage_free(&to.damage);
    duet_model_close(model);
    return status;
}

const cli_cmd duet_cmd_sample = {
    .info = {.name = "sample",
             .help = "generate images",
             .params = DUET_TABLE(params, sample_options)},
    .usage = "MODEL [options]",
    .details =
        "MODEL is a run folder or a model file.\n"
        "  duet sample RUN --sampler ddpm:steps=100 --count 64 --seed 1 --out x.png\n"
        "  duet sample RUN --count 50000 --out samples --format npz\n"
        "  duet sample RUN --count 8 --out x.png --walk x.gif --show auto\n"
        "Images are written as they come: memory does not grow with --count, but for a grid. "
        "Ctrl-C leaves no half file; a folder\nkeeps the images that are finished. 'duet info "
        "x.png' shows how a picture was made.",
    .min_args = 1,
    .max_args = 1,
    .missing = "no model; give a run folder or a model file",
    .plans = true,
    .opens = true,
    .run = run,
};
