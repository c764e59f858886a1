/* SPDX-License-Identifier: MIT
 * diffusion/operator/measure.c: a measurement, its least-squares solution, and images that are made
 * to agree with it, coefficient by coefficient in the basis of the singular vectors. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "diffusion/operator/operator.h"
#include "io/resize.h"

/* Singular values below LEAST of the largest count as zero. From CLEAR on, a measurement in bytes
 * is as good as exact; below, its rounding of 2/255 counts as noise. */
static const double LEAST = 0.005, CLEAR = 0.1, ROUNDING = 2.0 / 255.0 / 3.4641016151377544;

/* out = K in K^T; K [rows,n], in [n,n], out [rows,rows], middle [rows,n]. */
static void sandwich(const double *k, int64_t rows, int64_t n, const double *in, double *middle,
                     double *out) {
    duet_gemm_f64(false, false, rows, n, n, 1.0, k, n, in, n, 0.0, middle, n);
    duet_gemm_f64(false, true, rows, rows, n, 1.0, middle, n, k, n, 0.0, out, rows);
}

/* out = K^T in K; in [rows,rows], out [n,n], middle [n,rows]. */
static void sandwich_back(const double *k, int64_t rows, int64_t n, const double *in,
                          double *middle, double *out) {
    duet_gemm_f64(true, false, n, rows, rows, 1.0, k, n, in, rows, 0.0, middle, rows);
    duet_gemm_f64(false, false, n, n, rows, 1.0, middle, rows, k, n, 0.0, out, n);
}

/* to_k = sum_c by[k,c] from_c; transposed: by[c,k]. Planes of `pixels`. */
static void mix(double *to, int64_t outputs, const double *from, int64_t inputs, const double *by,
                bool transposed, int64_t pixels) {
    memset(to, 0, (size_t)(outputs * pixels) * sizeof *to);
    for (int64_t k = 0; k < outputs; k++)
        for (int64_t c = 0; c < inputs; c++) {
            const double weight = transposed ? by[c * outputs + k] : by[k * inputs + c];
            for (int64_t i = 0; weight != 0.0 && i < pixels; i++)
                to[k * pixels + i] += weight * from[c * pixels + i];
        }
}

static void to_planes(double *planes, const float *x, int64_t pixels, int64_t channels) {
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t c = 0; c < channels; c++) planes[c * pixels + i] = (double)x[i * channels + c];
}

static void from_planes(float *x, const double *planes, int64_t pixels, int64_t channels) {
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t c = 0; c < channels; c++) x[i * channels + c] = (float)planes[c * pixels + i];
}

void duet_measure_take(const duet_measure *measure, const float *x, float *y) {
    const duet_measure *m = measure;
    const int64_t pixels = m->size * m->size, out = m->side * m->side;
    to_planes(m->plane, x, pixels, m->channels);
    mix(m->turned, m->colours, m->plane, m->channels, m->colour, false, pixels);
    for (int64_t k = 0; k < m->colours; k++) {
        const double *from = m->turned + k * pixels;
        if (m->across != NULL) {
            sandwich(m->across, m->side, m->size, from, m->middle, m->square);
            from = m->square;
        }
        for (int64_t i = 0; i < out; i++)
            y[i * m->colours + k] = m->hidden != NULL && m->hidden[i] ? 0.0F : (float)from[i];
    }
}

/* The singular value of coefficient i of colour k; 0 where nothing is measured. */
static double singular(const duet_measure *m, int64_t k, int64_t i) {
    const double across = m->v == NULL ? 1.0 : m->s[i / m->size] * m->s[i % m->size],
                 s = across * m->colour_s[k];
    const bool hidden = m->hidden != NULL && m->hidden[i];
    return hidden || s <= LEAST * m->largest ? 0.0 : s;
}

/* m->plane -> its coefficients, in place: V^T of rows, columns and colours. */
static void analyse(const duet_measure *m) {
    const int64_t pixels = m->size * m->size;
    mix(m->turned, m->channels, m->plane, m->channels, m->colour_v, true, pixels);
    if (m->v == NULL) {
        memcpy(m->plane, m->turned, (size_t)(m->channels * pixels) * sizeof *m->plane);
        return;
    }
    for (int64_t k = 0; k < m->channels; k++)
        sandwich_back(m->v, m->size, m->size, m->turned + k * pixels, m->middle,
                      m->plane + k * pixels);
}

