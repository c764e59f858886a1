/* SPDX-License-Identifier: MIT
 * train/run_file.c: what run.json says of a training: its settings and its progress. The settings
 * are the parameter table's rows as text, so that they read back into the same options. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/record.h"
#include "base/str.h"
#include "base/system.h"
#include "base/utf8.h"
#include "engine/backend/backend.h"
#include "run/run_record.h"
#include "train/trainer.h"

/* What the call that began the run has written; NULL = none. */
static json_t *before(const char *run) {
    json_t *root = NULL;
    return duet_run_record_read(&root, run, NULL) == DUET_OK ? root : NULL;
}

void duet_run_file_created(char out[32], const char *run) {
    json_t *old = before(run);
    const char *created = json_string_value(json_object_get(old, "created"));
    duet_run_now(out);
    if (created != NULL) duet_copy_text(out, 32, created);
    json_decref(old);
}

json_t *duet_settings_json(const duet_train_options *options) {
    json_t *settings = json_object();
    for (int i = 0; i < duet_train_params.count; i++) {
        char text[DUET_LIST_SIZE * 24];
        duet_params_print(&duet_train_params, options, i, text, sizeof text);
        json_object_set_new(settings, duet_train_params.rows[i].name, duet_json_name(text));
    }
    return settings;
}

typedef struct data_record {
    const char *name, *layout;
    json_t *path;
    int64_t height, width, train, val, test;
    int channels, classes;
} data_record;

static const duet_param data_rows[] = {
    DUET_FIELD_WORD(data_record, name),   DUET_FIELD_JSON(data_record, path),
    DUET_FIELD_WORD(data_record, layout), DUET_FIELD_INT(data_record, height),
    DUET_FIELD_INT(data_record, width),   DUET_FIELD_INT(data_record, channels),
    DUET_FIELD_INT(data_record, classes), DUET_FIELD_INT(data_record, train),
    DUET_FIELD_INT(data_record, val),     DUET_FIELD_INT(data_record, test),
};

static json_t *data_of(const duet_dataset_info *info) {
    static const duet_param_table table = DUET_TABLE(data_rows, data_record);
    char path[DUET_PATH_SIZE];
    const char *shown = info->path;
    if (duet_path_exists(info->path) && duet_path_absolute(path, info->path) == DUET_OK)
        shown = path;
    const data_record one = {.name = info->name,
                             .path = duet_json_name(shown),
                             .layout = info->layout,
                             .height = info->height,
                             .width = info->width,
                             .channels = info->channels,
                             .classes = info->class_count,
                             .train = info->count[DUET_TRAIN],
                             .val = info->count[DUET_VAL],
                             .test = info->count[DUET_TEST]};
    return duet_record_json(&table, &one);
}

static json_t *machine_of(const duet_context *ctx) {
    char cpu[128];
    duet_cpu_name(cpu);
    return json_pack("{s:s, s:i, s:s}", "cpu", cpu, "threads", duet_context_threads(ctx), "isa",
                     duet_cpu_backend()->isa);
}

/* The model that is trained on. */
static json_t *init_of(const duet_trainer *trainer) {
    const duet_model *const init = trainer->options.init;
    char hash[32];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)duet_model_hash(init));
    return json_pack("{s:o, s:s}", "path", duet_json_name(duet_model_path(init)), "hash", hash);
}

/* The same, as the call that began the run has written it; NULL = none. */
static json_t *init_before(const duet_trainer *trainer) {
    json_t *root = before(trainer->run);
    json_t *init = json_incref(json_object_get(root, "init"));
    json_decref(root);
    return init;
}

static json_t *tuning_of(const duet_trainer *trainer) {
    char hash[32];
    snprintf(hash, sizeof hash, "%016" PRIx64, duet_tuning_hash(trainer->tuning));
    return json_pack("{s:s, s:s, s:I, s:I}", "file", DUET_RUN_TUNING, "hash", hash, "nodes",
                     (json_int_t)duet_plan_tuned(duet_program_plan(duet_trainer_program(trainer))),
                     "nodes_in_all",
                     (json_int_t)duet_plan_rows(duet_program_plan(duet_trainer_program(trainer))));
}

