/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_likelihood.c: duet likelihood MODEL --data DATA: bits per dimension of images. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

typedef struct likelihood_options {
    char data[CLI_PATH], split[DUET_TEXT_SIZE], on_bad[8], csv[CLI_PATH];
    int64_t images, levels, batch, label;
    double spread;
    bool flow;
    uint64_t seed;
} likelihood_options;

static const duet_param params[] = {
    DUET_TEXT(likelihood_options, data, "", NULL, "data set"),
    DUET_TEXT(likelihood_options, split, "", "|train|val|test",
              "which images; default: test, else val, else train"),
    DUET_INT(likelihood_options, images, "64", 1, 1e7, "how many, spread evenly over the split"),
    DUET_BOOLEAN(likelihood_options, flow, "false",
                 "also by the probability-flow equation, about six times as long"),
    DUET_INT(likelihood_options, levels, "100", 2, 100000, "levels of noise"),
    DUET_FLOAT(likelihood_options, spread, "0", 0, 2,
               "of the bytes around the last prediction; 0 = half of the least noise"),
    DUET_INT(likelihood_options, label, "-1", -1, 1000000, "class of a class-conditional model"),
    DUET_INT(likelihood_options, batch, "0", 0, 4096, "images per pass; 0 = chosen"),
    DUET_SEED(likelihood_options, seed, "0", "seed of the noise"),
    DUET_TEXT(likelihood_options, csv, "", NULL, "x.csv: a line for each image"),
    CLI_ON_BAD_ROW(likelihood_options),
};

typedef struct images {
    int64_t count, *row;
    duet_split split;
    uint8_t *pixels;
    duet_likelihood *bits;
} images;

static duet_status choose_split(const likelihood_options *o, const duet_dataset_info *info,
                                duet_split *out) {
    *out = info->count[DUET_TEST] > 0  ? DUET_TEST
           : info->count[DUET_VAL] > 0 ? DUET_VAL
                                       : DUET_TRAIN;
    const duet_status status = *o->split ? duet_split_parse(out, o->split) : DUET_OK;
    if (status != DUET_OK || info->count[*out] > 0) return status;
    return cli_fail(DUET_ARG, "data set '%s' has no images in its split '%s'; name another one",
                    info->name, duet_split_name(*out));
}

static duet_status read_images(const cli_state *cli, images *of, const duet_dataset *dataset,
                               const duet_preprocess *how) {
    const likelihood_options *o = cli->options;
    const duet_dataset_info *info = duet_dataset_describe(dataset);
    const int64_t size = how->size * how->size * how->channels;
    duet_status status = choose_split(o, info, &of->split);
    if (status != DUET_OK) return status;
    const int64_t rows = info->count[of->split], wanted = o->images < rows ? o->images : rows;
    of->row = malloc((size_t)wanted * sizeof *of->row);
    of->pixels = malloc((size_t)(wanted * size));
    of->bits = malloc((size_t)wanted * sizeof *of->bits);
    if (of->row == NULL || of->pixels == NULL || of->bits == NULL)
        return cli_fail(DUET_NO_MEMORY, "not enough memory for %lld images", (long long)wanted);
    for (int64_t i = 0; i < wanted; i++) {
        of->row[of->count] = i * rows / wanted;
        status = duet_dataset_read(dataset, of->split, of->row[of->count], how,
                                   of->pixels + of->count * size);
        if (status == DUET_OK)
            of->count++;
        else if (cli->bad == NULL)
            return status;
    }
    return of->count > 0 ? DUET_OK : status;
}

static void mean_of(const images *of, size_t field, double *mean, double *error) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < of->count; i++) {
        double value;
        memcpy(&value, (const char *)&of->bits[i] + field, sizeof value);
        sum += value;
        squares += value * value;
    }
    *mean = sum / (double)of->count;
    *error =
        of->count > 1
            ? sqrt(fmax(squares / (double)of->count - *mean * *mean, 0.0) / (double)(of->count - 1))
            : NAN;
}

