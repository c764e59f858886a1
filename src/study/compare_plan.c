/* SPDX-License-Identifier: MIT
 * study/compare_plan.c: rows of a comparison and their budgets. A rival's budget is its idle
 * throughput times the minutes, in images: measured once, by a few seconds of training behind a
 * first step, and written down, so that neither interruptions nor a busy machine change it. */
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "run/run_record.h"
#include "study/compare.h"

#define PLAN_FOLDER "plan"
static const double MEASURED = 6.0; /* seconds of training, at most a tenth of the budget */

static bool is_wanted(const char *only, const char *name) {
    const size_t size = strlen(name);
    if (only[0] == '\0') return true;
    for (const char *at = only; at != NULL; at = strchr(at, '+'), at = at != NULL ? at + 1 : NULL)
        if (strncmp(at, name, size) == 0 && (at[size] == '\0' || at[size] == '+')) return true;
    return false;
}

/* A word of `only` that is no row's name. */
static duet_status check_names(const char *only) {
    char text[DUET_TEXT_SIZE], names[DUET_TEXT_SIZE] = "", *rest = NULL;
    (void)duet_copy_text(text, sizeof text, only);
    for (char *one = strtok_r(text, "+", &rest); one != NULL; one = strtok_r(NULL, "+", &rest)) {
        bool found = false;
        names[0] = '\0';
        for (int i = 0; i < DUET_RIVALS; i++) {
            found = found || strcmp(duet_rival_name(i), one) == 0;
            duet_format(names + strlen(names), sizeof names - strlen(names), "%s%s",
                        i > 0 ? ", " : "", duet_rival_name(i));
        }
        if (!found) return duet_fail(DUET_ARG, "there is no row '%s'; there are %s", one, names);
    }
    return DUET_OK;
}

/* A row that cannot take such images is left out, with the reason; asked for by name, it fails. */
static duet_status choose_rows(duet_contest *c) {
    DUET_TRY(check_names(c->options.only));
    for (int i = 0; i < DUET_RIVALS; i++) {
        duet_contest_row *const row = &c->rows[c->count];
        *row = (duet_contest_row){.rate = 0};
        const duet_status status = duet_rival_of(&row->rival, i, c->size, c->channels);
        if (!is_wanted(c->options.only, row->rival.name)) continue;
        if (status != DUET_OK && c->options.only[0] != '\0') return status;
        if (status != DUET_OK) {
            duet_log(c->ctx, DUET_LOG_WARNING, "left out: %s", duet_error_message());
            continue;
        }
        if (row->rival.train.augment[0] == '\0')
            duet_copy_text(row->rival.train.augment, sizeof row->rival.train.augment,
                           c->options.augment);
        c->count++;
    }
    return c->count > 0 ? DUET_OK : duet_fail(DUET_ARG, "no row is left to compare");
}

/* ---- measuring ---- */

typedef struct speed {
    double first, last; /* seconds of training */
    int64_t images;     /* between them */
} speed;

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where) {
    (void)info, (void)type, (void)where;
    (void)remove(path);
    return 0;
}

/* Images a second of a short training in a folder that goes away. */
static duet_status measure(const duet_contest *c, duet_contest_row *row) {
    duet_train_options o = row->rival.train;
    duet_train_result one, more;
    char folder[DUET_PATH_SIZE];
    duet_status status = DUET_OK;
    const double seconds = fmin(MEASURED, 6.0 * c->options.minutes);
    DUET_TRY(duet_path_join(folder, c->run, ".measuring"));
    DUET_DO(duet_folder_make(folder));
    o.save_minutes = 0;
    o.meter_minutes = 0;
    o.seed = c->options.seed;
    o.steps = 2; /* packs weights and warms the caches */
    DUET_DO(duet_train(c->ctx, &one, c->dataset, &o, folder, false));
    o.steps = 0;
    o.minutes = (one.seconds + seconds) / 60.0;
    DUET_DO(duet_train(c->ctx, &more, c->dataset, &o, folder, true));
    if (more.images <= one.images)
        DUET_FAIL(DUET_ARG, "row '%s': %g minutes are too short for a step", row->rival.name,
                  c->options.minutes);
    row->rate = (double)(more.images - one.images) / (more.seconds - one.seconds);
    row->images = (int64_t)(60.0 * c->options.minutes * row->rate);
    if (row->images < o.batch) row->images = o.batch;
done:
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}

/* ---- plan/result.json ---- */

