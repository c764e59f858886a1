/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_eval.c: duet eval SAMPLES: metrics of pictures, whatever has made them, beside real
 * ones, by a reader that gives their features. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/eval.h"

static const duet_param params[] = {
    DUET_TEXT(eval_options, against, "", NULL,
              "real images, a data set; or statistics, x.npz with mu and sigma"),
    DUET_TEXT(eval_options, against_split, "train", NULL, "their split"),
    DUET_INT(eval_options, real, "0", 0, 1000000000, "so many of them, drawn at random; 0 = all"),
    DUET_TEXT(eval_options, split, "", NULL, "split of SAMPLES; default: all of them"),
    DUET_TEXT(eval_options, reader, "pixels", NULL,
              "what gives the features: a model file or run, best a classifier of such images"),
    DUET_TEXT(eval_options, resize, "card", "card|fit|torch|tensorflow|clean",
              "how it resizes images, if not as its card says (docs/models.md, Judges)"),
    DUET_TEXT(eval_options, setting, "", NULL,
              "of the features, as t=10,tap=9,pool=1; default: the model's own"),
    DUET_TEXT(eval_options, spatial, "", NULL, "setting of spatial features, for sfid"),
    DUET_INT(eval_options, size, "16", 1, 128, "side to which images are scaled as raw pixels"),
    DUET_TEXT(
        eval_options, metrics, "", NULL,
        "what to measure, joined by ',' ('duet help metric'); default: what suits the reader"),
    DUET_BOOLEAN(
        eval_options, bounds, "false",
        "the distance of other real images and of random bytes too: both ends of the scale"),
    DUET_TEXT(eval_options, copies, "", NULL,
              "x.png: the drawn images that are likest to training images, above these (authpct)"),
    DUET_TEXT(eval_options, save_stats, "", NULL,
              "writes mean and covariance of SAMPLES to x.npz, a new file"),
    DUET_INT(eval_options, count, "1000", 2, 10000000, "images to draw where SAMPLES is a model"),
    DUET_TEXT(eval_options, sampler, DUET_DEFAULT_SAMPLER, NULL, "by this sampler"),
    DUET_SEED(eval_options, seed, "0", "of these images, and of rows that are drawn"),
    DUET_INT(eval_options, batch, "0", 0, 4096, "images per pass; 0 = chosen"),
    CLI_ON_BAD_ROW(eval_options),
};

/* ---- what is compared, by what ---- */

static duet_status open_sides(eval *e) {
    duet_status status = cli_side_open(e->cli, &e->samples, e->cli->args[0], true);
    if (status == DUET_OK && e->o->against[0] != '\0')
        status = cli_side_open(e->cli, &e->real, e->o->against, false);
    if (status == DUET_OK) status = cli_on_bad(e->cli, e->o->on_bad);
    if (status == DUET_OK && e->cli->bad != NULL) status = duet_bad_images_new(&e->bad_real);
    if (status != DUET_OK) return status;
    e->samples.bad = e->cli->bad;
    e->real.bad = e->bad_real;
    return cli_sides_divide(e->o, &e->samples, &e->real, &e->halves);
}

static bool is_pixels(const eval_options *o) {
    return strcmp(o->reader, "pixels") == 0;
}

/* Raw pixels are scaled down, since a covariance of all of them is large and hardly known. */
static duet_status open_judge(eval *e) {
    const eval_side *first = cli_side_images(&e->samples) ? &e->samples : &e->real;
    duet_judge_options options = {.batch = e->o->batch};
    duet_preprocess small = {0};
    duet_status status = duet_settings_parse(&options.settings, e->o->setting);
    if (status == DUET_OK) status = duet_settings_parse(&options.spatial, e->o->spatial);
    snprintf(options.reader, sizeof options.reader, "model:resize=%.200s", e->o->resize);
    if (status == DUET_OK && !is_pixels(e->o)) {
        status = cli_model_open(e->cli, &e->reader, e->o->reader);
    } else if (status == DUET_OK) {
        cli_side_size(first, &small.size, &small.channels);
        if (small.size > e->o->size) small.size = e->o->size;
    }
    if (status != DUET_OK) return status;
    return duet_judge_open(e->cli->ctx, &e->judge, e->reader, e->reader == NULL ? &small : NULL,
                           &options);
}