static json_t *validation_of(const duet_trainer *trainer) {
    return json_pack("{s:s, s:I, s:f}", "split",
                     trainer->options.hold_out > 0 ? "held out"
                                                   : duet_split_name(trainer->validation.split),
                     "rows", (json_int_t)trainer->top1_rows, "top1", trainer->top1);
}

duet_status duet_run_file_write(const duet_trainer *trainer, const char *run_status) {
    const bool tuned = duet_plan_tuned(duet_program_plan(duet_trainer_program(trainer))) > 0;
    json_t *t = json_array();
    for (int i = 0;
         trainer->task->needs == DUET_DENOISES && i < duet_denoise_t_count(trainer->noise); i++)
        json_array_append_new(t, json_integer(duet_denoise_t[i]));
    const duet_run_record record = {
        .command = "train",
        .name = duet_dataset_describe(trainer->dataset)->name,
        .version = DUET_VERSION,
        .status = run_status,
        .created = trainer->created,
        .settings = duet_settings_json(&trainer->options),
        .data = data_of(duet_dataset_describe(trainer->dataset)),
        .model = duet_model_record(trainer->model),
        .denoise_t = t,
        .machine = machine_of(trainer->ctx),
        .init = trainer->options.init != NULL ? init_of(trainer) : init_before(trainer),
        .images = json_integer(trainer->steps * trainer->options.batch),
        .steps = json_integer(trainer->steps),
        .seconds = json_real(duet_trainer_seconds(trainer)),
        .final_loss = trainer->steps > 0 ? json_real(duet_trainer_final_loss(trainer)) : NULL,
        .validation = trainer->top1_rows > 0 ? validation_of(trainer) : NULL,
        .tuning = tuned ? tuning_of(trainer) : NULL,
        .peak_memory = json_integer(duet_peak_memory())};
    return duet_run_record_write(trainer->run, &record);
}

static duet_status read_settings(duet_train_options *out, const json_t *settings,
                                 const char *path) {
    const char *key = NULL;
    json_t *value = NULL;
    duet_params_default(&duet_train_params, out);
    json_object_foreach((json_t *)(uintptr_t)settings, key, value) {
        if (!json_is_string(value))
            return duet_fail(DUET_FORMAT, "'%s': the setting '%s' is not a text", path, key);
        DUET_TRY(duet_params_set(&duet_train_params, out, path, key, json_string_value(value)));
    }
    return DUET_OK;
}

duet_status duet_run_file_tuning(const char *run, uint64_t *out) {
    json_t *root = before(run);
    const char *hash = json_string_value(json_object_get(json_object_get(root, "tuning"), "hash"));
    *out = hash != NULL ? (uint64_t)strtoull(hash, NULL, 16) : 0;
    json_decref(root);
    return DUET_OK;
}

duet_status duet_train_options_load(duet_train_options *out, char data_path[4096],
                                    const char *run) {
    duet_status status = DUET_OK;
    char path[DUET_PATH_SIZE];
    json_t *root = NULL;
    duet_train_options options = {0};
    DUET_DO(duet_path_join(path, run, DUET_RUN_FILE));
    DUET_DO(duet_run_record_read(&root, run, NULL));
    const char *data = json_string_value(json_object_get(json_object_get(root, "data"), "path"));
    const json_t *settings = json_object_get(root, "settings");
    if (data == NULL || !json_is_object(settings)) {
        DUET_FAIL(DUET_FORMAT, "'%s' is not a run of train: it has no settings or no data", path);
    }
    DUET_DO(read_settings(&options, settings, path));
    if (!duet_copy_text(data_path, 4096, data))
        DUET_FAIL(DUET_FORMAT, "'%s': the path of the data is too long", path);
    if (!duet_path_exists(data_path)) duet_text_unshown(data_path);
    *out = options;
done:
    json_decref(root);
    return status;
}
