/* SPDX-License-Identifier: MIT
 * cli/eval_sides.c: see eval.h. */
#include "cli/eval.h"

#include <stdio.h>
#include <string.h>

enum { BATCH = 64 };

void cli_side_close(eval_side *side) {
    duet_view_free(&side->view);
    duet_moments_free(&side->moments);
    duet_moments_free(&side->spatial);
    duet_dataset_close(side->set);
    duet_model_close(side->model);
}

bool cli_side_images(const eval_side *side) {
    return side->set != NULL || side->model != NULL;
}

static duet_status open_model(cli_state *cli, eval_side *out) {
    const duet_status status = cli_model_open(cli, &out->model, out->path);
    if (status != DUET_OK) return status;
    const char *why = duet_model_refusal(out->model);
    if (why != NULL) return cli_fail(DUET_ARG, "'%s' cannot draw images: %s", out->path, why);
    out->model_takes = &duet_model_card(out->model)->preprocess;
    return DUET_OK;
}

/* Whether the name says that there are weights in it. */
static bool named_as_weights(const char *path) {
    static const char *const endings[] = {".safetensors", ".pt", ".pth", ".ckpt"};
    const char *const dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof endings / sizeof *endings; i++)
        if (strcmp(dot, endings[i]) == 0) return true;
    return false;
}

/* A file is a data set, statistics, or else a model; the message is that of the data set where it
 * is nothing of these, or that of the model where it is named as weights. */
static duet_status open_any(cli_state *cli, eval_side *out, bool draws) {
    char message[1024];
    const duet_status status = duet_dataset_open(cli->ctx, &out->set, out->path);
    if (status == DUET_OK || (out->moments.dim > 0 && status != DUET_CANCELLED)) return DUET_OK;
    snprintf(message, sizeof message, "%s", duet_error_message());
    if (!draws || status == DUET_NOT_FOUND) return status;
    if (named_as_weights(out->path)) return open_model(cli, out);
    if (duet_model_open(cli->ctx, &out->model, out->path) == DUET_OK) {
        duet_model_close(out->model);
        out->model = NULL;
        return open_model(cli, out);
    }
    return cli_fail(status, "%s", message);
}

duet_status cli_side_open(cli_state *cli, eval_side *out, const char *path, bool draws) {
    *out = (eval_side){.path = path, .all = true};
    if (draws && duet_run_is(path)) return open_model(cli, out);
    if (duet_moments_is(path)) {
        const duet_status status = duet_moments_load(&out->moments, &out->spatial, path);
        if (status != DUET_OK) return status;
        out->rows = out->moments.rows;
    }
    return open_any(cli, out, draws);
}

int64_t cli_side_count(const eval_side *side, const eval_options *o) {
    if (side->model != NULL) return o->count;
    if (side->set == NULL) return side->rows;
    if (side->view.count > 0) return side->view.count;
    const duet_dataset_info *info = duet_dataset_describe(side->set);
    int64_t count = 0;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++)
        if (side->all || s == (int)side->split) count += info->count[s];
    return count;
}

void cli_side_size(const eval_side *side, int64_t *size, int *channels) {
    if (side->model != NULL) {
        *size = side->model_takes->size;
        *channels = side->model_takes->channels;
        return;
    }
    const duet_dataset_info *info = duet_dataset_describe(side->set);
    *size = info->height < info->width ? info->height : info->width;
    *channels = info->channels;
}

static duet_status check_split(const eval_side *side) {
    const duet_dataset_info *info = duet_dataset_describe(side->set);
    if (side->all || info->count[side->split] > 0) return DUET_OK;
    return cli_fail(DUET_ARG, "data set '%s' has no images in its split '%s'; name another one",
                    info->name, duet_split_name(side->split));
}

/* Some rows of the real side, drawn at random; of the same rows twice, disjoint ones. */
static duet_status choose_rows(const eval_options *o, eval_side *samples, eval_side *real,
                               bool halves) {
    duet_view all = {0};
    duet_status status = duet_view_all(&all, real->set, real->split);
    if (status != DUET_OK) return status;
    const int64_t half = all.count / 2, wanted = o->real > 0 ? o->real : all.count;
    if (halves && half < 1)
        status = cli_fail(DUET_ARG, "split '%s' of '%s' has no two images to compare",
                          duet_split_name(real->split), real->path);
    else if (halves)
        status = duet_view_divide(&samples->view, &real->view, real->set, &all, half,
                                  wanted < half ? wanted : half, o->seed);
    else if (wanted < all.count)
        status = duet_view_divide(&real->view, NULL, real->set, &all, wanted, 0, o->seed);
    duet_view_free(&all);
    return status;
}

