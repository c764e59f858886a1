/* SPDX-License-Identifier: MIT
 * figure/tint.c: see tint.h. */
#include "figure/tint.h"

#include <math.h>

void duet_tint(uint8_t rgb[3], double grey, double value) {
    static const double warm[3] = {214, 74, 18}, cold[3] = {28, 98, 178};
    const double part = 0.9 * pow(fmin(fabs(value), 1), 0.8);
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)(grey + ((value > 0 ? warm[c] : cold[c]) - grey) * part + 0.5);
}

double duet_pale(const uint8_t *pixel, int channels) {
    const double grey =
        channels == 3 ? 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2] : pixel[0];
    return 150 + grey * 0.41;
}
