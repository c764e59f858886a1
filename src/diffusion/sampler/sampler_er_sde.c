/* SPDX-License-Identifier: MIT
 * ER-SDE solvers (Cui et al. 2023): extended reverse-time stochastic equations, with l =
 * sigma/alpha, phi(l) = l (e^(l^0.3) + 10) and q = phi(l')/phi(l) over a step from l to l':
 *   x' = alpha' (q x/alpha + (1 - q) x0 + (l' - l + S_0 phi(l')) d1
 *        + ((l' - l)^2/2 + S_1 phi(l')) d2 + sqrt(l'^2 - q^2 l^2) noise)
 *   S_i = integral from l' to l of (v - l)^i / phi(v) dv
 * d1, d2: first and second derivative of x0 by l, from the last predictions. */
#include <math.h>

#include "diffusion/sampler/multistep.h"

typedef struct er_sde_options {
    duet_trail_options trail;
    int64_t order;
    double s_noise;
} er_sde_options;
DUET_TRAIL_FIRST(er_sde_options);

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("20", "sampling steps; 0 = all of the schedule"),
    DUET_INT(er_sde_options, order, "3", 1, 3, "predictions that are used"),
    DUET_FLOAT(er_sde_options, s_noise, "1", 0, 10, "amplitude of the noise"),
    DUET_TRAIL_ROWS,
};

static double scale_of(double l) {
    return l * (exp(pow(l, 0.3)) + 10.0);
}

/* With v = e^w, dv = e^w dw. */
static double inverse(const void *user, double w) {
    (void)user;
    return exp(w) / scale_of(exp(w));
}

static double moment(const void *user, double w) {
    return inverse(NULL, w) * (exp(w) - *(const double *)user);
}

/* Weights of the derivatives, put onto the predictions that they are differences of. */
static void add_orders(const duet_trail *trail, int count, double low, double high,
                       duet_trail_move *move) {
    const double alpha = duet_trail_next(trail).alpha, d = low - high, phi = scale_of(low);
    if (count < 2) return;
    const double l1 = duet_level_ratio(trail->level[trail->k - 1]), gap = high - l1;
    double first = alpha * (d + phi * duet_quadrature(inverse, NULL, log(low), log(high), 8));
    double before = 0.0; /* weight of the derivative one step before */
    if (count > 2) {
        const double l2 = duet_level_ratio(trail->level[trail->k - 2]);
        const double second =
            alpha * (0.5 * d * d + phi * duet_quadrature(moment, &high, log(low), log(high), 8)) /
            (0.5 * (high - l2));
        first += second;
        before = -second / (l1 - l2);
    }
    move->seen[0] += first / gap;
    move->seen[1] = before - first / gap;
    move->seen[2] = -before;
}

static duet_status step(const void *options, duet_trail *trail) {
    const er_sde_options *const o = options;
    const duet_level now = duet_trail_now(trail), next = duet_trail_next(trail);
    const double high = duet_level_ratio(now), low = duet_level_ratio(next);
    const int64_t known = duet_trail_before(trail) + 1;
    const bool finite = isfinite(high);
    DUET_TRY(duet_trail_look(trail, now));
    if (low <= 0.0) return duet_trail_line(trail, now, next, 0.0);
    const double q = finite ? scale_of(low) / scale_of(high) : 0.0;
    const double rest = low * low - (finite ? q * q * high * high : 0.0);
    duet_trail_move move = {.keep = finite ? next.alpha * q / now.alpha : 0.0,
                            .seen = {next.alpha * (1.0 - q)},
                            .noise = rest > 0.0 ? next.alpha * sqrt(rest) * o->s_noise : 0.0};
    if (finite) add_orders(trail, (int)(known < o->order ? known : o->order), low, high, &move);
    return duet_trail_go(trail, &move);
}

const duet_sampler duet_sampler_er_sde = {
    .info = {.name = "er_sde",
             .help = "extended reverse-time equation, one to three predictions",
             .params = DUET_TABLE(rows, er_sde_options)},
    .remembers = 3,
    .step = step,
};
