/* SPDX-License-Identifier: MIT
 * head/newton.h: the minimum of logistic.h's F by Newton's method; each step by preconditioned
 * conjugate gradients. Several strengths are solved side by side, so that a pass over the rows
 * serves all of them. */
#ifndef DUET_HEAD_NEWTON_H
#define DUET_HEAD_NEWTON_H

#include "head/logistic.h"

typedef struct duet_newton duet_newton;

/* As many strengths at once as the problem has lanes. widest: the most columns for which the
 * preconditioner holds the axes of a Gram matrix. The problem is borrowed. */
DUET_NODISCARD duet_status duet_newton_new(duet_newton **out, duet_logistic *problem,
                                           int64_t widest);
void duet_newton_free(duet_newton *newton);
/* Minimises for strengths[count], strong to weak; w[i] takes the minimum of i, w[0] holds where the
 * first begins. The others begin where the one before them has come near its minimum. From zeros
 * the first goes by way of stronger penalties. */
DUET_NODISCARD duet_status duet_newton_fit(duet_newton *newton, const double *strengths, int count,
                                           const duet_logistic_limits *limits, double *const *w,
                                           duet_logistic_result *results);

#endif
