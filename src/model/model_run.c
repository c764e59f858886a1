/* SPDX-License-Identifier: MIT
 * model/model_run.c: what run.json says of a model, and the run for the results of a command on the
 * file of a model. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/record.h"
#include "model/model.h"
#include "run/run_record.h"

typedef struct record {
    const char *arch, *config;
    int64_t parameters;
    double macs;
    int taps, channels;
    int64_t size;
    json_t *makes_no_images, *prior;
} record;

static const duet_param rows[] = {
    DUET_FIELD_WORD(record, arch),      DUET_FIELD_WORD(record, config),
    DUET_FIELD_INT(record, parameters), DUET_FIELD_FLOAT(record, macs),
    DUET_FIELD_INT(record, taps),       DUET_FIELD_INT(record, size),
    DUET_FIELD_INT(record, channels),   DUET_FIELD_JSON(record, makes_no_images),
    DUET_FIELD_JSON(record, prior),
};

json_t *duet_model_record(const duet_model *model) {
    static const duet_param_table table = DUET_TABLE(rows, record);
    const char *const refusal = duet_model_refusal(model);
    const char *const prior = duet_model_prior(model);
    const record one = {.arch = model->arch->info.name,
                        .config = duet_model_config(model),
                        .parameters = duet_model_parameters(model),
                        .macs = duet_model_macs(model),
                        .taps = duet_model_tap_count(model),
                        .size = model->shape.size,
                        .channels = (int)model->shape.in_channels,
                        .makes_no_images = refusal != NULL ? json_string(refusal) : NULL,
                        .prior = prior != NULL ? json_string(prior) : NULL};
    return duet_record_json(&table, &one);
}

duet_status duet_run_new_of(char out[4096], const char *parent, const char *command,
                            const duet_model *model, const char *file) {
    char name[256], shown[4 * sizeof name], created[32], path[DUET_PATH_SIZE];
    snprintf(name, sizeof name, "%s-%.200s", command, duet_path_base(file));
    char *const dot = strrchr(name, '.');
    if (dot != NULL) *dot = '\0';
    duet_text_shown(shown, sizeof shown, name);
    duet_run_now(created);
    DUET_TRY(duet_run_new(path, parent, name));
    DUET_TRY(duet_run_record_write(
        path, &(duet_run_record){.command = command,
                                 .name = shown,
                                 .version = DUET_VERSION,
                                 .status = "done",
                                 .created = created,
                                 .settings = json_pack("{s:o}", "model", duet_json_name(file)),
                                 .model = duet_model_record(model)}));
    memcpy(out, path, sizeof path);
    return DUET_OK;
}
