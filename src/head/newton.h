/* SPDX-License-Identifier: MIT
 * head/newton.h: the minimum of logistic.h's F by Newton's method; each step by preconditioned conjugate gradients. */
#ifndef DUET_HEAD_NEWTON_H
#define DUET_HEAD_NEWTON_H

#include "head/logistic.h"

typedef struct duet_newton duet_newton;

/* widest: the most columns for which the preconditioner holds a Gram matrix. The problem is borrowed. */
DUET_NODISCARD duet_status duet_newton_new(duet_newton **out, duet_logistic *problem, int64_t widest);
void duet_newton_free(duet_newton *newton);
/* Minimises from w, in place. From zeros it goes by way of stronger penalties. */
DUET_NODISCARD duet_status duet_newton_fit(duet_newton *newton, double strength, const duet_logistic_limits *limits, double *w,
                                           duet_logistic_result *result);

#endif
