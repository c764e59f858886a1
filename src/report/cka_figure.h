/* SPDX-License-Identifier: MIT
 * report/cka_figure.h: the picture of a result of `duet cka` (docs/run_folder.md). */
#ifndef DUET_REPORT_CKA_FIGURE_H
#define DUET_REPORT_CKA_FIGURE_H

#include <jansson.h>

#include "figure/figure.h"

/* DUET_FORMAT where the result is not as docs/run_folder.md says. */
DUET_NODISCARD duet_status duet_cka_figure(duet_figure **out, const json_t *result, double width);

#endif
