/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_cka.c: duet cka MODEL [MODEL] --data DATA: how alike the layers of a model are, or
 * those of two. */
#include <stdio.h>
#include <string.h>

#include "cli/looks.h"

typedef struct cka_options {
    CLI_LOOK_FIELDS;
    duet_int_list t, tap, t_b, tap_b;
    int64_t pool, batch_rows;
} cka_options;

static const duet_param params[] = {
    CLI_LOOK_SET_ROWS(cka_options, "1000", 1000000),
    DUET_INTS(cka_options, t, "1,10,100,300", -1, 100000,
              "levels of noise; -1 = clean, as a model without noise is always read"),
    DUET_INTS(cka_options, tap, "", 1, 1000, "blocks b; default all"),
    DUET_INTS(cka_options, t_b, "", -1, 100000, "levels of the second model; default those of --t"),
    DUET_INTS(cka_options, tap_b, "", 1, 1000, "blocks of the second model; default all"),
    DUET_INT(cka_options, pool, "4", 1, 16, "side of the pooled map; smaller maps are taken whole"),
    DUET_INT(cka_options, batch_rows, "250", 4, 1024, "images of a batch of the estimate"),
    CLI_LOOK_ROWS(cka_options),
};

/* The most alike and the least alike neighbours say more than a mean would. */
static void say(const cli_state *cli, const duet_look *look) {
    json_t *const r = json_loads(duet_look_json(look), 0, NULL);
    const json_t *models = json_object_get(r, "models");
    const size_t a = json_array_size(json_object_get(json_array_get(models, 0), "columns")),
                 b = json_array_size(json_object_get(
                     json_array_get(models, json_array_size(models) - 1), "columns"));
    char time_text[32];
    cli_duration(time_text, json_number_value(json_object_get(r, "seconds")));
    cli_say(cli, "CKA of %zu x %zu layers on %lld images in %s\n", a, b,
            (long long)json_integer_value(json_object_get(r, "rows")), time_text);
    json_decref(r);
}

static duet_status compare(cli_state *cli, duet_model *a, duet_model *b,
                           const duet_dataset *dataset) {
    const cka_options *o = cli->options;
    const duet_cka_options options = {
        .rows = {.rows = o->rows, .seed = o->seed, .batch = o->batch, .bad = cli->bad},
        .side = {{.times = o->t, .taps = o->tap},
                 {.times = o->t_b.count > 0 ? o->t_b : o->t, .taps = o->tap_b}},
        .pool = o->pool,
        .batch_rows = o->batch_rows};
    duet_cka_options with = options;
    duet_look *look = NULL;
    duet_status status = duet_split_parse(&with.rows.split, o->split);
    if (status == DUET_OK) status = duet_cka(cli->ctx, &look, a, b, dataset, &with);
    if (status == DUET_OK) say(cli, look);
    if (status == DUET_OK) status = cli_look_keep(cli, look, a, "cka", o->out);
    duet_look_free(look);
    return status;
}

static duet_status cka(cli_state *cli, duet_model *model, const duet_dataset *dataset) {
    duet_model *second = NULL;
    duet_status status = cli->arg_count > 1 ? cli_model_open(cli, &second, cli->args[1]) : DUET_OK;
    if (status == DUET_OK) status = compare(cli, model, second, dataset);
    duet_model_close(second);
    return status;
}

static duet_status run(cli_state *cli) {
    const cka_options *o = cli->options;
    if (cli->arg_count < 2 && o->t_b.count + o->tap_b.count > 0)
        return cli_wrong("--t-b and --tap-b are of a second model; give one");
    const duet_status status = o->out[0] ? cli_check_file("--out", o->out, ".png .svg") : DUET_OK;
    return status == DUET_OK ? cli_with_data(cli, o->data, o->on_bad, cka) : status;
}

const cli_cmd duet_cmd_cka = {
    .info = {.name = "cka",
             .help = "how alike the layers of a model are, or of two",
             .params = DUET_TABLE(params, cka_options)},
    .usage = "MODEL [MODEL] --data DATA [options]",
    .details = "MODEL is a run folder or a model file, of any architecture. Linear CKA of all (t, "
               "tap), on "
               "the same images:\n1 is the same up to rotation and scale, 0 is unrelated. The "
               "picture is a "
               "heat map.\n"
               "  duet cka RUN --data fashion-mnist\n"
               "  duet cka RUN MODEL --data DATA --t 10",
    .min_args = 1,
    .max_args = 2,
    .missing = "no model; give a run folder or a model file",
    .plans = true,
    .opens = true,
    .run = run,
};