/* Labels of the samples become outputs of the reader. That this cannot be done matters where a
 * metric that was asked for needs labels. */
static duet_status match_classes(eval *e, bool *matched) {
    const eval_side *s = &e->samples;
    const bool needed = e->o->metrics[0] != '\0' &&
                        duet_metrics_check(e->o->metrics, ~(unsigned)DUET_METRIC_LABELS) != DUET_OK;
    duet_status status = DUET_OK;
    *matched = false;
    if (duet_judge_describe(e->judge)->classes == 0) return DUET_OK;
    if (s->model != NULL) {
        const duet_card *card = duet_model_card(s->model);
        if (card->class_count == 0 || duet_model_conditions(s->model) == 0) return DUET_OK;
        status = duet_judge_match(e->judge, s->path, (const char *const *)card->class_names,
                                  card->class_count);
    } else {
        const duet_dataset_info *info = duet_dataset_describe(s->set);
        if (!info->labelled) return DUET_OK;
        status = duet_judge_match(e->judge, info->name, info->class_names, info->class_count);
    }
    *matched = status == DUET_OK;
    return needed ? status : DUET_OK;
}

static void add_metric(eval *e, const char *name) {
    const size_t used = strlen(e->list);
    snprintf(e->list + used, sizeof e->list - used, "%s%s", used > 0 ? "," : "", name);
}

static unsigned given_by(const eval *e, bool matched) {
    const duet_judge_info *info = duet_judge_describe(e->judge);
    const bool rows = cli_side_images(&e->real);
    return info->gives | (matched ? DUET_METRIC_LABELS : 0u) | (rows ? DUET_METRIC_REAL : 0u) |
           (e->real.moments.dim > 0 ? DUET_METRIC_MOMENTS : 0u);
}

static void choose_metrics(eval *e, unsigned given) {
    const bool rows = (given & DUET_METRIC_REAL) != 0;
    snprintf(e->list, sizeof e->list, "%s", e->o->metrics);
    if (e->list[0] != '\0') return;
    if (rows) add_metric(e, "damaged");
    if ((given & (DUET_METRIC_REAL | DUET_METRIC_MOMENTS)) != 0) add_metric(e, "fid");
    if (e->o->spatial[0] != '\0' && duet_metrics_check("sfid", given) == DUET_OK)
        add_metric(e, "sfid");
    if (e->reader != NULL && rows) add_metric(e, "kid,prdc,authpct");
    if ((given & DUET_METRIC_LOGITS) != 0) add_metric(e, "is");
    if ((given & DUET_METRIC_LABELS) != 0 && (given & DUET_METRIC_LOGITS) != 0)
        add_metric(e, "accuracy");
}

/* ---- too few rows ---- */

/* Covariances of no more rows than features are singular, and the distance of them is too large;
 * the kernel distance has no such bias. */
static void tell_few(eval *e, int64_t dim) {
    const int64_t n = e->samples.rows, m = e->real.rows;
    const bool samples = n > 0 && n <= dim, real = m > 0 && m <= dim;
    if (!samples && !real) return;
    snprintf(e->few, sizeof e->few,
             "the Frechet distance of %lld and %lld rows with %lld features is not to be trusted: "
             "take more than %lld rows on either side, or the kernel distance (kid)",
             (long long)n, (long long)m, (long long)dim, (long long)dim);
    cli_log(DUET_LOG_WARNING, e->few, NULL);
}

static bool has_metric(const char *list, const char *name) {
    char part[1024];
    const size_t size = strlen(name);
    snprintf(part, sizeof part, "%s", list);
    for (const char *at = part; at != NULL; at = strchr(at, ','), at = at != NULL ? at + 1 : NULL)
        if (strncmp(at, name, size) == 0 && strchr(",:", at[size]) != NULL) return true;
    return false;
}