/* And back. */
static void synthesise(const duet_measure *m) {
    const int64_t pixels = m->size * m->size;
    for (int64_t k = 0; m->v != NULL && k < m->channels; k++) {
        sandwich(m->v, m->size, m->size, m->plane + k * pixels, m->middle, m->square);
        memcpy(m->plane + k * pixels, m->square, (size_t)pixels * sizeof *m->plane);
    }
    memcpy(m->turned, m->plane, (size_t)(m->channels * pixels) * sizeof *m->turned);
    mix(m->plane, m->channels, m->turned, m->channels, m->colour_v, false, pixels);
}

void duet_measure_solve(const duet_measure *measure, const float *y, double *z) {
    const duet_measure *m = measure;
    const int64_t pixels = m->size * m->size, in = m->side * m->side;
    for (int64_t k = 0; k < m->colours; k++) { /* A^T y */
        double *const to = m->turned + k * pixels;
        if (m->across == NULL) {
            for (int64_t i = 0; i < in; i++) to[i] = (double)y[i * m->colours + k];
            continue;
        }
        for (int64_t i = 0; i < in; i++) m->square[i] = (double)y[i * m->colours + k];
        sandwich_back(m->across, m->side, m->size, m->square, m->middle, to);
    }
    mix(m->plane, m->channels, m->turned, m->colours, m->colour, true, pixels);
    analyse(m);
    for (int64_t k = 0; k < m->channels; k++)
        for (int64_t i = 0; i < pixels; i++) {
            const double s = singular(m, k, i);
            z[k * pixels + i] = s > 0.0 ? m->plane[k * pixels + i] / (s * s) : 0.0;
        }
}

static double gain_of(const duet_measure *m, double s, double error) {
    if (!(s > 0.0)) return 0.0;
    if (m->noise <= 0.0 && s >= CLEAR * m->largest) return 1.0;
    const double noise = m->noise > ROUNDING ? m->noise : ROUNDING;
    return error / (error + noise * noise / (s * s));
}

void duet_measure_pull(const duet_measure *measure, const double *z, double error, float *x) {
    const duet_measure *m = measure;
    const int64_t pixels = m->size * m->size;
    to_planes(m->plane, x, pixels, m->channels);
    analyse(m);
    for (int64_t k = 0; k < m->channels; k++)
        for (int64_t i = 0; i < pixels; i++) {
            double *const to = &m->plane[k * pixels + i];
            *to += gain_of(m, singular(m, k, i), error) * (z[k * pixels + i] - *to);
        }
    synthesise(m);
    from_planes(x, m->plane, pixels, m->channels);
}

/* ---- pictures of a measurement ---- */

static void fill_mean(const duet_measure *m, float *x) {
    const int64_t pixels = m->size * m->size;
    for (int64_t c = 0; c < m->channels; c++) {
        double sum = 0;
        int64_t count = 0;
        for (int64_t i = 0; i < pixels; i++)
            if (!m->hidden[i]) {
                sum += (double)x[i * m->channels + c];
                count++;
            }
        for (int64_t i = 0; i < pixels; i++)
            if (m->hidden[i]) x[i * m->channels + c] = (float)(sum / (double)count);
    }
}

duet_status duet_measure_plain(const duet_measure *measure, const float *y, float *x) {
    const duet_measure *m = measure;
    float *large = NULL;
    DUET_TRY(duet_alloc(&large, m->size * m->size * m->colours, sizeof *large));
    const duet_status status = duet_resize_f32(large, y, m->side, m->side, m->colours, m->size,
                                               m->size, DUET_FILTER_BICUBIC);
    for (int64_t i = 0; status == DUET_OK && i < m->size * m->size; i++)
        for (int64_t c = 0; c < m->channels; c++)
            x[i * m->channels + c] = large[i * m->colours + (c < m->colours ? c : 0)];
    if (status == DUET_OK && m->hidden != NULL) fill_mean(m, x);
    duet_release(large);
    return status;
}

void duet_measure_show(const duet_measure *measure, const float *y, float *x) {
    const duet_measure *m = measure;
    for (int64_t i = 0; i < m->size * m->size; i++) {
        const int64_t row = i / m->size * m->side / m->size,
                      column = i % m->size * m->side / m->size;
        const float *const from = y + (row * m->side + column) * m->colours;
        for (int64_t c = 0; c < m->channels; c++)
            x[i * m->channels + c] = from[c < m->colours ? c : 0];
    }
}