static const json_t *find_row(const json_t *plan, const char *name) {
    const json_t *const rows = json_object_get(plan, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *const row = json_array_get(rows, i);
        const char *const is = json_string_value(json_object_get(row, "name"));
        if (is != NULL && strcmp(is, name) == 0) return row;
    }
    return NULL;
}

/* What distances are measured by: the hash of the judge's weights, or "pixels". */
static void judge_text(const duet_contest *c, char out[32]) {
    duet_format(out, 32, "pixels");
    if (c->options.judge != NULL)
        duet_format(out, 32, "%016llx", (unsigned long long)duet_model_hash(c->options.judge));
}

/* An earlier plan is of the same minutes, data and judge, or another comparison. */
static duet_status check_plan(const duet_contest *c, const json_t *plan) {
    const double minutes = json_number_value(json_object_get(plan, "minutes"));
    const char *const hash = json_string_value(json_object_get(plan, "data_hash"));
    const char *const judge = json_string_value(json_object_get(plan, "judge"));
    char own[32], by[32];
    duet_format(own, sizeof own, "%016llx",
                (unsigned long long)duet_dataset_describe(c->dataset)->hash);
    judge_text(c, by);
    if (judge != NULL && strcmp(judge, by) != 0)
        return duet_fail(DUET_ARG,
                         "'%s' holds a comparison by the judge %s, and this one is %s: distances "
                         "by both are no table; give the same one as --judge, or take another "
                         "folder",
                         c->run, judge, by);
    if (fabs(minutes - c->options.minutes) <= 1e-6 * minutes && hash != NULL &&
        strcmp(hash, own) == 0)
        return DUET_OK;
    return duet_fail(DUET_ARG,
                     "'%s' holds a comparison of %g minutes on other data or of another budget; "
                     "take another folder",
                     c->run, minutes);
}

/* The rows of the earlier plan, NULL = there is none, and those that it lacks. */
static json_t *plan_json(const duet_contest *c, const json_t *earlier) {
    const duet_dataset_info *const info = duet_dataset_describe(c->dataset);
    json_t *const rows = json_array();
    char hash[32], judge[32];
    duet_format(hash, sizeof hash, "%016llx", (unsigned long long)info->hash);
    judge_text(c, judge);
    (void)json_array_extend(rows, json_object_get(earlier, "rows"));
    for (int i = 0; i < c->count; i++) {
        const duet_contest_row *const row = &c->rows[i];
        const duet_train_options *const o = &row->rival.train;
        if (row->rival.reader != NULL || find_row(earlier, row->rival.name) != NULL) continue;
        json_array_append_new(rows, json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:f,s:I}", "name",
                                              row->rival.name, "task", o->task, "arch", o->arch,
                                              "optim", o->optim, "augment", o->augment, "batch",
                                              (json_int_t)o->batch, "images_per_second", row->rate,
                                              "images", (json_int_t)row->images));
    }
    return json_pack("{s:s,s:o,s:s,s:s,s:f,s:i,s:o}", "command", "plan", "data",
                     duet_json_name(info->name), "data_hash", hash, "judge", judge, "minutes",
                     c->options.minutes, "threads", duet_context_threads(c->ctx), "rows", rows);
}

duet_status duet_contest_plan(duet_contest *c) {
    duet_status status = DUET_OK;
    json_t *plan = NULL;
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    bool changed = false;
    DUET_TRY(choose_rows(c));
    DUET_TRY(duet_path_join(folder, c->run, PLAN_FOLDER));
    DUET_TRY(duet_path_join(path, folder, DUET_RESULT_FILE));
    DUET_TRY(duet_folder_make(folder));
    if (duet_path_exists(path)) {
        DUET_DO(duet_result_record_read(&plan, folder, NULL));
        DUET_DO(check_plan(c, plan));
        changed = json_object_get(plan, "judge") == NULL;
    }
    for (int i = 0; i < c->count; i++) {
        duet_contest_row *const row = &c->rows[i];
        if (row->rival.reader != NULL) continue;
        const json_t *const known = find_row(plan, row->rival.name);
        row->rate = json_number_value(json_object_get(known, "images_per_second"));
        row->images = json_integer_value(json_object_get(known, "images"));
        if (known == NULL) DUET_DO(measure(c, row));
        changed = changed || known == NULL;
        duet_log(c->ctx, DUET_LOG_INFO, "%s: %.1f images a second, %lld images", row->rival.name,
                 row->rate, (long long)row->images);
    }
    if (changed) DUET_DO(duet_result_record_write(folder, plan_json(c, plan)));
done:
    json_decref(plan);
    return status;
}
