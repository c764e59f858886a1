/* SPDX-License-Identifier: MIT
 * Bounds of predicted images: fixed ones, and those of Imagen, found by partial sorting. */
#include "diffusion/sampler/threshold.h"

#include <math.h>

void duet_threshold_static(float *x, int64_t count, float most) {
    for (int64_t i = 0; i < count; i++) x[i] = x[i] < -most ? -most : x[i] > most ? most : x[i];
}

static void swap(float *a, float *b) {
    const float kept = *a;
    *a = *b;
    *b = kept;
}

/* Hoare's selection: x[k] becomes the k-th smallest, with none smaller behind it. */
static float select_place(float *x, int64_t count, int64_t k) {
    int64_t low = 0, high = count - 1;
    while (low < high) {
        const float pivot = x[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (x[i] < pivot) i++;
            while (x[j] > pivot) j--;
            if (i <= j) swap(&x[i++], &x[j--]);
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            break;
    }
    return x[k];
}

static double quantile(float *x, int64_t count, double ratio) {
    const double at = ratio * (double)(count - 1);
    const int64_t below = (int64_t)floor(at);
    const double a = (double)select_place(x, count, below);
    if (below + 1 >= count) return a;
    float b = x[below + 1];
    for (int64_t i = below + 2; i < count; i++) b = x[i] < b ? x[i] : b;
    return a + (at - (double)below) * ((double)b - a);
}

void duet_threshold_dynamic(float *x, int64_t count, double ratio, double most, float *scratch) {
    /* a value that is not finite is no number to sort by, and stays for the caller to find */
    for (int64_t i = 0; i < count; i++) scratch[i] = isnan(x[i]) ? 0.0F : fabsf(x[i]);
    double s = fmax(quantile(scratch, count, ratio), 1.0);
    if (most > 0.0) s = fmin(s, fmax(most, 1.0));
    duet_threshold_static(x, count, (float)s);
    for (int64_t i = 0; i < count; i++) x[i] /= (float)s;
}
