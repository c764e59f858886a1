/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_measure.c: duet measure PICTURES: metrics of pictures, whatever has made them. */
#include "cli/cli.h"

typedef struct measure_options {
    char data[CLI_PATH], metrics[DUET_TEXT_SIZE], on_bad[DUET_TEXT_SIZE];
} measure_options;

static const duet_param params[] = {
    DUET_TEXT(measure_options, data, "", NULL,
              "real images to compare with, scaled to the size of the pictures"),
    DUET_TEXT(measure_options, metrics, "damaged", NULL,
              "what to measure, joined by ',' ('duet help metric')"),
    CLI_ON_BAD_ROW(measure_options),
};

enum { BATCH = 64 };

static duet_status check(const measure_options *o) {
    const duet_status status =
        duet_metrics_check(o->metrics, DUET_METRIC_IMAGES | DUET_METRIC_REAL);
    if (status != DUET_OK || o->data[0] != '\0') return status;
    if (duet_metrics_check(o->metrics, DUET_METRIC_IMAGES) == DUET_OK) return DUET_OK;
    return cli_wrong("'%s' compares with real images; give --data DATA", o->metrics);
}

static duet_status compare(cli_state *cli, duet_metrics *metrics, const char *data,
                           const duet_source_info *info) {
    const duet_preprocess how = {.size = info->size, .channels = info->channels};
    duet_dataset *dataset = NULL;
    duet_source *real = NULL;
    duet_status status = duet_dataset_open(cli->ctx, &dataset, data);
    if (status == DUET_OK) status = duet_damage_source(cli->ctx, &real, dataset, &how);
    if (status == DUET_OK) status = duet_metrics_real(metrics, real);
    duet_source_close(real);
    duet_dataset_close(dataset);
    return status;
}

static void show(cli_state *cli, const duet_source_info *info, const duet_metric_result *result) {
    const measure_options *o = cli->options;
    const int64_t images = info->count - cli_bad_count(cli);
    cli_metrics_say(cli, result);
    cli_say(cli, " of %lld images, %lld x %lld\n", (long long)images, (long long)info->size,
            (long long)info->size);
    json_t *out =
        json_pack("{s:o,s:o,s:I,s:I,s:i,s:o}", "pictures", cli_name(cli->args[0]), "data",
                  cli_name(o->data), "images", (json_int_t)images, "size", (json_int_t)info->size,
                  "channels", info->channels, "left_out", cli_bad_json(cli));
    cli_metrics_json(result, out);
    cli_json(cli, out);
}

static duet_status run(cli_state *cli) {
    const measure_options *o = cli->options;
    duet_source *pictures = NULL;
    duet_metrics *metrics = NULL;
    duet_metric_setup setup = {.given = DUET_METRIC_IMAGES};
    duet_metric_result result;
    duet_status status = check(o);
    if (status == DUET_OK) status = cli_on_bad(cli, o->on_bad);
    if (status != DUET_OK) return status;
    const duet_loader_options options = {
        .batch = BATCH, .workers = duet_context_threads(cli->ctx), .bad = cli->bad};
    status = duet_source_open_path(cli->ctx, &pictures, cli->args[0], &options);
    if (status != DUET_OK) return status;
    const duet_source_info *info = duet_source_describe(pictures);
    setup.given |= o->data[0] != '\0' ? DUET_METRIC_REAL : 0u;
    setup.size = info->size;
    setup.channels = info->channels;
    status = duet_metrics_open(&metrics, o->metrics, &setup);
    if (status == DUET_OK && o->data[0] != '\0') status = compare(cli, metrics, o->data, info);
    if (status == DUET_OK) status = duet_metrics_measure(metrics, pictures);
    if (status == DUET_OK) status = duet_metrics_finish(metrics, &result);
    if (status == DUET_OK) show(cli, info, &result);
    duet_metrics_close(metrics);
    duet_source_close(pictures);
    return status;
}

const cli_cmd duet_cmd_measure = {
    .info = {.name = "measure",
             .help = "metrics of pictures, of 'duet sample' or other programs",
             .params = DUET_TABLE(params, measure_options)},
    .usage = "PICTURES --data DATA [options]",
    .details = "PICTURES is a folder, a zip or an npz, as 'duet sample --out' writes them, or any "
               "data set, with all its splits; DATA is a\ndata set: up to 4,000 of its training "
               "images are compared with.\n  duet sample RUN --count 500 --out x.npz\n  duet "
               "measure x.npz --data DATA",
    .min_args = 1,
    .max_args = 1,
    .missing = "no pictures; give a folder, a zip or an npz",
    .run = run,
};
