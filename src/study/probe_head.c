/* SPDX-License-Identifier: MIT
 * study/probe_head.c: the head of a probe and its calibration. The strength is chosen on the rows
 * held out (a tenth), or on five folds where a budget of labels leaves few of them; then the head
 * is trained on all rows of the draw.
 *
 * It is calibrated by rows set apart, where there are any, which it has not seen ("apart", "val").
 * Else by the rows held out ("held"): they chose the strength, and the head before it was trained
 * on them too gives their logits. Where these are few, by all training rows ("folds"), each by a
 * head on the other four fifths; with a budget of labels each fold chose the strength of its head.
 */
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "study/calibrate.h"
#include "study/probe.h"

/* Strength where a class has one label, so that there is nothing to choose by. */
#define UNCHOSEN 0.1
/* Rows held out that calibrate a head which is a network or votes: five more would take long. */
enum { ENOUGH_HELD = 100 };

typedef struct training {
    duet_probing *p;
    const duet_feature_table *train;
    const duet_probe_draw *draw;
    int classes;
    duet_head *first; /* that chose, on draw->part; NULL = folds chose */
    duet_feature_table held;
    duet_head_result chosen;
    duet_calibration *calibration; /* NULL = not wanted */
} training;

static duet_status calibrate(const training *t, const float *logits, const duet_feature_table *of,
                             const char *from) {
    DUET_TRY(duet_calibrate(t->calibration, logits, of->labels, of->rows, t->classes));
    (void)duet_copy_text(t->calibration->from, sizeof t->calibration->from, from);
    return DUET_OK;
}

/* choose: the folds choose the strength. */
static duet_status use_folds(training *t, bool choose) {
    const duet_probing *p = t->p;
    float *logits = NULL;
    if (!duet_study_folds_fit(t->train, t->classes)) return DUET_OK;
    DUET_TRY(duet_alloc(&logits, t->train->rows * t->classes, sizeof *logits));
    duet_status status = duet_study_folds(p->ctx, t->train, t->classes, p->options->head, choose,
                                          p->options->seed, &t->chosen, logits);
    if (status == DUET_OK && t->calibration != NULL)
        status = calibrate(t, logits, t->train, "folds");
    duet_release(logits);
    return status;
}

static duet_status choose_held(training *t) {
    duet_feature_table part = {0};
    duet_status status = DUET_OK;
    DUET_DO(duet_probing_pick(&part, t->train, &t->draw->part));
    DUET_DO(duet_probing_pick(&t->held, t->train, &t->draw->held));
    const duet_head_fit fit = {.train = &part, .val = &t->held, .class_count = t->classes};
    DUET_DO(duet_head_train(t->p->ctx, &t->first, t->p->options->head, &fit, &t->chosen));
done:
    duet_feature_table_free(&part);
    return status;
}

static duet_status use_held(const training *t) {
    float *logits = NULL;
    DUET_TRY(duet_alloc(&logits, t->held.rows * t->classes, sizeof *logits));
    duet_head_logits(t->first, t->held.x, t->held.rows, logits);
    const duet_status status = calibrate(t, logits, &t->held, "held");
    duet_release(logits);
    return status;
}

static duet_status train_all(training *t, duet_head **out, const char *reader) {
    const duet_head_fit fit = {.train = t->train,
                               .class_count = t->classes,
                               .strength = t->chosen.strength,
                               .start = t->first};
    const char *const spec = t->chosen.chosen[0] != '\0' ? t->chosen.chosen : t->p->options->head;
    duet_head_result final;
    DUET_TRY(duet_head_train(t->p->ctx, out, spec, &fit, &final));
    if (!final.converged)
        duet_log(t->p->ctx, DUET_LOG_WARNING,
                 "the head of reader '%s' stopped after %d iterations without converging", reader,
                 final.iterations);
    return DUET_OK;
}

static duet_status train(training *t, duet_head **out, const char *reader) {
    const bool few = t->train->rows < DUET_PROBE_FOLDS;
    if (few && duet_probing_budget(t->p)) {
        t->chosen = (duet_head_result){.strength = UNCHOSEN, .val_top1 = NAN};
        DUET_TRY(use_folds(t, true));
        return train_all(t, out, reader);
    }
    DUET_TRY(choose_held(t));
    DUET_TRY(train_all(t, out, reader));
    if (t->calibration == NULL) return DUET_OK;
    const bool cheap = t->chosen.chosen[0] == '\0' || t->held.rows < ENOUGH_HELD;
    return few && cheap ? use_folds(t, false) : use_held(t);
}

duet_status duet_probing_train(duet_probing *p, duet_head **out, const duet_feature_table *table,
                               const duet_probe_draw *draw, duet_probe_row *row,
                               duet_calibration *calibration) {
    training t = {.p = p,
                  .train = table,
                  .draw = draw,
                  .classes = duet_dataset_describe(p->dataset)->class_count,
                  .calibration = p->apart.count > 0 ? NULL : calibration};
    const double start = duet_clock();
    const duet_status status = train(&t, out, row->reader);
    row->strength = t.chosen.strength;
    memcpy(row->chosen, t.chosen.chosen, sizeof row->chosen);
    row->val_top1 = t.chosen.val_top1;
    row->dim = table->dim;
    p->out->seconds_head += duet_clock() - start;
    duet_head_free(t.first);
    duet_feature_table_free(&t.held);
    return status;
}

duet_status duet_probing_calibrate(duet_probing *p, duet_reader *reader, const duet_head *head,
                                   duet_calibration *calibration) {
    duet_feature_table table = {0};
    float *logits = NULL;
    duet_status status = DUET_OK;
    const int K = duet_head_classes(head);
    DUET_DO(duet_probing_features(p, &table, reader, &p->apart, p->options->seed,
                                  "features of the calibration images"));
    DUET_DO(duet_alloc(&logits, table.rows * K, sizeof *logits));
    duet_head_logits(head, table.x, table.rows, logits);
    DUET_DO(duet_calibrate(calibration, logits, table.labels, table.rows, K));
    (void)duet_copy_text(calibration->from, sizeof calibration->from,
                         p->apart.split == DUET_VAL ? "val" : "apart");
done:
    duet_feature_table_free(&table);
    duet_release(logits);
    return status;
}
