/* SPDX-License-Identifier: MIT
 * run/run_record.c: see run_record.h. */
#include "run/run_record.h"

#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/record.h"

/* Digits of the numbers in a result: more are noise. */
enum { RESULT_DIGITS = 10 };

static const duet_param run_rows[] = {
    DUET_FIELD_WORD(duet_run_record, command),    DUET_FIELD_WORD(duet_run_record, name),
    DUET_FIELD_WORD(duet_run_record, version),    DUET_FIELD_WORD(duet_run_record, status),
    DUET_FIELD_WORD(duet_run_record, created),    DUET_FIELD_JSON(duet_run_record, settings),
    DUET_FIELD_JSON(duet_run_record, data),       DUET_FIELD_JSON(duet_run_record, model),
    DUET_FIELD_JSON(duet_run_record, denoise_t),  DUET_FIELD_JSON(duet_run_record, machine),
    DUET_FIELD_JSON(duet_run_record, init),       DUET_FIELD_JSON(duet_run_record, images),
    DUET_FIELD_JSON(duet_run_record, steps),      DUET_FIELD_JSON(duet_run_record, seconds),
    DUET_FIELD_JSON(duet_run_record, final_loss), DUET_FIELD_JSON(duet_run_record, validation),
    DUET_FIELD_JSON(duet_run_record, tuning),     DUET_FIELD_JSON(duet_run_record, peak_memory),
};
static const duet_param_table run_table = DUET_TABLE(run_rows, duet_run_record);

void duet_run_now(char out[32]) {
    const time_t now = time(NULL);
    struct tm utc = {0};
    gmtime_r(&now, &utc);
    (void)strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static duet_status read(json_t **out, const char *folder, const char *file, const char *shown) {
    char path[DUET_PATH_SIZE];
    duet_bytes bytes = {0};
    json_error_t where;
    DUET_TRY(duet_path_join(path, folder, file));
    DUET_TRY(duet_file_read(&bytes, path));
    json_t *const root =
        json_loadb((const char *)bytes.data, (size_t)bytes.size, JSON_REJECT_DUPLICATES, &where);
    const char *const name = shown != NULL ? shown : path;
    duet_bytes_free(&bytes);
    if (root == NULL)
        return duet_fail(DUET_FORMAT, "'%s' is damaged: line %d: %s", name, where.line, where.text);
    if (!json_is_object(root)) {
        json_decref(root);
        return duet_fail(DUET_FORMAT, "'%s' holds no JSON object", name);
    }
    *out = root;
    return DUET_OK;
}

duet_status duet_run_record_write(const char *run, const duet_run_record *record) {
    duet_status status = DUET_OK;
    char path[DUET_PATH_SIZE];
    char *text = NULL;
    json_t *root = duet_record_json(&run_table, record);
    DUET_CONTEXT(duet_json_text(&text, root, true), "cannot write " DUET_RUN_FILE);
    DUET_DO(duet_path_join(path, run, DUET_RUN_FILE));
    DUET_DO(duet_file_write(path, text, (int64_t)strlen(text)));
done:
    duet_release(text);
    json_decref(root);
    return status;
}

duet_status duet_run_record_read(json_t **out, const char *run, const char *shown) {
    return read(out, run, DUET_RUN_FILE, shown);
}

int64_t duet_run_number(const char *run, const char *key) {
    json_t *root = NULL;
    if (duet_run_record_read(&root, run, NULL) != DUET_OK) return 0;
    const int64_t value = json_integer_value(json_object_get(root, key));
    json_decref(root);
    return value;
}

static int put(const char *bytes, size_t count, void *writer) {
    duet_writer_put(writer, bytes, (int64_t)count);
    return 0;
}

duet_status duet_result_record_write(const char *step, json_t *result) {
    char path[DUET_PATH_SIZE];
    duet_writer *writer = NULL;
    duet_status status = result != NULL
                             ? duet_path_join(path, step, DUET_RESULT_FILE)
                             : duet_fail(DUET_FORMAT, "a name in the result is not UTF-8");
    if (status == DUET_OK) status = duet_writer_open(&writer, path);
    if (status == DUET_OK) {
        json_dump_callback(result, put, writer,
                           JSON_INDENT(1) | JSON_REAL_PRECISION(RESULT_DIGITS));
        status = duet_writer_commit(writer);
    }
    json_decref(result);
    return status;
}

duet_status duet_result_record_read(json_t **out, const char *step, const char *shown) {
    return read(out, step, DUET_RESULT_FILE, shown);
}

duet_status duet_result_write(const char *step, const char *json) {
    json_error_t where;
    json_t *const root = json_loads(json, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL) return duet_fail(DUET_ARG, "the result is no JSON object: %s", where.text);
    return duet_result_record_write(step, root);
}