static duet_status write_csv(const likelihood_options *o, const images *of) {
    FILE *const file = fopen(o->csv, "w");
    if (file == NULL) return cli_fail(DUET_IO, "cannot write '%s'", o->csv);
    fprintf(file, "row,bound,prior,noise,bytes,flow\n");
    for (int64_t i = 0; i < of->count; i++) {
        const duet_likelihood *b = &of->bits[i];
        fprintf(file, "%lld,%.6f,%.6f,%.6f,%.6f,", (long long)of->row[i], b->bound, b->prior,
                b->noise, b->bytes);
        if (isfinite(b->flow)) fprintf(file, "%.6f", b->flow);
        fprintf(file, "\n");
    }
    const bool bad = ferror(file) != 0;
    if (fclose(file) != 0 || bad) return cli_fail(DUET_IO, "cannot write '%s'", o->csv);
    return DUET_OK;
}

static duet_status show(cli_state *cli, const images *of) {
    const likelihood_options *o = cli->options;
    static const struct {
        const char *name, *text;
        size_t field;
    } part[] = {{"bound", "variational bound", offsetof(duet_likelihood, bound)},
                {"prior", "  of it prior", offsetof(duet_likelihood, prior)},
                {"noise", "  steps of noise", offsetof(duet_likelihood, noise)},
                {"bytes", "  bytes", offsetof(duet_likelihood, bytes)},
                {"flow", "by the flow", offsetof(duet_likelihood, flow)}};
    json_t *out = json_pack("{s:s,s:I,s:s,s:I,s:o}", "command", "likelihood", "images",
                            (json_int_t)of->count, "split", duet_split_name(of->split), "levels",
                            (json_int_t)o->levels, "seed", cli_seed(o->seed));
    cli_say(cli, "bits per dimension of %lld images (%s):\n", (long long)of->count,
            duet_split_name(of->split));
    for (int i = 0; i < DUET_COUNT(part); i++) {
        char key[32];
        double mean, error;
        mean_of(of, part[i].field, &mean, &error);
        json_object_set_new(out, part[i].name, cli_number(mean));
        snprintf(key, sizeof key, "%s_se", part[i].name);
        json_object_set_new(out, key, cli_number(error));
        if (isfinite(mean)) cli_say(cli, "  %-20s %8.4f ± %.4f\n", part[i].text, mean, error);
    }
    cli_json(cli, out);
    return *o->csv ? write_csv(o, of) : DUET_OK;
}

static duet_status measure(cli_state *cli, duet_model *model, const duet_dataset *dataset) {
    const likelihood_options *o = cli->options;
    const duet_likelihood_options options = {.levels = o->levels,
                                             .spread = o->spread,
                                             .flow = o->flow,
                                             .batch = o->batch,
                                             .label = o->label,
                                             .seed = o->seed};
    images of = {.count = 0};
    duet_status status = read_images(cli, &of, dataset, &duet_model_card(model)->preprocess);
    if (status == DUET_OK)
        status = duet_likelihoods(cli->ctx, of.bits, model, of.pixels, 0, of.count, &options);
    if (status == DUET_OK) status = show(cli, &of);
    free(of.row);
    free(of.pixels);
    free(of.bits);
    return status;
}

static duet_status run(cli_state *cli) {
    const likelihood_options *o = cli->options;
    if (!o->data[0]) return cli_wrong("no data set; give --data with a path, or synth");
    const duet_status status = *o->csv ? cli_check_file("--csv", o->csv, ".csv") : DUET_OK;
    return status == DUET_OK ? cli_with_data(cli, o->data, o->on_bad, measure) : status;
}

const cli_cmd duet_cmd_likelihood = {
    .info = {.name = "likelihood",
             .help = "bits per dimension of images",
             .params = DUET_TABLE(params, likelihood_options)},
    .usage = "MODEL --data DATA [options]",
    .details = "How probable images are to a model that denoises: by the variational bound, and "
               "with --flow by the probability-flow equation.\n"
               "  duet likelihood RUN --data DATA --images 200\n"
               "  duet likelihood RUN --data DATA --images 32 --flow --csv bits.csv",
    .min_args = 1,
    .max_args = 1,
    .missing = "no model; give a run folder or a model file",
    .plans = true,
    .opens = true,
    .run = run,
};
