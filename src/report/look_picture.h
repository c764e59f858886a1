/* SPDX-License-Identifier: MIT
 * report/look_picture.h: what the sections of pictures share. */
#ifndef DUET_REPORT_LOOK_PICTURE_H
#define DUET_REPORT_LOOK_PICTURE_H

#include "report/section.h"

/* The picture of the newest step with a caption, which writes behind it; earlier ones in a list to
 * open. Nothing where there are no steps. */
void duet_report_look(duet_report *report, const duet_report_steps *steps, const char *alt,
                      void (*caption)(duet_report *report, const json_t *result, duet_str *out),
                      duet_str *out);

#endif
