/* SPDX-License-Identifier: MIT
 * figure/colours.c: see colours.h. Hues of many classes are a golden angle apart, so that
 * neighbours in number are far from each other on the wheel; OKLCH (Ottosson 2020) keeps their
 * lightness. */
#include "figure/colours.h"

#include <math.h>

void duet_viridis(int rgb[3], double value) {
    static const uint8_t anchor[9][3] = {{68, 1, 84},    {71, 44, 122},  {59, 81, 139},
                                         {44, 113, 142}, {33, 144, 141}, {39, 173, 129},
                                         {92, 200, 99},  {170, 220, 50}, {253, 231, 37}};
    const double place = (value >= 1 ? 1 : value > 0 ? value : 0) * 8; /* NaN gives 0 */
    const int k = place >= 8 ? 7 : (int)place;
    for (int c = 0; c < 3; c++)
        rgb[c] = (int)(anchor[k][c] + (place - k) * (anchor[k + 1][c] - anchor[k][c]) + 0.5);
}

/* Of linear light, as sRGB has it. */
static int coded(double v) {
    const double cut = v > 1 ? 1 : v > 0 ? v : 0;
    return (int)(255 * (cut > 0.0031308 ? 1.055 * pow(cut, 1 / 2.4) - 0.055 : 12.92 * cut) + 0.5);
}

static uint32_t of_oklch(double lightness, double chroma, double degrees) {
    const double h = degrees * 0.017453292519943295, a = chroma * cos(h), b = chroma * sin(h);
    const double l = pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3),
                 m = pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3),
                 s = pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
    const int red = coded(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
              green = coded(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
              blue = coded(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s);
    return (uint32_t)red << 16 | (uint32_t)green << 8 | (uint32_t)blue;
}

uint32_t duet_class_colour(int k, int classes) {
    static const uint32_t few[] = {0x1f6fb4, 0xe8862a, 0x2f9e52, 0xd0413c, 0x8a63c0,
                                   0x8f5d46, 0xdc6fb5, 0x5f6b76, 0xb3a423, 0x17a7bd};
    if (classes <= 10) return few[k % 10];
    static const double light[] = {0.62, 0.5, 0.73};
    return of_oklch(light[(k + k / 21) % 3], 0.15, 137.50776 * k + 250);
}
