/* SPDX-License-Identifier: MIT
 * cli/edit_strip.c: before and after, side by side, and in figures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/edit_pictures.h"

enum { ANSWERS = 8, ROWS = 12, SPREAD = 4 };

/* Standard deviation of a picture's answers at each value, SPREAD times as bright. */
static void spread(const cli_pictures *p, int64_t picture, uint8_t *out) {
    const uint8_t *const from = p->result + picture * p->answers * p->dim;
    for (int64_t i = 0; i < p->dim; i++) {
        double sum = 0, squares = 0;
        for (int64_t k = 0; k < p->answers; k++) {
            const double v = from[k * p->dim + i];
            sum += v;
            squares += v * v;
        }
        const double mean = sum / (double)p->answers,
                     variance = squares / (double)p->answers - mean * mean;
        out[i] = (uint8_t)fmin(255.0, SPREAD * sqrt(fmax(variance, 0.0)) + 0.5);
    }
}

duet_status cli_strip_save(const cli_pictures *p, const char *path, const char *note,
                           json_t **columns) {
    const int64_t answers = p->answers < ANSWERS ? p->answers : ANSWERS,
                  rows = p->count < ROWS ? p->count : ROWS;
    const bool way = *p->o->interpolate,
               known = !way && (p->mask != NULL || *p->o->chain || p->enlarges),
               spreads = !way && p->answers > 1;
    const int64_t across = (p->whole != NULL && !way) + 2 * known + answers + spreads;
    uint8_t *const sheet = malloc((size_t)(rows * across * p->dim)), *to = sheet;
    if (sheet == NULL) return cli_fail(DUET_NO_MEMORY, "not enough memory for the strip");
    *columns = json_array();
    if (p->whole != NULL && !way) json_array_append_new(*columns, json_string("before"));
    if (known) json_array_append_new(*columns, json_string("known"));
    if (known) json_array_append_new(*columns, json_string("plain"));
    for (int64_t k = 0; k < answers; k++)
        json_array_append_new(*columns, json_string(way ? "frame" : "answer"));
    if (spreads) json_array_append_new(*columns, json_string("spread"));
    for (int64_t i = 0; i < rows; i++) {
        const uint8_t *const parts[] = {way ? NULL : p->whole, known ? p->shown : NULL,
                                        known ? p->plain : NULL};
        for (int k = 0; k < DUET_COUNT(parts); k++) {
            if (parts[k] == NULL) continue;
            memcpy(to, parts[k] + i * p->dim, (size_t)p->dim);
            to += p->dim;
        }
        memcpy(to, p->result + i * p->answers * p->dim, (size_t)(answers * p->dim));
        to += answers * p->dim;
        if (spreads) {
            spread(p, i, to);
            to += p->dim;
        }
    }
    const duet_status status =
        duet_images_save(sheet, rows * across, p->how.size, p->how.channels, across, path, note);
    free(sheet);
    return status;
}

double cli_psnr(const cli_pictures *p, const uint8_t *images, int64_t each) {
    double total = 0;
    for (int64_t i = 0; i < p->count * each; i++) {
        const uint8_t *const a = p->whole + i / each * p->dim, *const b = images + i * p->dim;
        double squares = 0;
        for (int64_t k = 0; k < p->dim; k++) {
            const double difference = (double)a[k] - (double)b[k];
            squares += difference * difference;
        }
        total += 10.0 * log10(255.0 * 255.0 / fmax(squares / (double)p->dim, 1e-3));
    }
    return total / (double)(p->count * each);
}

double cli_psnr_mean(const cli_pictures *p) {
    uint8_t *const means = p->answers > 1 ? calloc((size_t)(p->count * p->dim), 1) : NULL;
    if (means == NULL) return NAN;
    for (int64_t i = 0; i < p->count * p->dim; i++) {
        const uint8_t *const from = p->result + i / p->dim * p->answers * p->dim + i % p->dim;
        double sum = 0;
        for (int64_t k = 0; k < p->answers; k++) sum += from[k * p->dim];
        means[i] = (uint8_t)(sum / (double)p->answers + 0.5);
    }
    const double psnr = cli_psnr(p, means, 1);
    free(means);
    return psnr;
}
