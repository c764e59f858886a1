/* SPDX-License-Identifier: MIT
 * report/labels.h: parts of the section of probes: accuracy over the number of labels, and how
 * honest the probabilities are. Each writes nothing where the result has no such part. */
#ifndef DUET_REPORT_LABELS_H
#define DUET_REPORT_LABELS_H

#include "report/section.h"

void duet_report_few(duet_report *report, const json_t *result, duet_str *out);
/* " With 10 labels of each class 74.6 %, against 70.4 % and 67.8 %." */
void duet_report_few_line(duet_report *report, const json_t *result, duet_str *out);
void duet_report_calibration(duet_report *report, const json_t *result, duet_str *out);
/* "; the labels are 10 of each class (5 draws)" for the line above the results */
void duet_report_budget(duet_report *report, const json_t *result, duet_str *out);

#endif
