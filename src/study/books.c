/* SPDX-License-Identifier: MIT
 * study/books.c: the books of a run: each look at a test split is a line of RUN/tests.jsonl, so
 * that one can see how often it was looked at before a figure was found. Lines are only added. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/setting.h"
#include "study/study.h"

enum { MOST_PARENTS = 8 };

/* The run that a folder belongs to; false where it belongs to none. *step: the rest of `path`. */
static bool find_run(char out[DUET_PATH_SIZE], char path[DUET_PATH_SIZE], const char **step) {
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--) path[n - 1] = '\0';
    (void)duet_copy_text(out, DUET_PATH_SIZE, path);
    for (int up = 0; up <= MOST_PARENTS; up++) {
        const size_t length = strlen(out);
        *step = path[length] == '/' ? path + length + 1 : "";
        if (duet_run_is(out)) return true;
        char *const slash = strrchr(out, '/');
        if (slash == NULL || slash == out) return false;
        *slash = '\0';
    }
    return false;
}

static void put_text(json_t *object, const char *key, const char *text) {
    if (text != NULL && *text != '\0') json_object_set_new(object, key, duet_json_name(text));
}

static json_t *look_json(const duet_test_look *look, const char *step) {
    char date[32], hash[32];
    json_t *const object = json_object();
    duet_run_now(date);
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)look->model_hash);
    put_text(object, "date", date);
    put_text(object, "command", look->command);
    put_text(object, "step", step);
    put_text(object, "data", look->data);
    put_text(object, "split", duet_split_name(look->split));
    put_text(object, "model_hash", hash);
    put_text(object, "reader", look->reader);
    put_text(object, "head", look->head);
    if (look->settings != NULL && look->settings->count > 0)
        duet_settings_put(object, look->settings);
    json_object_set_new(object, "rows", json_integer((json_int_t)look->rows));
    json_object_set_new(object, "heads", json_integer((json_int_t)look->heads));
    if (isfinite(look->top1)) json_object_set_new(object, "top1", json_real(look->top1));
    return object;
}

duet_status duet_books_add(const char *path, const duet_test_look *look) {
    char whole[DUET_PATH_SIZE], run[DUET_PATH_SIZE], file[DUET_PATH_SIZE];
    const char *step = "";
    char *text = NULL;
    DUET_TRY(duet_path_absolute(whole, path));
    if (!find_run(run, whole, &step)) return DUET_OK;
    DUET_TRY(duet_path_join(file, run, DUET_TESTS_FILE));
    json_t *const object = look_json(look, step);
    duet_status status = duet_json_text(&text, object, false);
    if (status == DUET_OK) status = duet_file_append(file, text);
    duet_release(text);
    json_decref(object);
    return status;
}
