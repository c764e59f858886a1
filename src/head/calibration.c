/* SPDX-License-Identifier: MIT
 * head/calibration.c: a temperature and conformal scores from logits of rows that a head has not
 * been trained on.
 *
 * With b = 1/temperature and the targets q = (1 - e) onehot + e/K, the mean cross-entropy of
 * softmax(b l) is convex in b:
 *   slope      = mean over rows of  sum_k p_k l_k - sum_k q_k l_k
 *   curvature  = mean over rows of  sum_k p_k l_k^2 - (sum_k p_k l_k)^2
 * Newton's method on the slope inside a bracket, which is halved (in log b) where a step leaves it.
 * e is 0, but where all rows are right, whose minimum would lie at b = infinity: there it is
 * 1/(rows + 1), as in Platt's targets.
 *
 * The scores are 1 - p of the label (the threshold method, LAC: the smallest sets on average for a
 * coverage). The temperature is fitted to the same rows, one number on all of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <duet/head.h>

#include "base/error.h"
#include "base/mem.h"

#define LEAST_INVERSE 1e-3
#define MOST_INVERSE  1e3

typedef struct rows {
    const float *logits;
    const int32_t *labels;
    int64_t rows, used; /* used: with a label and finite logits */
    int classes;
    double e;
} rows;

static bool usable(const rows *r, int64_t i) {
    if (r->labels[i] < 0 || r->labels[i] >= r->classes) return false;
    for (int k = 0; k < r->classes; k++)
        if (!isfinite(r->logits[i * r->classes + k])) return false;
    return true;
}

static double largest(const float *logits, int classes) {
    double most = -INFINITY;
    for (int k = 0; k < classes; k++)
        if ((double)logits[k] > most) most = (double)logits[k];
    return most;
}

static bool all_right(const rows *r) {
    for (int64_t i = 0; i < r->rows; i++) {
        const float *l = r->logits + i * r->classes;
        if (usable(r, i) && (double)l[r->labels[i]] < largest(l, r->classes)) return false;
    }
    return true;
}

/* Slope and curvature at b. Logits are taken from their largest, which changes neither. */
static void derive(const rows *r, double b, double *slope, double *curvature) {
    const double e = r->e;
    *slope = *curvature = 0;
    for (int64_t i = 0; i < r->rows; i++) {
        const float *l = r->logits + i * r->classes;
        const double most = largest(l, r->classes);
        double sum = 0, first = 0, second = 0, mean = 0;
        if (!usable(r, i)) continue;
        for (int k = 0; k < r->classes; k++) {
            const double at = (double)l[k] - most, p = exp(b * at);
            sum += p;
            first += p * at;
            second += p * at * at;
            mean += at;
        }
        const double target = (1 - e) * ((double)l[r->labels[i]] - most) + e * mean / r->classes;
        first /= sum;
        *slope += first - target;
        *curvature += second / sum - first * first;
    }
    *slope /= (double)r->used;
    *curvature /= (double)r->used;
}

static double find_inverse(const rows *r) {
    double low = LEAST_INVERSE, high = MOST_INVERSE, b = 1, slope = 0, curvature = 0;
    derive(r, low, &slope, &curvature);
    if (slope >= 0) return low;
    derive(r, high, &slope, &curvature);
    if (slope <= 0) return high;
    for (int i = 0; i < 200; i++) {
        derive(r, b, &slope, &curvature);
        if (slope > 0)
            high = b;
        else
            low = b;
        double next = curvature > 0 ? b - slope / curvature : low;
        if (!(next > low && next < high)) next = sqrt(low * high);
        if (fabs(next - b) <= 1e-12 * b) return next;
        b = next;
    }
    return b;
}

void duet_calibrated(const duet_calibration *calibration, const float *logits, int classes,
                     double *probabilities) {
    const bool scaled = calibration != NULL && calibration->rows > 0;
    const double b = scaled ? 1.0 / calibration->temperature : 1.0, most = largest(logits, classes);
    double sum = 0;
    for (int k = 0; k < classes; k++) {
        const double at = (double)logits[k];
        probabilities[k] = at == most ? 1.0 : isnan(at) ? 0.0 : exp(b * (at - most));
        sum += probabilities[k];
    }
    for (int k = 0; k < classes && sum > 0; k++) probabilities[k] /= sum;
}

static int ascending(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Rounded up, so that a row's own score never excludes it. */
static float score_of(double p) {
    const float score = (float)(1.0 - p);
    return (double)score < 1.0 - p ? nextafterf(score, 2.0f) : score;
}

static duet_status take_scores(duet_calibration *out, const rows *r) {
    const int64_t n = r->used;
    duet_status status = DUET_OK;
    float *scores = NULL;
    double *p = NULL;
    int64_t count = 0;
    DUET_DO(duet_alloc(&scores, n, sizeof *scores));
    DUET_DO(duet_alloc(&p, r->classes, sizeof *p));
    for (int64_t i = 0; i < r->rows; i++) {
        if (!usable(r, i)) continue;
        duet_calibrated(out, r->logits + i * r->classes, r->classes, p);
        scores[count++] = score_of(p[r->labels[i]]);
    }
    qsort(scores, (size_t)n, sizeof *scores, ascending);
    out->score_count = n < DUET_MOST_SCORES ? (int)n : DUET_MOST_SCORES;
    for (int64_t j = 0; j < out->score_count; j++) {
        const int64_t rank = n > DUET_MOST_SCORES
                                 ? ((j + 1) * (n + 1) + DUET_MOST_SCORES) / (DUET_MOST_SCORES + 1)
                                 : j + 1;
        out->scores[j] = scores[rank - 1];
    }
done:
    duet_release(scores);
    duet_release(p);
    return status;
}

duet_status duet_calibrate(duet_calibration *out, const float *logits, const int32_t *labels,
                           int64_t count, int classes) {
    rows r = {.logits = logits, .labels = labels, .rows = count, .classes = classes};
    duet_calibration made = {.temperature = 1};
    for (int64_t i = 0; i < count; i++) r.used += usable(&r, i);
    if (r.used == 0)
        return duet_fail(DUET_ARG,
                         "none of %lld rows has a label and finite logits to calibrate by",
                         (long long)count);
    made.rows = r.used;
    if (all_right(&r)) r.e = 1.0 / (double)(r.used + 1);
    made.temperature = 1.0 / find_inverse(&r);
    DUET_TRY(take_scores(&made, &r));
    *out = made;
    return DUET_OK;
}

double duet_conformal_least(const duet_calibration *calibration, double level) {
    const int64_t n = calibration->rows, count = calibration->score_count;
    const double of = n > DUET_MOST_SCORES ? DUET_MOST_SCORES + 1 : (double)(n + 1);
    const double rank = ceil(of * level - 1e-9); /* 0.9 * 10 is 9, whatever its last bit */
    if (!(rank <= (double)count)) return 0.0;
    return 1.0 - (double)calibration->scores[rank > 1 ? (int64_t)rank - 1 : 0];
}
