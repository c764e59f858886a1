/* SPDX-License-Identifier: MIT
 * cli/show_damage.c: the share of damaged images among the generated ones, where real images are
 * known: --data, or the training images of the run. */
#include <stdio.h>

#include "cli/cli.h"

/* The training data of a run. A run that was made for the results of a model file has none. */
static bool data_of_run(char out[4096], const char *path) {
    duet_train_options options;
    return duet_run_is(path) && duet_train_options_load(&options, out, path) == DUET_OK;
}

duet_status cli_damage_open(cli_state *cli, cli_damage *out, duet_model *model, const char *path,
                            const char *data) {
    char found[4096];
    duet_dataset *dataset = NULL;
    *out = (cli_damage){.known = false};
    if (*data == '\0' && !data_of_run(found, path)) return DUET_OK;
    duet_status status = duet_dataset_open(cli->ctx, &dataset, *data != '\0' ? data : found);
    if (status == DUET_OK)
        status =
            duet_damage_open(cli->ctx, &out->metric, dataset, &duet_model_card(model)->preprocess);
    out->known = status == DUET_OK;
    if (out->known)
        snprintf(out->data, sizeof out->data, "%s", duet_dataset_describe(dataset)->name);
    duet_dataset_close(dataset);
    if (*data != '\0' || out->known || status == DUET_CANCELLED) return status;
    cli_say(cli, "damaged images are not counted, because the run's data cannot be read: %s\n",
            duet_error_message());
    return DUET_OK;
}

void cli_damage_add(cli_damage *damage, const uint8_t *pixels, int64_t count) {
    if (damage->known) duet_damage_add(&damage->metric, pixels, count);
}

void cli_damage_say(const cli_state *cli, const cli_damage *damage) {
    const duet_damage *m = &damage->metric;
    if (!damage->known || m->count < 1) return;
    cli_say(cli,
            "%lld of %lld (%.3g %%) damaged: %lld too rough, %lld too flat, beside %lld real "
            "images of %s\n",
            (long long)(m->rough + m->flat), (long long)m->count, duet_damage_percent(m),
            (long long)m->rough, (long long)m->flat, (long long)m->real, damage->data);
}

void cli_damage_json(const cli_damage *damage, json_t *result) {
    const duet_damage *m = &damage->metric;
    if (!damage->known || m->count < 1) return;
    json_object_set_new(result, "damaged",
                        json_pack("{s:I,s:I,s:f,s:I,s:I,s:f,s:f,s:I,s:s}", "count",
                                  (json_int_t)(m->rough + m->flat), "of", (json_int_t)m->count,
                                  "percent", duet_damage_percent(m), "rough", (json_int_t)m->rough,
                                  "flat", (json_int_t)m->flat, "low", m->low, "high", m->high,
                                  "real", (json_int_t)m->real, "data", damage->data));
}

void cli_damage_free(cli_damage *damage) {
    duet_damage_free(&damage->metric);
}
