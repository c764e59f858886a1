/* SPDX-License-Identifier: MIT
 * run.json (docs/run_folder.md): the settings of a run and its progress. The settings are the
 * parameter table's rows as text, so that they read back into the same options. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/system.h"
#include "base/utf8.h"
#include "engine/backend/backend.h"
#include "train/trainer.h"

void duet_run_file_created(char out[32], const char *run) {
    char path[DUET_PATH_SIZE];
    json_error_t error;
    const time_t now = time(NULL);
    struct tm utc = {0};
    gmtime_r(&now, &utc);
    (void)strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (duet_path_join(path, run, "run.json") != DUET_OK) return;
    json_t *old = json_load_file(path, 0, &error);
    const char *created = json_string_value(json_object_get(old, "created"));
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

static json_t *data_of(const duet_dataset_info *info) {
    char path[DUET_PATH_SIZE];
    const char *shown = info->path;
    if (duet_path_exists(info->path) && duet_path_absolute(path, info->path) == DUET_OK)
        shown = path;
    return json_pack("{s:s, s:o, s:s, s:I, s:I, s:i, s:i, s:I, s:I, s:I}", "name", info->name,
                     "path", duet_json_name(shown), "layout", info->layout, "height",
                     (json_int_t)info->height, "width", (json_int_t)info->width, "channels",
                     info->channels, "classes", info->class_count, "train",
                     (json_int_t)info->count[DUET_TRAIN], "val", (json_int_t)info->count[DUET_VAL],
                     "test", (json_int_t)info->count[DUET_TEST]);
}

static json_t *model_of(const duet_model *model) {
    return json_pack("{s:s, s:s, s:I, s:f, s:i, s:I, s:I}", "arch", model->arch->info.name,
                     "config", duet_model_config(model), "parameters",
                     (json_int_t)duet_model_parameters(model), "macs", duet_model_macs(model),
                     "taps", duet_model_tap_count(model), "size", (json_int_t)model->shape.size,
                     "channels", (json_int_t)model->shape.in_channels);
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
    char path[DUET_PATH_SIZE];
    json_error_t error;
    if (duet_path_join(path, trainer->run, "run.json") != DUET_OK) return NULL;
    json_t *root = json_load_file(path, 0, &error);
    json_t *init = json_incref(json_object_get(root, "init"));
    json_decref(root);
    return init;
}

static json_t *tuning_of(const duet_trainer *trainer) {
    char hash[32];
    snprintf(hash, sizeof hash, "%016" PRIx64, duet_tuning_hash(trainer->tuning));
    return json_pack("{s:s, s:s, s:I, s:I}", "file", DUET_RUN_TUNING, "hash", hash, "nodes",
                     (json_int_t)duet_plan_tuned(duet_program_plan(trainer->program)),
                     "nodes_in_all",
                     (json_int_t)duet_plan_rows(duet_program_plan(trainer->program)));
}

static json_t *make_json(const duet_trainer *trainer, const char *run_status) {
    const duet_dataset_info *info = duet_dataset_describe(trainer->dataset);
    json_t *t = json_array();
    for (int i = 0; i < duet_denoise_t_count(trainer->noise); i++)
        json_array_append_new(t, json_integer(duet_denoise_t[i]));
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "command", "train", "name",
        info->name, "version", DUET_VERSION, "status", run_status, "created", trainer->created,
        "settings", duet_settings_json(&trainer->options), "data", data_of(info), "model",
        model_of(trainer->model), "denoise_t", t, "machine", machine_of(trainer->ctx));
    if (root == NULL) return NULL;
    json_t *const init = trainer->options.init != NULL ? init_of(trainer) : init_before(trainer);
    if (init != NULL) json_object_set_new(root, "init", init);
    json_object_set_new(root, "images", json_integer(trainer->steps * trainer->options.batch));
    json_object_set_new(root, "steps", json_integer(trainer->steps));
    json_object_set_new(root, "seconds", json_real(duet_trainer_seconds(trainer)));
    if (trainer->steps > 0)
        json_object_set_new(root, "final_loss", json_real(duet_trainer_final_loss(trainer)));
    if (duet_plan_tuned(duet_program_plan(trainer->program)) > 0)
        json_object_set_new(root, "tuning", tuning_of(trainer));
    json_object_set_new(root, "peak_memory", json_integer(duet_peak_memory()));
    return root;
}

duet_status duet_json_text(char **out, const json_t *root, bool indent) {
    const size_t flags = indent ? JSON_INDENT(1) : JSON_COMPACT,
                 size = root != NULL ? json_dumpb(root, NULL, 0, flags) : 0;
    char *text = NULL;
    if (size == 0) return duet_fail(DUET_FORMAT, "a name or a setting is not UTF-8");
    DUET_TRY(duet_alloc(&text, (int64_t)size + 2,
                        1)); /* zeroed: room for the end of a line and of the text */
    if (json_dumpb(root, text, size, flags) != size) {
        duet_release(text);
        return duet_fail(DUET_FORMAT, "JSON came out in two sizes");
    }
    if (indent) text[size] = '\n';
    *out = text;
    return DUET_OK;
}

duet_status duet_run_file_write(const duet_trainer *trainer, const char *run_status) {
    duet_status status = DUET_OK;
    char path[DUET_PATH_SIZE];
    char *text = NULL;
    json_t *root = make_json(trainer, run_status);
    DUET_CONTEXT(duet_json_text(&text, root, true), "cannot write run.json");
    DUET_DO(duet_path_join(path, trainer->run, "run.json"));
    DUET_DO(duet_file_write(path, text, (int64_t)strlen(text)));
done:
    duet_release(text);
    json_decref(root);
    return status;
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
    char path[DUET_PATH_SIZE];
    json_error_t error;
    DUET_TRY(duet_path_join(path, run, "run.json"));
    json_t *root = json_load_file(path, 0, &error);
    const char *hash = json_string_value(json_object_get(json_object_get(root, "tuning"), "hash"));
    *out = hash != NULL ? (uint64_t)strtoull(hash, NULL, 16) : 0;
    json_decref(root);
    return DUET_OK;
}

duet_status duet_train_options_load(duet_train_options *out, char data_path[4096],
                                    const char *run) {
    duet_status status = DUET_OK;
    char path[DUET_PATH_SIZE];
    duet_bytes bytes = {0};
    json_t *root = NULL;
    json_error_t error;
    duet_train_options options = {0};
    DUET_DO(duet_path_join(path, run, "run.json"));
    DUET_DO(duet_file_read(&bytes, path));
    root = json_loadb((const char *)bytes.data, (size_t)bytes.size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        DUET_FAIL(DUET_FORMAT, "'%s' is damaged: line %d: %s", path, error.line, error.text);
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
    duet_bytes_free(&bytes);
    return status;
}
