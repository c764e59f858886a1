/* SPDX-License-Identifier: MIT
 * figure/tint.h: values laid over an image as colours. */
#ifndef DUET_FIGURE_TINT_H
#define DUET_FIGURE_TINT_H

#include <stdint.h>

/* value -1 … 1: from blue over nothing to orange, on a grey of 0 … 255. */
void duet_tint(uint8_t rgb[3], double grey, double value);
/* The grey of a pixel of 1 or 3 channels, made pale, so that colours over it are seen. */
double duet_pale(const uint8_t *pixel, int channels);

#endif
