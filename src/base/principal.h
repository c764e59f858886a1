/* SPDX-License-Identifier: MIT
 * base/principal.h: principal components of rows, in double, with the same bits for any number of
 * threads. */
#ifndef DUET_BASE_PRINCIPAL_H
#define DUET_BASE_PRINCIPAL_H

#include <duet/base.h>

/* The first `count` principal components of x [rows, dim]: scores [rows, count], the rows less
 * their mean along the components; variance [count], of rows - 1, descending; total: that of all
 * components. Of components beyond the rank all are zeros. The entry of largest size of a
 * component's axis is positive, so that signs do not depend on how it was found. */
typedef struct duet_principal {
    double *scores, *variance, total;
} duet_principal;
DUET_NODISCARD duet_status duet_principal_of(duet_principal *out, const float *x, int64_t rows,
                                             int64_t dim, int64_t count);
void duet_principal_free(duet_principal *principal);
/* out [rows, rows] = the products of the rows less their mean. */
DUET_NODISCARD duet_status duet_row_products(double *out, const float *x, int64_t rows,
                                             int64_t dim);

#endif
