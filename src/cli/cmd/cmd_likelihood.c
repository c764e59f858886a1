/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_likelihood.c: duet likelihood MODEL --data DATA: bits per dimension of images. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/spread.h"

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
    cli_spread of;
    duet_likelihood *bits; /* [of.count] */
} images;

static void mean_of(const images *of, size_t field, double *mean, double *error) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < of->of.count; i++) {
        double value;
        memcpy(&value, (const char *)&of->bits[i] + field, sizeof value);
        sum += value;
        squares += value * value;
    }
    *mean = sum / (double)of->of.count;
    *error = of->of.count > 1 ? sqrt(fmax(squares / (double)of->of.count - *mean * *mean, 0.0) /
                                     (double)(of->of.count - 1))
                              : NAN;
}

static duet_status write_csv(const likelihood_options *o, const images *of) {
    FILE *const file = fopen(o->csv, "w");
    if (file == NULL) return cli_fail(DUET_IO, "cannot write '%s'", o->csv);
    fprintf(file, "row,bound,prior,noise,bytes,flow\n");
    for (int64_t i = 0; i < of->of.count; i++) {
        const duet_likelihood *b = &of->bits[i];
        fprintf(file, "%lld,%.6f,%.6f,%.6f,%.6f,", (long long)of->of.row[i], b->bound, b->prior,
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
                            (json_int_t)of->of.count, "split", duet_split_name(of->of.split),
                            "levels", (json_int_t)o->levels, "seed", cli_seed(o->seed));
    cli_say(cli, "bits per dimension of %lld images (%s):\n", (long long)of->of.count,
            duet_split_name(of->of.split));
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
    images all = {.bits = NULL};
    duet_status status = cli_spread_read(cli, &all.of, dataset, o->split, o->images,
                                         &duet_model_card(model)->preprocess);
    if (status == DUET_OK) {
        all.bits = malloc((size_t)all.of.count * sizeof *all.bits);
        status = all.bits != NULL
                     ? duet_likelihoods(cli->ctx, all.bits, model, all.of.pixels, 0, all.of.count,
                                        &options)
                     : cli_fail(DUET_NO_MEMORY, "not enough memory for the likelihoods");
    }
    if (status == DUET_OK) status = show(cli, &all);
    cli_spread_free(&all.of);
    free(all.bits);
    return status;
}

static duet_status run(cli_state *cli) {
    const likelihood_options *o = cli->options;
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
