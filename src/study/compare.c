/* SPDX-License-Identifier: MIT
 * study/compare.c: a comparison from begin to end: the plan, then each seed and in it each row. */
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "run/run_record.h"
#include "study/compare.h"
#include "train/trainer.h"

enum { ROWS = 4000, SAMPLES = 1000, REAL = 10000, MOST_SEEDS = 16 };

static void fill(char *text, size_t size, const char *usual) {
    if (text[0] == '\0') (void)duet_copy_text(text, size, usual);
}

/* What is not said, and what the data must have. */
static duet_status complete(duet_contest *c) {
    const duet_dataset_info *const info = duet_dataset_describe(c->dataset);
    duet_compare_options *const o = &c->options;
    if (!info->labelled || info->class_count < 2)
        return duet_fail(DUET_ARG, "the data set '%s' has no classes to measure recognition with",
                         info->name);
    if (info->count[DUET_TEST] == 0 && info->count[DUET_VAL] == 0)
        return duet_fail(DUET_ARG,
                         "the data set '%s' has no split to test on; 'divided:PATH' makes one",
                         info->name);
    if (!(o->minutes > 0)) return duet_fail(DUET_ARG, "a budget of minutes is needed");
    if (o->seeds < 1 || o->seeds > MOST_SEEDS)
        return duet_fail(DUET_ARG, "%d seeds are outside 1..%d", o->seeds, MOST_SEEDS);
    fill(o->head, sizeof o->head, "linear+mlp+knn");
    fill(o->sampler, sizeof o->sampler, "dpmpp_2m:steps=15");
    if (o->rows == 0) o->rows = ROWS;
    if (o->samples == 0) o->samples = SAMPLES;
    if (o->real == 0) o->real = REAL;
    c->size = o->size > 0 ? o->size : duet_preset_size(info);
    c->channels = info->channels;
    DUET_TRY(duet_head_list_parse(&c->heads, o->head));
    return c->heads.count <= DUET_COMPARE_HEADS
               ? DUET_OK
               : duet_fail(DUET_ARG, "at most %d heads", DUET_COMPARE_HEADS);
}

/* run.json, where there is none yet. */
static duet_status begin_run(const duet_contest *c) {
    char created[32];
    const duet_dataset_info *const info = duet_dataset_describe(c->dataset);
    if (duet_run_is(c->run)) return DUET_OK;
    duet_run_now(created);
    return duet_run_record_write(
        c->run,
        &(duet_run_record){.command = "compare",
                           .name = info->name,
                           .version = DUET_VERSION,
                           .status = "done",
                           .created = created,
                           .data = json_pack("{s:o,s:o}", "name", duet_json_name(info->name),
                                             "path", duet_json_name(info->path))});
}

duet_status duet_compare(duet_context *ctx, duet_compare_result *out, const duet_dataset *dataset,
                         const duet_compare_options *options, const char *run, const char *folder) {
    const double start = duet_clock();
    duet_status status = DUET_OK;
    duet_compare_result result = {.rows = NULL};
    duet_contest *c = NULL;
    DUET_DO(duet_alloc(&c, 1, sizeof *c));
    *c = (duet_contest){.ctx = ctx, .dataset = dataset, .options = *options, .run = run};
    DUET_DO(complete(c));
    DUET_DO(begin_run(c));
    const duet_dataset_info *const info = duet_dataset_describe(dataset);
    result.test_rows = info->count[DUET_TEST] > 0 ? info->count[DUET_TEST] : info->count[DUET_VAL];
    DUET_DO(duet_contest_plan(c));
    DUET_DO(duet_alloc(&result.rows, (int64_t)c->count * c->options.seeds, sizeof *result.rows));
    for (int s = 0; s < c->options.seeds; s++)
        for (int i = 0; i < c->count; i++) {
            if (s > 0 && c->rows[i].rival.reader != NULL) continue; /* once is enough */
            DUET_DO(duet_contest_row_run(c, &c->rows[i], s, &result.rows[result.count]));
            result.count++;
        }
    result.seconds = duet_clock() - start;
    DUET_DO(duet_compare_save(&result, c, folder));
    *out = result;
    memset(&result, 0, sizeof result);
done:
    duet_compare_result_free(&result);
    duet_release(c);
    return status;
}

void duet_compare_result_free(duet_compare_result *result) {
    if (result == NULL) return;
    duet_release(result->rows);
    memset(result, 0, sizeof *result);
}
