/* SPDX-License-Identifier: MIT
 * metric/accuracy.c: top-1, top-5, confusion and mean-per-class accuracy. Only integers are summed,
 * so partial results merge exactly in any order. A logit that is not a number counts as minus
 * infinity: it never wins. */
#include "metric/metric.h"

#include <math.h>

#include "base/error.h"

#define MOST_CLASSES 32768 /* classes^2 counters stay below 8 GiB */

duet_status duet_accuracy_check(int classes) {
    if (classes >= 1 && classes <= MOST_CLASSES) return DUET_OK;
    return duet_fail(DUET_ARG, "accuracy is counted for 1 to %d classes, not %d", MOST_CLASSES,
                     classes);
}

duet_status duet_accuracy_new(duet_accuracy *out, int classes) {
    int64_t *confusion = NULL;
    DUET_TRY(duet_accuracy_check(classes));
    DUET_TRY(duet_alloc(&confusion, (int64_t)classes * classes, sizeof *confusion));
    *out = (duet_accuracy){.classes = classes, .confusion = confusion};
    return DUET_OK;
}

static float value_of(float logit) {
    return isnan(logit) ? -INFINITY : logit;
}

/* Classes that stand before `label`: larger logits, and equal ones of lower number. */
static int rank_of(const float *logits, int classes, int label) {
    const float own = value_of(logits[label]);
    if (isnan(logits[label])) return classes;
    int before = 0;
    for (int k = 0; k < classes; k++) {
        const float other = value_of(logits[k]);
        before += other > own || (other == own && k < label);
    }
    return before;
}

static int argmax(const float *logits, int classes) {
    int best = 0;
    for (int k = 1; k < classes; k++)
        if (value_of(logits[k]) > value_of(logits[best])) best = k;
    return best;
}

void duet_accuracy_add(duet_accuracy *accuracy, const float *logits, const int32_t *labels,
                       int64_t rows) {
    const int classes = accuracy->classes;
    for (int64_t i = 0; i < rows; i++) {
        const int label = labels[i];
        if (label < 0 || label >= classes) continue;
        const float *row = logits + i * classes;
        const int rank = rank_of(row, classes, label);
        accuracy->rows++;
        accuracy->correct1 += rank == 0;
        accuracy->correct5 += rank < 5 && rank < classes;
        accuracy->confusion[(int64_t)label * classes + argmax(row, classes)]++;
    }
}

void duet_accuracy_merge(duet_accuracy *accuracy, const duet_accuracy *other) {
    if (accuracy->classes != other->classes) return;
    accuracy->rows += other->rows;
    accuracy->correct1 += other->correct1;
    accuracy->correct5 += other->correct5;
    const int64_t cells = (int64_t)accuracy->classes * accuracy->classes;
    for (int64_t i = 0; i < cells; i++) accuracy->confusion[i] += other->confusion[i];
}

static double percent(int64_t part, int64_t whole) {
    return whole > 0 ? 100.0 * (double)part / (double)whole : (double)NAN;
}

double duet_accuracy_top1(const duet_accuracy *accuracy) {
    return percent(accuracy->correct1, accuracy->rows);
}

double duet_accuracy_top5(const duet_accuracy *accuracy) {
    return percent(accuracy->correct5, accuracy->rows);
}

double duet_accuracy_class(const duet_accuracy *accuracy, int label) {
    if (label < 0 || label >= accuracy->classes) return (double)NAN;
    const int64_t *row = accuracy->confusion + (int64_t)label * accuracy->classes;
    int64_t whole = 0;
    for (int k = 0; k < accuracy->classes; k++) whole += row[k];
    return percent(row[label], whole);
}

double duet_accuracy_mean_class(const duet_accuracy *accuracy) {
    double sum = 0;
    int seen = 0;
    for (int k = 0; k < accuracy->classes; k++) {
        const double one = duet_accuracy_class(accuracy, k);
        if (isnan(one)) continue; /* a class without rows has no accuracy */
        sum += one;
        seen++;
    }
    return seen > 0 ? sum / seen : (double)NAN;
}

void duet_accuracy_free(duet_accuracy *accuracy) {
    if (accuracy == NULL) return;
    duet_release(accuracy->confusion);
    *accuracy = (duet_accuracy){0};
}
