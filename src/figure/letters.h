/* SPDX-License-Identifier: MIT
 * figure/letters.h: letters for pictures in pixels, which need no font of the machine: each is a
 * few strokes of one width. */
#ifndef DUET_FIGURE_LETTERS_H
#define DUET_FIGURE_LETTERS_H

#include <duet/base.h>

enum { DUET_LETTERS_EM = 20 }; /* units of a letter's size; capitals are 14 high */
enum { DUET_LETTER_POINTS = 256, DUET_LETTER_STROKES = 8 };

/* The strokes of a letter as points, in units: x to the right, y upwards from the base line. Each
 * stroke is [from, from + count) of the points. */
typedef struct duet_letter {
    double x[DUET_LETTER_POINTS], y[DUET_LETTER_POINTS];
    int from[DUET_LETTER_STROKES], count[DUET_LETTER_STROKES];
    int strokes;
    double advance; /* to the next letter */
} duet_letter;
/* Takes the next character of a UTF-8 text; returns its bytes, 0 at the end. Letters with accents
 * lose them, others than Latin become a frame. */
int duet_letter_next(duet_letter *out, const char *text);
double duet_letters_width(const char *text); /* in units */
double duet_letters_stroke(bool bold);       /* width of the strokes */

#endif
