/* SPDX-License-Identifier: MIT
 * report/quantity.h: numbers as people read them. Text lives in the arena; NaN and infinities read
 * "–". */
#ifndef DUET_REPORT_QUANTITY_H
#define DUET_REPORT_QUANTITY_H

#include "base/mem.h"

const char *duet_quantity_count(duet_arena *arena, double value);               /* 330,000 */
const char *duet_quantity_short(duet_arena *arena, double value);               /* 1.19 M */
const char *duet_quantity_fixed(duet_arena *arena, double value, int decimals); /* 90.4 */
const char *duet_quantity_plain(duet_arena *arena, double value);   /* 0.0312, four digits */
const char *duet_quantity_seconds(duet_arena *arena, double value); /* 12.3 s, 20 min, 1 h 05 min */
const char *duet_quantity_bytes(duet_arena *arena, double value);   /* 700 MiB */
const char *duet_quantity_signed(duet_arena *arena, double value,
                                 int decimals); /* −6.2 with a real minus sign */

#endif
