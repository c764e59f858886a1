/* SPDX-License-Identifier: MIT
 * Weights of linear multistep rules, by Gauss-Legendre quadrature of 5 points: exact for the
 * polynomials, and to the last digits for their products with an exponential. */
#include "diffusion/sampler/multistep.h"

#include <math.h>
#include <string.h>

enum { PANELS = 8 };

double duet_quadrature(double (*f)(const void *user, double x), const void *user, double from,
                       double to, int panels) {
    static const double node[] = {0.0, 0.538469310105683091, 0.906179845938663993},
                        weight[] = {0.568888888888888889, 0.478628670499366468,
                                    0.236926885056189088};
    const double half = 0.5 * (to - from) / (double)panels;
    double sum = 0.0;
    for (int p = 0; p < panels; p++) {
        const double middle = from + half * (double)(2 * p + 1);
        sum += weight[0] * f(user, middle);
        for (int i = 1; i < DUET_COUNT(node); i++)
            sum +=
                weight[i] * (f(user, middle - half * node[i]) + f(user, middle + half * node[i]));
    }
    return half * sum;
}

typedef struct lagrange {
    double at[DUET_TRAIL_SEEN];
    int count, j;
    bool logs;
} lagrange;

/* with logs the variable is w = log u, and du = e^w dw */
static double polynomial(const void *user, double x) {
    const lagrange *const l = user;
    double product = l->logs ? exp(x) : 1.0;
    for (int k = 0; k < l->count; k++)
        if (k != l->j) product *= (x - l->at[k]) / (l->at[l->j] - l->at[k]);
    return product;
}

double duet_lagrange_integral(const double *at, int count, int j, double from, double to,
                              bool logs) {
    lagrange l = {.count = count, .j = j, .logs = logs};
    for (int k = 0; k < count; k++) l.at[k] = logs ? log(at[k]) : at[k];
    if (logs) return duet_quadrature(polynomial, &l, log(from), log(to), PANELS);
    return duet_quadrature(polynomial, &l, from, to, 1);
}

duet_status duet_trail_slopes(duet_trail *trail, duet_level now, duet_level next, double curve,
                              const double *weight) {
    const double scale = next.alpha + curve * next.sigma;
    duet_trail_move move = {.keep = scale / (now.alpha + curve * now.sigma)};
    for (int i = 0; i < trail->remembers; i++) move.seen[i] = scale * weight[i];
    return duet_trail_go(trail, &move);
}
