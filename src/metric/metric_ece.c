/* SPDX-License-Identifier: MIT
 * metric/metric_ece.c: expected calibration error (Guo et al. 2017, "On Calibration of Modern
 * Neural Networks"). The confidence of a row is its largest probability; rows are put into n bins
 * of equal width, bin b holding b/n <= confidence < (b+1)/n, the last one 1 as well:
 *   ECE = sum_b rows_b / rows * |accuracy_b - confidence_b|,  MCE = max_b |...|
 * counts: of each bin rows, correct ones, sum [2] of the confidences. */
#include <math.h>

#include "base/error.h"
#include "metric/metric.h"

enum { ROWS, CORRECT, SUM, BIN = SUM + 2 };

typedef struct ece_options {
    int64_t bins;
} ece_options;

static const duet_param params[] = {
    DUET_INT(ece_options, bins, "15", 1, 10000, "bins of equal width"),
};

static const duet_metric_scalar scalars[] = {
    {"ece", "expected calibration error", "", -1},
    {"mce", "largest calibration error of a bin", "", -1},
};

static int64_t bins_of(const duet_metric *metric) {
    return ((const ece_options *)(const void *)&metric->choice.options)->bins;
}

static duet_status open(duet_metric *metric) {
    metric->count = bins_of(metric) * BIN;
    return DUET_OK;
}

/* The product is rounded, so the borders b/n decide. */
static int64_t bin_of(double confidence, int64_t bins) {
    int64_t bin = (int64_t)(confidence * (double)bins);
    if (bin > 0 && confidence < (double)bin / (double)bins) bin--;
    if (bin < bins && confidence >= (double)(bin + 1) / (double)bins) bin++;
    return bin < bins ? bin : bins - 1;
}

static duet_status add(duet_metric *metric, const duet_metric_batch *batch) {
    const int classes = metric->setup->classes;
    for (int64_t i = 0; i < batch->rows; i++) {
        const int label = batch->labels[i];
        if (label < 0 || label >= classes) continue;
        const float *logits = batch->logits + i * classes;
        const duet_softmax_row row = duet_softmax_of(logits, classes, label);
        int64_t *bin = metric->counts + BIN * bin_of(row.confidence, bins_of(metric));
        bin[ROWS]++;
        bin[CORRECT] += row.best == label && !isnan(logits[label]);
        duet_fixed_add(bin + SUM, row.confidence);
    }
    return DUET_OK;
}

static duet_status finish(const duet_metric *metric, duet_arena *arena, double *values,
                          duet_metric_table tables[DUET_METRIC_TABLES], int *table_count) {
    static const char *const columns[] = {"from", "to", "rows", "accuracy", "confidence"};
    const int64_t bins = bins_of(metric);
    double *cells = duet_arena_alloc(arena, bins * DUET_COUNT(columns), sizeof *cells);
    double sum = 0, most = 0;
    int64_t rows = 0;
    DUET_TRY(duet_arena_status(arena));
    for (int64_t b = 0; b < bins; b++) {
        const int64_t *bin = metric->counts + b * BIN;
        const double count = (double)bin[ROWS];
        double *cell = cells + b * DUET_COUNT(columns);
        cell[0] = (double)b / (double)bins;
        cell[1] = (double)(b + 1) / (double)bins;
        cell[2] = count;
        cell[3] = (double)bin[CORRECT] / count; /* NaN in an empty bin */
        cell[4] = duet_fixed_value(bin + SUM) / count;
        if (bin[ROWS] == 0) continue;
        const double apart = fabs(cell[3] - cell[4]);
        sum += count * apart;
        if (apart > most) most = apart;
        rows += bin[ROWS];
    }
    values[0] = rows > 0 ? sum / (double)rows : (double)NAN;
    values[1] = rows > 0 ? most : (double)NAN;
    tables[0] = (duet_metric_table){.name = "reliability",
                                    .rows = bins,
                                    .columns = DUET_COUNT(columns),
                                    .column_names = columns,
                                    .cells = cells};
    *table_count = 1;
    return DUET_OK;
}

const duet_metric_kind duet_metric_ece = {
    .info = {.name = "ece",
             .help = "calibration: how far confidence and accuracy lie apart",
             .params = DUET_TABLE(params, ece_options)},
    .needs = DUET_METRIC_LABELS | DUET_METRIC_LOGITS,
    .scalars = scalars,
    .scalar_count = DUET_COUNT(scalars),
    .open = open,
    .add = add,
    .finish = finish,
};