/* Where there are few rows, the kernel distance is measured beside. */
static void add_kernel_distance(eval *e, unsigned given) {
    const int64_t n = cli_side_count(&e->samples, e->o), m = cli_side_count(&e->real, e->o),
                  dim = duet_judge_describe(e->judge)->dim;
    if (!has_metric(e->list, "fid") || has_metric(e->list, "kid")) return;
    if (n > dim && m > dim) return;
    if (duet_metrics_check("kid", given) == DUET_OK) add_metric(e, "kid");
}

/* ---- measuring ---- */

/* Statistics that say which network they are of are not compared with those of another. */
static duet_status check_reader(const eval *e, const eval_side *side) {
    const uint64_t theirs = side->moments.reader, ours = e->judge != NULL
                                                             ? duet_judge_describe(e->judge)->hash
                                                             : e->real.moments.reader;
    if (side->moments.dim == 0 || side->set != NULL || theirs == 0 || ours == 0 || theirs == ours)
        return DUET_OK;
    return cli_fail(DUET_ARG,
                    "the statistics '%s' were made by reader %016llx, and the others are of "
                    "%016llx; take the same one",
                    side->path, (unsigned long long)theirs, (unsigned long long)ours);
}

static duet_status open_features(eval *e, unsigned given) {
    const duet_judge_info *info = duet_judge_describe(e->judge);
    const duet_metric_setup setup = {.given = given,
                                     .classes = info->classes,
                                     .class_names = info->class_names,
                                     .dim = info->dim,
                                     .spatial_dim = info->spatial_dim,
                                     .threads = duet_context_threads(e->cli->ctx)};
    duet_status status = check_reader(e, &e->real);
    if (status == DUET_OK) status = duet_metrics_open(&e->features, e->of_features, &setup);
    if (status == DUET_OK && e->real.moments.dim > 0) {
        if (e->real.moments.dim == info->dim || e->real.set == NULL)
            status = duet_metrics_real_moments(e->features, &e->real.moments, &e->real.spatial);
        else
            duet_moments_free(&e->real.moments); /* of another reader; its images are read */
    }
    const bool known =
        e->real.moments.dim > 0 &&
        duet_metrics_check(e->of_features, given & ~(unsigned)DUET_METRIC_REAL) == DUET_OK;
    if (status != DUET_OK || known || e->real.set == NULL) return status;
    return cli_side_read(e->cli, &e->real, e->judge, e->features, NULL, true);
}

static duet_status open_images(eval *e) {
    duet_metric_setup setup = {.given = DUET_METRIC_IMAGES | DUET_METRIC_REAL};
    duet_source *real = NULL;
    cli_side_size(&e->samples, &setup.size, &setup.channels);
    const duet_preprocess how = {.size = setup.size, .channels = setup.channels};
    duet_status status = duet_metrics_open(&e->images, e->of_images, &setup);
    if (status == DUET_OK && e->real.set != NULL)
        status = duet_damage_source(e->cli->ctx, &real, e->real.set, &how);
    if (real != NULL && status == DUET_OK) status = duet_metrics_real(e->images, real);
    duet_source_close(real);
    return status;
}

/* One pass for both kinds of metrics, unless the reader gets the images in another size. */
static duet_status read_samples(eval *e) {
    const bool once = e->judge != NULL && cli_side_alike(&e->samples);
    duet_status status = DUET_OK;
    if (e->images != NULL && !once)
        status = cli_side_read(e->cli, &e->samples, NULL, NULL, e->images, false);
    if (status != DUET_OK || e->judge == NULL) return status;
    return cli_side_read(e->cli, &e->samples, e->judge, e->features, once ? e->images : NULL,
                         false);
}

static duet_status check_bounds(const eval *e) {
    if (!e->o->bounds || (e->real.set != NULL && has_metric(e->of_features, "fid"))) return DUET_OK;
    return cli_fail(DUET_ARG, "--bounds needs the metric 'fid' and real images, not statistics "
                              "alone; give --against DATA");
}

