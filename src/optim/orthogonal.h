/* SPDX-License-Identifier: MIT
 * optim/orthogonal.h: the nearest matrix with singular values 1, roughly. */
#ifndef DUET_OPTIM_ORTHOGONAL_H
#define DUET_OPTIM_ORTHOGONAL_H

#include <stdint.h>

/* Floats of scratch memory. */
int64_t duet_orthogonal_room(int64_t rows, int64_t columns);
/* x[rows,columns], of any length, becomes about U V^T of its singular value decomposition: `steps`
 * steps of the quintic Newton-Schulz iteration of Jordan et al. (2024), with which singular values
 * end between 0.7 and 1.2. One thread; the caller has set that of linear algebra to 1. */
void duet_orthogonal(float *x, int64_t rows, int64_t columns, int steps, float *scratch);

#endif
