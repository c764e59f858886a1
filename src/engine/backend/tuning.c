/* SPDX-License-Identifier: MIT
 * engine/backend/tuning.c: the table of measured kernels: rows sorted by key, and its file. */
#include "engine/backend/tuning.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/system.h"

#define FORMAT  "duet tuning"
#define VERSION DUET_VERSION "/" DUET_KERNELS_VERSION

struct duet_tuning {
    duet_arena *texts;
    char cpu[128];
    duet_tuning_row *rows;
    int64_t count, capacity;
};

duet_status duet_tuning_new(duet_tuning **out) {
    duet_tuning *tuning = NULL;
    DUET_TRY(duet_alloc(&tuning, 1, sizeof *tuning));
    const duet_status status = duet_arena_new(&tuning->texts);
    duet_cpu_name(tuning->cpu);
    if (status == DUET_OK)
        *out = tuning;
    else
        duet_tuning_free(tuning);
    return status;
}

void duet_tuning_free(duet_tuning *tuning) {
    if (tuning == NULL) return;
    duet_arena_free(tuning->texts);
    duet_release(tuning->rows);
    duet_release(tuning);
}

int64_t duet_tuning_count(const duet_tuning *tuning) {
    return tuning != NULL ? tuning->count : 0;
}

uint64_t duet_tuning_hash(const duet_tuning *tuning) {
    if (duet_tuning_count(tuning) == 0) return 0;
    uint64_t hash = duet_hash_text(duet_cpu_backend()->isa,
                                   duet_hash_text(tuning->cpu, duet_hash_text(VERSION, 0)));
    for (int64_t i = 0; i < tuning->count; i++)
        hash = duet_hash_text(tuning->rows[i].kernel, duet_hash_text(tuning->rows[i].key, hash));
    return hash;
}

/* ---- cases ---- */

static void add_arg(duet_str *out, bool present, const duet_arg *arg, bool param) {
    if (!present) {
        duet_str_add(out, " -");
        return;
    }
    duet_str_format(out, " %s[", duet_dtype_name(arg->dtype));
    for (int i = 0; i < arg->shape.rank; i++)
        duet_str_format(out, "%s%lld", i > 0 ? "x" : "", (long long)arg->shape.dim[i]);
    duet_str_add(out, param ? "]*" : "]");
}

duet_status duet_tuning_key(duet_str *out, const duet_call *call,
                            const duet_kernel_options *options, bool trains) {
    const duet_param_table *const table = &call->op->info.params;
    duet_str_add(out, call->op->info.name);
    for (int i = 0; i < table->count; i++) {
        char value[DUET_TEXT_SIZE];
        duet_params_print(table, call->attr, i, value, sizeof value);
        duet_str_format(out, "%c%s=%s", i == 0 ? ' ' : ',', table->rows[i].name, value);
    }
    for (int k = 0; k < call->inputs; k++)
        add_arg(out, call->has_in[k], &call->in[k], (options->param_inputs >> k & 1u) != 0);
    duet_str_add(out, " >");
    for (int k = 0; k < call->outputs; k++) add_arg(out, call->has_out[k], &call->out[k], false);
    duet_str_format(out, " threads=%d%s%s", options->threads, options->bf16 ? " bf16" : "",
                    trains ? " trains" : "");
    return duet_str_status(out);
}