static duet_status measure(eval *e) {
    bool matched = false;
    duet_status status = match_classes(e, &matched);
    if (status != DUET_OK) return status;
    const unsigned given = given_by(e, matched);
    choose_metrics(e, given);
    status = duet_metrics_check(e->list, given | DUET_METRIC_IMAGES);
    if (status == DUET_OK) add_kernel_distance(e, given);
    if (status == DUET_OK)
        status =
            duet_metrics_part(e->list, DUET_METRIC_IMAGES, true, e->of_images, sizeof e->of_images);
    if (status == DUET_OK)
        status = duet_metrics_part(e->list, DUET_METRIC_IMAGES, false, e->of_features,
                                   sizeof e->of_features);
    if (e->of_features[0] == '\0') {
        duet_judge_close(e->judge);
        e->judge = NULL;
    }
    if (status == DUET_OK) status = check_bounds(e);
    if (status == DUET_OK && e->of_features[0] != '\0') status = open_features(e, given);
    if (status == DUET_OK && e->of_images[0] != '\0') status = open_images(e);
    if (status == DUET_OK) status = read_samples(e);
    if (status == DUET_OK && e->judge != NULL && has_metric(e->of_features, "fid"))
        tell_few(e, duet_judge_describe(e->judge)->dim);
    if (status == DUET_OK && e->images != NULL)
        status = duet_metrics_finish(e->images, &e->image_result);
    if (status == DUET_OK && e->features != NULL)
        status = duet_metrics_finish(e->features, &e->feature_result);
    if (status == DUET_OK && e->o->bounds) status = cli_eval_bounds(e);
    return status;
}

/* ---- statistics ---- */

static duet_status save(eval *e, duet_metrics *from, bool real) {
    duet_moments features = {.dim = 0}, spatial = {.dim = 0};
    duet_status status = duet_metrics_moments(from, DUET_METRIC_FEATURES, real, &features);
    if (status == DUET_OK && duet_judge_describe(e->judge)->spatial_dim > 0)
        status = duet_metrics_moments(from, DUET_METRIC_SPATIAL, real, &spatial);
    features.reader = duet_judge_describe(e->judge)->hash;
    if (status == DUET_OK)
        status = duet_moments_save(&features, spatial.dim > 0 ? &spatial : NULL, e->o->save_stats);
    if (status == DUET_OK) cli_say(e->cli, "wrote %s\n", e->o->save_stats);
    duet_moments_free(&features);
    duet_moments_free(&spatial);
    return status;
}

/* The rows of a side as real ones, whose mean and covariance are asked for. */
static duet_status read_moments(eval *e, eval_side *side) {
    const duet_judge_info *info = duet_judge_describe(e->judge);
    const duet_metric_setup setup = {.given = info->gives | DUET_METRIC_REAL,
                                     .dim = info->dim,
                                     .spatial_dim = info->spatial_dim};
    const duet_status status = duet_metrics_open(
        &e->features, info->spatial_dim > 0 ? "fid:bootstrap=0,sfid" : "fid:bootstrap=0", &setup);
    if (status != DUET_OK) return status;
    return cli_side_read(e->cli, side, e->judge, e->features, NULL, true);
}

/* SAMPLES are statistics: the distance of them is all that can be measured. */
static duet_status compare_statistics(eval *e) {
    duet_moments rows = {.dim = 0};
    const duet_moments *real = &e->real.moments;
    duet_status status = DUET_OK;
    if (e->o->metrics[0] != '\0' && strcmp(e->o->metrics, "fid") != 0)
        return cli_wrong("of statistics only 'fid' can be measured; give --metrics fid, or images");
    if (e->o->bounds)
        return cli_wrong(
            "--bounds draws as many images as SAMPLES are; give images, not statistics");
    if (real->dim == 0) {
        status = open_judge(e);
        if (status == DUET_OK) status = read_moments(e, &e->real);
        if (status == DUET_OK)
            status = duet_metrics_moments(e->features, DUET_METRIC_FEATURES, true, &rows);
        real = &rows;
    }
    double distance = 0;
    if (status == DUET_OK) status = check_reader(e, &e->samples);
    if (status == DUET_OK) status = duet_frechet(&distance, &e->samples.moments, real);
    if (status == DUET_OK) {
        e->distance[0] = (duet_metric_value){.metric = "fid",
                                             .name = "fid",
                                             .title = "Frechet distance",
                                             .unit = "",
                                             .better = -1,
                                             .value = distance};
        e->feature_result = (duet_metric_result){.values = e->distance, .value_count = 1};
        tell_few(e, real->dim);
    }
    duet_moments_free(&rows);
    return status;
}

