/* SPDX-License-Identifier: MIT
 * study/probe_time.c: as many training rows as there is time for. Features and heads of few rows
 * are timed; these features are in the cache then. The time of a head is a + b n in its n rows: a
 * is what its features cost alone (a preconditioner of them), so it is timed at two sizes. */
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "feature/reader/reader.h"
#include "study/budget.h"
#include "study/few.h"
#include "study/probe.h"

/* Training rows that are timed, and the fewest that are used. */
enum { PILOT_ROWS = 1000, MOST_PILOT = 4000, FEWEST_ROWS = 50 };
#define FEW_PART 0.05 /* of the time, for the curve over the number of labels */

/* What a head takes: seconds of its own, and of each row. */
typedef struct head_cost {
    double fixed, row;
} head_cost;

/* Computes features of `rows` training rows and, with `seconds`, times a head on them. rate: NULL,
 * or gets that of the heads of the curve. */
static duet_status measure(duet_probing *p, const char *name, duet_probe_options *own, int64_t rows,
                           double *seconds, double *rate) {
    duet_status status = DUET_OK;
    duet_reader *reader = NULL;
    duet_feature_table table = {0};
    duet_head *head = NULL;
    duet_probe_row row = {.reader = "measured"};
    own->train_rows = rows;
    duet_probing_free_views(p);
    DUET_DO(duet_probing_views(p));
    DUET_DO(duet_probing_open(p, &reader, name));
    DUET_DO(
        duet_probing_features(p, &table, reader, &p->train, own->seed, "first features, measured"));
    const double began = duet_clock();
    if (seconds != NULL) DUET_DO(duet_probing_train(p, &head, &table, &p->draw[0], &row, NULL));
    if (seconds != NULL) *seconds = duet_clock() - began;
    if (rate != NULL)
        DUET_DO(duet_few_rate(rate, &table, duet_dataset_describe(p->dataset)->class_count));
done:
    duet_head_free(head);
    duet_feature_table_free(&table);
    duet_reader_close(reader);
    return status;
}

/* Times a head on two thirds of the pilot's rows and on all of them. */
static duet_status measure_head(duet_probing *p, const char *name, duet_probe_options *own,
                                int64_t pilot, head_cost *out) {
    const int64_t few = pilot * 2 / 3 > 0 ? pilot * 2 / 3 : 1;
    double less = 0, more = 0;
    DUET_TRY(measure(p, name, own, few, &less, NULL));
    DUET_TRY(measure(p, name, own, pilot, &more, NULL));
    out->row = duet_cost_of_row(less, few, more, pilot);
    out->fixed = more - out->row * (double)pilot;
    return DUET_OK;
}

/* Heads of the baselines that are no networks, whose cost does not follow from that of the model:
 * pixels are wide. */
static duet_status measure_others(duet_probing *p, duet_probe_options *own, int64_t pilot,
                                  head_cost *out) {
    *out = (head_cost){0};
    for (int i = 0; i < p->baselines.count; i++) {
        head_cost one = {0};
        if (duet_reader_is_network(p->baselines.v[i])) continue;
        DUET_TRY(measure_head(p, p->baselines.v[i]->name, own, pilot, &one));
        out->fixed += one.fixed;
        out->row += one.row;
    }
    return DUET_OK;
}

/* Rows that are timed: twice the features, so that two thirds are more than they are, too: a head
 * has another, cheaper way where there are fewer rows than features. */
static duet_status choose_pilot(const duet_probing *p, int64_t *out) {
    duet_reader *reader = NULL;
    DUET_TRY(duet_probing_open(p, &reader, "model"));
    const int64_t wanted = duet_reader_dim(reader) * 2;
    duet_reader_close(reader);
    *out = wanted < PILOT_ROWS ? PILOT_ROWS : wanted > MOST_PILOT ? MOST_PILOT : wanted;
    if (p->train.count < *out) *out = p->train.count;
    return DUET_OK;
}

/* The passes through a network that a row takes. */
static double passes_of(const duet_settings *settings) {
    double passes = 0;
    for (int i = 0; i < settings->count; i++) {
        bool first = true;
        for (int k = 0; k < i; k++) first &= settings->v[k].t != settings->v[i].t;
        const double draws = settings->v[i].draws > 1 ? (double)settings->v[i].draws : 1.0;
        if (first) passes += draws * (settings->v[i].flip ? 2.0 : 1.0);
    }
    return passes;
}

/* What the curve may cost each reader. Returns the seconds that it leaves. */
static double keep_few(duet_probing *p, double seconds, double rate) {
    if (!p->options->few) return seconds;
    const double time = seconds > 0 ? FEW_PART * seconds : 0, cost = time * rate;
    p->few_cost = cost > 0 ? cost / (1 + p->baselines.count) : -1;
    return seconds - time;
}

duet_status duet_probing_keep_time(duet_probing *p, duet_probe_options *own, double start) {
    duet_status status = DUET_OK;
    head_cost head = {0}, others = {0};
    double readers = 1.0, rate = 0;
    int64_t pilot = 0;
    DUET_TRY(choose_pilot(p, &pilot));
    const int64_t most = p->train.count, few = pilot / 5 + 1 < 20 ? most : pilot / 5 + 1,
                  tests = p->test.count;
    const duet_features_work none = p->out->features;
    const duet_settings trained = duet_probing_single(&own->settings);
    for (int i = 0; i < p->baselines.count; i++)
        readers += duet_reader_is_network(p->baselines.v[i]) ? 1.0 : 0.0;
    DUET_DO(measure(p, "model", own, few, NULL, own->few ? &rate : NULL));
    const duet_features_work first = p->out->features;
    DUET_DO(measure_others(p, own, pilot, &others));
    const duet_features_work before = p->out->features;
    DUET_DO(measure_head(p, "model", own, pilot, &head));
    const duet_features_work all = p->out->features;
    const double pass =
                     duet_cost_of_row(first.seconds, first.computed, all.seconds - before.seconds,
                                      all.computed - before.computed),
                 row = pass * passes_of(&trained), test = pass * passes_of(&own->settings),
                 draws = (double)(duet_probing_noisy(&own->settings) ? own->noise_seeds : 1) +
                         readers - 1.0;
    own->train_rows =
        duet_rows_within(keep_few(p, 60.0 * own->minutes - (duet_clock() - start), rate),
                         ((double)tests * draws + (double)p->apart.count) * test +
                             readers * head.fixed + others.fixed,
                         readers * (row + head.row) + others.row, FEWEST_ROWS, most);
    duet_log(
        p->ctx, DUET_LOG_DEBUG,
        "a row: %.2g s a pass; a head: %.2g s and %.2g s a row, others %.2g and %.2g s: %lld rows",
        pass, head.fixed, head.row, others.fixed, others.row, (long long)own->train_rows);
    duet_probing_free_views(p);
    DUET_DO(duet_probing_views(p));
done:
    p->out->features = none;
    p->out->seconds_head = 0;
    return status;
}