/* The first row whose key is not before `key`. */
static int64_t place_of(const duet_tuning *tuning, const char *key) {
    int64_t low = 0, high = tuning->count;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (strcmp(tuning->rows[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const duet_tuning_row *duet_tuning_row_of(const duet_tuning *tuning, const char *key) {
    const int64_t at = tuning != NULL ? place_of(tuning, key) : 0;
    return at < duet_tuning_count(tuning) && strcmp(tuning->rows[at].key, key) == 0
               ? &tuning->rows[at]
               : NULL;
}

duet_status duet_tuning_put(duet_tuning *tuning, const duet_tuning_row *row) {
    const int64_t at = place_of(tuning, row->key);
    duet_tuning_row copy = *row;
    copy.key = duet_arena_text(tuning->texts, row->key);
    copy.kernel = duet_arena_text(tuning->texts, row->kernel);
    copy.usual = duet_arena_text(tuning->texts, row->usual);
    DUET_TRY(duet_arena_status(tuning->texts));
    if (at == tuning->count || strcmp(tuning->rows[at].key, row->key) != 0) {
        DUET_TRY(
            duet_grow(&tuning->rows, &tuning->capacity, tuning->count + 1, sizeof *tuning->rows));
        memmove(tuning->rows + at + 1, tuning->rows + at,
                (size_t)(tuning->count - at) * sizeof *tuning->rows);
        tuning->count++;
    }
    tuning->rows[at] = copy;
    return DUET_OK;
}

duet_status duet_tuning_merge(duet_tuning *to, const duet_tuning *from) {
    for (int64_t i = 0; i < from->count; i++) DUET_TRY(duet_tuning_put(to, &from->rows[i]));
    return DUET_OK;
}

duet_status duet_tuning_choose(const duet_kernel **out, const duet_tuning *tuning,
                               const duet_backend *backend, const duet_call *call,
                               const duet_kernel_options *options, bool trains) {
    *out = NULL;
    if (duet_tuning_count(tuning) == 0 || options->exact || backend->candidates == NULL)
        return DUET_OK;
    duet_str key = {0};
    const duet_status status = duet_tuning_key(&key, call, options, trains);
    const duet_tuning_row *const row =
        status == DUET_OK ? duet_tuning_row_of(tuning, key.text) : NULL;
    if (row != NULL && backend->candidates(out, 1, call, options, row->kernel) == 0) *out = NULL;
    duet_str_free(&key);
    return status;
}

/* ---- the file ---- */

static json_t *to_json(const duet_tuning *tuning) {
    json_t *const rows = json_array();
    for (int64_t i = 0; i < tuning->count; i++) {
        const duet_tuning_row *const row = &tuning->rows[i];
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:f, s:f}", "case", row->key,
                                              "kernel", row->kernel, "usual", row->usual, "seconds",
                                              row->seconds, "usual_seconds", row->usual_seconds));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "format", FORMAT, "version", VERSION, "cpu",
                     tuning->cpu, "isa", duet_cpu_backend()->isa, "rows", rows);
}

duet_status duet_tuning_save(const duet_tuning *tuning, const char *path) {
    json_t *const root = to_json(tuning);
    char *const text = root != NULL ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    if (text == NULL) return duet_fail(DUET_NO_MEMORY, "out of memory for the table of kernels");
    const duet_status status = duet_file_write(path, text, (int64_t)strlen(text));
    duet_release_foreign(text);
    return status;
}

static bool is(const json_t *root, const char *key, const char *want) {
    const char *const text = json_string_value(json_object_get(root, key));
    return text != NULL && strcmp(text, want) == 0;
}

static const char *text_of(const json_t *root, const char *key) {
    const char *const text = json_string_value(json_object_get(root, key));
    return text != NULL ? text : "";
}

/* All rows, or DUET_FORMAT. */
static duet_status read_rows(duet_tuning *tuning, const json_t *rows) {
    if (!json_is_array(rows)) return duet_fail(DUET_FORMAT, "it has no rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *const from = json_array_get(rows, i);
        const duet_tuning_row row = {.key = text_of(from, "case"),
                                     .kernel = text_of(from, "kernel"),
                                     .usual = text_of(from, "usual"),
                                     .seconds = json_number_value(json_object_get(from, "seconds")),
                                     .usual_seconds =
                                         json_number_value(json_object_get(from, "usual_seconds"))};
        if (row.key[0] == '\0' || row.kernel[0] == '\0')
            return duet_fail(DUET_FORMAT, "row %zu names no case or no kernel", i + 1);
        DUET_TRY(duet_tuning_put(tuning, &row));
    }
    return DUET_OK;
}

/* DUET_FORMAT with the reason for every file that does not serve here. */
static duet_status read_file(duet_tuning *tuning, const duet_bytes *bytes) {
    duet_status status = DUET_OK;
    json_error_t error;
    json_t *const root =
        json_loadb((const char *)bytes->data, (size_t)bytes->size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        return duet_fail(DUET_FORMAT, "it is damaged: line %d: %s", error.line, error.text);
    if (!is(root, "format", FORMAT)) DUET_FAIL(DUET_FORMAT, "it is no table of kernels");
    if (!is(root, "version", VERSION))
        DUET_FAIL(DUET_FORMAT, "it was made by version '%.40s', this is '%s'",
                  text_of(root, "version"), VERSION);
    if (!is(root, "cpu", tuning->cpu) || !is(root, "isa", duet_cpu_backend()->isa)) {
        DUET_FAIL(DUET_FORMAT, "it was made on '%.128s' (%.16s), this is '%s' (%s)",
                  text_of(root, "cpu"), text_of(root, "isa"), tuning->cpu, duet_cpu_backend()->isa);
    }
    status = read_rows(tuning, json_object_get(root, "rows"));
done:
    json_decref(root);
    return status;
}

duet_status duet_tuning_load(duet_context *ctx, duet_tuning **out, const char *path) {
    duet_tuning *tuning = NULL;
    duet_bytes bytes = {0};
    DUET_TRY(duet_file_read(&bytes, path));
    duet_status status = duet_tuning_new(&tuning);
    if (status == DUET_OK) status = read_file(tuning, &bytes);
    duet_bytes_free(&bytes);
    if (status == DUET_FORMAT) {
        duet_log(ctx, DUET_LOG_WARNING, "'%s' is ignored: %s; 'duet bench --tune' makes a new one",
                 path, duet_error_message());
        duet_tuning_free(tuning);
        tuning = NULL;
        status = duet_tuning_new(&tuning);
    }
    if (status == DUET_OK)
        *out = tuning;
    else
        duet_tuning_free(tuning);
    return status;
}
