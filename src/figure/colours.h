/* SPDX-License-Identifier: MIT
 * figure/colours.h: colours of values and of classes. */
#ifndef DUET_FIGURE_COLOURS_H
#define DUET_FIGURE_COLOURS_H

#include <duet/base.h>

/* Viridis at 0..1 (clamped), 0..255 each. */
void duet_viridis(int rgb[3], double value);
/* 0xRRGGBB of class k of `classes`: ten of them can be told apart at a glance, more take turns in
 * hue and lightness. */
uint32_t duet_class_colour(int k, int classes);

#endif
