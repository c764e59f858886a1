/* SPDX-License-Identifier: MIT
 * figure/matrix.h: a matrix as a heat map in viridis, with numbers along its sides, groups of rows
 * and columns, and a scale. */
#ifndef DUET_FIGURE_MATRIX_H
#define DUET_FIGURE_MATRIX_H

#include "figure/figure.h"

typedef struct duet_matrix_side {
    int64_t count;
    const char *title;
    const char *const *label; /* [count], short */
    const char *const *group; /* [count]: equal neighbours stand together; NULL = no groups */
} duet_matrix_side;

typedef struct duet_matrix {
    duet_matrix_side rows, columns;
    const double *value; /* [rows, columns]; NaN = nothing there */
    double lo, hi;       /* ends of the colours */
    const char *title, *note;
    double width; /* of the figure; it is narrower where the matrix is small */
} duet_matrix;
DUET_NODISCARD duet_status duet_matrix_figure(duet_figure **out, const duet_matrix *matrix);

#endif
