/* SPDX-License-Identifier: MIT
 * data/label_budget.c: budgets of labels: their text, and the rows that they allow. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "data/view_listed.h"

bool duet_label_budget_given(const duet_label_budget *budget) {
    return budget->fraction > 0 || budget->rows > 0 || budget->shots > 0 || budget->list[0] != '\0';
}

duet_status duet_label_budget_parse(duet_label_budget *out, const char *text) {
    char number[64];
    uint64_t rows = 0;
    bool negative = false;
    double percent = 0;
    *out = (duet_label_budget){.rows = 0};
    if (text[0] == '\0') return DUET_OK;
    if (duet_ends_with(text, "%") && strlen(text) < sizeof number) {
        duet_format(number, sizeof number, "%.*s", (int)strlen(text) - 1, text);
        out->fraction =
            duet_parse_f64(&percent, number) && percent > 0 && percent <= 100 ? percent / 100 : 0;
    } else if (duet_parse_whole(&rows, &negative, text) == DUET_WHOLE && !negative &&
               rows <= INT64_MAX) {
        out->rows = (int64_t)rows;
    }
    return duet_label_budget_given(out)
               ? DUET_OK
               : duet_fail(DUET_ARG,
                           "'%s' is no number of labels; give a share, such as 10%%, or a number, "
                           "such as 500",
                           text);
}

duet_status duet_label_budget_of(duet_label_budget *out, const char *labels, int64_t shots,
                                 const char *list) {
    if ((labels[0] != '\0') + (shots > 0) + (list[0] != '\0') > 1)
        return duet_fail(DUET_ARG, "'labels', 'shots' and 'label_list' exclude each other; give "
                                   "one of them");
    DUET_TRY(duet_label_budget_parse(out, labels));
    out->shots = shots;
    duet_copy_text(out->list, sizeof out->list, list);
    return DUET_OK;
}

duet_status duet_view_labels(duet_view *out, const duet_dataset *dataset, const duet_view *in,
                             const duet_label_budget *budget, uint64_t seed,
                             duet_labels_listed *listed) {
    duet_labels_listed here = {0};
    if (budget->list[0] != '\0')
        return duet_view_listed(out, dataset, in, budget->list, listed != NULL ? listed : &here);
    if (budget->shots > 0) return duet_view_shots(out, dataset, in, budget->shots, seed);
    int64_t rows = budget->rows > 0 ? budget->rows : in->count;
    if (budget->fraction > 0) /* 1 % of 1,281,167 are 12,811 */
        rows = (int64_t)floor(budget->fraction * (double)in->count + 1e-9);
    if (rows < 1) rows = 1;
    return duet_view_divide(out, NULL, dataset, in, rows < in->count ? rows : in->count, 0, seed);
}