duet_status cli_sides_divide(const eval_options *o, eval_side *samples, eval_side *real,
                             bool *halves) {
    const bool same =
        samples->set != NULL && real->set != NULL &&
        duet_dataset_describe(samples->set)->hash == duet_dataset_describe(real->set)->hash;
    duet_status status = DUET_OK;
    samples->all = o->split[0] == '\0' && !same;
    if (o->split[0] != '\0') status = duet_split_parse(&samples->split, o->split);
    if (status == DUET_OK && real->set != NULL) {
        real->all = false;
        status = duet_split_parse(&real->split, o->against_split);
        if (same && o->split[0] == '\0') samples->split = real->split;
    }
    if (status == DUET_OK && samples->set != NULL) status = check_split(samples);
    if (status == DUET_OK && real->set != NULL) status = check_split(real);
    if (status != DUET_OK || real->set == NULL) return status;
    *halves = same && samples->split == real->split;
    return choose_rows(o, samples, real, *halves);
}

/* ---- reading ---- */

/* Without a judge only the metrics of images get them. */
static duet_status read_source(duet_judge *judge, duet_source *source, const duet_judge_feed *feed,
                               int64_t *rows) {
    if (judge != NULL) return duet_judge_read(judge, source, feed, rows);
    *rows = duet_source_describe(source)->count;
    return duet_metrics_measure(feed->images, source);
}

static duet_status read_split(cli_state *cli, eval_side *side, duet_split split,
                              const duet_preprocess *how, duet_judge *judge,
                              const duet_judge_feed *feed, int64_t *rows) {
    const duet_loader_options options = {.preprocess = *how,
                                         .batch = BATCH,
                                         .workers = duet_context_threads(cli->ctx),
                                         .bad = side->bad};
    duet_view view = {0};
    duet_source *source = NULL;
    duet_status status = DUET_OK;
    if (side->view.count == 0) status = duet_view_all(&view, side->set, split);
    if (status == DUET_OK)
        status = duet_source_open_view(cli->ctx, &source, side->set,
                                       side->view.count > 0 ? &side->view : &view, &options);
    if (status == DUET_OK) status = read_source(judge, source, feed, rows);
    if (judge == NULL) *rows -= duet_bad_images_count(side->bad, split);
    duet_source_close(source);
    duet_view_free(&view);
    return status;
}

static duet_status read_set(cli_state *cli, eval_side *side, const duet_preprocess *how,
                            duet_judge *judge, duet_judge_feed *feed) {
    const duet_dataset_info *info = duet_dataset_describe(side->set);
    int last = (int)side->split;
    for (int s = 0; side->all && s < DUET_SPLIT_COUNT; s++)
        if (info->count[s] > 0) last = s;
    for (int s = 0; s < DUET_SPLIT_COUNT; s++) {
        int64_t rows = 0;
        if (side->all ? info->count[s] == 0 : s != (int)side->split) continue;
        feed->more = s != last;
        const duet_status status = read_split(cli, side, (duet_split)s, how, judge, feed, &rows);
        if (status != DUET_OK) return status;
        side->rows += rows;
        feed->first += info->count[s];
    }
    return DUET_OK;
}

static duet_status read_model(cli_state *cli, eval_side *side, duet_judge *judge,
                              const duet_judge_feed *feed) {
    const eval_options *o = cli->options;
    const char *own = duet_model_sampler(side->model);
    const bool usual = strcmp(o->sampler, DUET_DEFAULT_SAMPLER) == 0;
    duet_sample_options options = {
        .count = o->count, .seed = o->seed, .batch = o->batch, .label = -1};
    duet_source *source = NULL;
    snprintf(options.sampler, sizeof options.sampler, "%s",
             own != NULL && usual ? own : o->sampler);
    snprintf(side->sampler, sizeof side->sampler, "%s", options.sampler);
    duet_status status = duet_source_open_samples(cli->ctx, &source, side->model, &options);
    if (status == DUET_OK) status = read_source(judge, source, feed, &side->rows);
    duet_source_close(source);
    return status;
}

bool cli_side_alike(const eval_side *side) {
    if (side->model != NULL) return true;
    const duet_dataset_info *info = duet_dataset_describe(side->set);
    return !info->varied && info->height == info->width && info->height <= 4096;
}

duet_status cli_side_read(cli_state *cli, eval_side *side, duet_judge *judge,
                          duet_metrics *features, duet_metrics *images, bool real) {
    duet_judge_feed feed = {.features = features,
                            .images = images,
                            .real = real,
                            .task = real ? "real images" : "images"};
    duet_preprocess how = {0};
    side->rows = 0;
    if (side->model != NULL) return read_model(cli, side, judge, &feed);
    if (judge == NULL || cli_side_alike(side))
        cli_side_size(side, &how.size, &how.channels);
    else
        how = duet_judge_describe(judge)->preprocess;
    return read_set(cli, side, &how, judge, &feed);
}
