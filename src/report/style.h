/* SPDX-License-Identifier: MIT
 * report/style.h: the page's style sheet. */
#ifndef DUET_REPORT_STYLE_H
#define DUET_REPORT_STYLE_H

extern const char duet_style_sheet[];

#endif