/* ---- the command ---- */

static duet_status check(const eval_options *o) {
    const unsigned all = DUET_METRIC_LABELS | DUET_METRIC_LOGITS | DUET_METRIC_IMAGES |
                         DUET_METRIC_FEATURES | DUET_METRIC_SPATIAL;
    duet_status status =
        o->metrics[0] != '\0' ? duet_metrics_check(o->metrics, all | DUET_METRIC_REAL) : DUET_OK;
    if (status == DUET_OK && o->save_stats[0] != '\0')
        status = duet_moments_check_new(o->save_stats);
    if (status == DUET_OK && *o->copies) status = cli_check_file("--copies", o->copies, ".png");
    if (status != DUET_OK || o->against[0] != '\0') return status;
    if (o->metrics[0] != '\0' && duet_metrics_check(o->metrics, all) != DUET_OK)
        return cli_wrong("'%s' compares with real images; give --against DATA", o->metrics);
    if (o->metrics[0] == '\0' && o->save_stats[0] == '\0' && is_pixels(o))
        return cli_wrong("there is nothing to measure; give --against DATA, or --reader MODEL");
    return DUET_OK;
}

static duet_status evaluate(eval *e) {
    const eval_options *o = e->o;
    duet_status status = open_sides(e);
    if (status != DUET_OK) return status;
    if (!cli_side_images(&e->samples) && o->against[0] == '\0')
        return cli_wrong("'%s' holds statistics; give --against DATA to compare them with",
                         e->samples.path);
    if (!cli_side_images(&e->samples)) return compare_statistics(e);
    duet_moments_free(&e->samples.moments);             /* images say more */
    if (e->halves) duet_moments_free(&e->real.moments); /* they are of both halves */
    status = open_judge(e);
    if (status != DUET_OK) return status;
    if (o->save_stats[0] != '\0' && o->against[0] == '\0') {
        status = read_moments(e, &e->samples);
        return status == DUET_OK ? save(e, e->features, true) : status;
    }
    status = measure(e);
    if (status != DUET_OK || o->save_stats[0] == '\0') return status;
    if (e->features == NULL || !has_metric(e->of_features, "fid"))
        return cli_fail(DUET_ARG, "--save-stats needs the metric 'fid' in --metrics");
    return save(e, e->features, false);
}

static duet_status run(cli_state *cli) {
    eval *e = calloc(1, sizeof *e);
    if (e == NULL) return cli_fail(DUET_NO_MEMORY, "out of memory");
    e->cli = cli;
    e->o = cli->options;
    duet_status status = check(e->o);
    if (status == DUET_OK) status = evaluate(e);
    if (status == DUET_OK) status = cli_eval_show(e);
    duet_metrics_close(e->features);
    duet_metrics_close(e->images);
    duet_judge_close(e->judge);
    duet_model_close(e->reader);
    cli_side_close(&e->samples);
    cli_side_close(&e->real);
    duet_bad_images_free(e->bad_real);
    free(e);
    return status;
}

const cli_cmd duet_cmd_eval = {
    .info = {.name = "eval",
             .help = "metrics of images, of a model or of other programs, beside real ones",
             .params = DUET_TABLE(params, eval_options)},
    .usage = "SAMPLES --against DATA [options]",
    .details =
        "SAMPLES is a folder, a zip or an npz, as 'duet sample --out' writes them, any data set, a "
        "model, which draws --count images,\nor statistics; DATA is a data set or statistics (npz "
        "with mu and sigma). Without a reader: damaged images, and the distance of\nraw pixels. "
        "docs/eval.md says what the numbers mean.\n  duet sample RUN --count 500 --out x.npz\n"
        "  duet eval x.npz --against DATA --reader JUDGE\n"
        "  duet eval DATA --against DATA --reader JUDGE    halves of one split: what can be "
        "reached",
    .min_args = 1,
    .max_args = 1,
    .missing = "no images; give a folder, a zip, an npz or a model",
    .plans = true,
    .run = run,
};
