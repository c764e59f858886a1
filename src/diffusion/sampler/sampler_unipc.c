/* SPDX-License-Identifier: MIT
 * UniPC (Zhao et al. 2023) for predicted images: a multistep predictor, whose prediction at the
 * next level corrects the step that led there before it is used again. Over a step of h from level
 * s to t, with D_i the predictions at lambda_i = lambda_s + r_i h, D_0 at s, and H = -h, x_t =
 * sigma_t/sigma_s x_s - alpha_t (e^H - 1) D_0 - alpha_t B sum_i rho_i (D_i - D_0)/r_i, sum_i
 * r_i^(k-1) rho_i = k! phi_(k+1)(H) H / B,  phi_1 = (e^H - 1)/H, phi_(k+1) = (phi_k - 1/k!)/H B = H
 * (bh1) or e^H - 1 (bh2). The predictor of order p has r_1 .. r_(p-1) of the levels before, the
 * corrector r = 1 besides; with a single term, rho = 1/2. */
#include <math.h>
#include <string.h>

#include "diffusion/sampler/trail.h"

enum { MOST = 3 };

typedef struct unipc_options {
    duet_trail_options trail;
    int64_t order;
    char variant[16];
    bool lower_final;
} unipc_options;
DUET_TRAIL_FIRST(unipc_options);

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("20", "sampling steps; 0 = all of the schedule"),
    DUET_INT(unipc_options, order, "2", 1, MOST, "order of the predictor"),
    DUET_TEXT(unipc_options, variant, "bh2", "bh1|bh2", "form of B"),
    DUET_BOOLEAN(unipc_options, lower_final, "true", "lower orders in the last steps"),
    DUET_TRAIL_ROWS,
};

/* Solves sum_i r_i^k x_i = b_k, k = 0 .. n-1: x_i is the polynomial prod_{j != i} (z - r_j)/(r_i -
 * r_j) with b_k in the place of z^k. */
static void vandermonde(const double *r, const double *b, int n, double *x) {
    for (int i = 0; i < n; i++) {
        double part[MOST + 1] = {1.0}, by = 1.0;
        int degree = 0;
        for (int j = 0; j < n; j++) {
            if (j == i) continue;
            for (int k = ++degree; k >= 0; k--)
                part[k] = (k > 0 ? part[k - 1] : 0.0) - r[j] * part[k];
            by *= r[i] - r[j];
        }
        x[i] = 0.0;
        for (int k = 0; k < n; k++) x[i] += part[k] * b[k] / by;
    }
}

/* B rho of `n` places r for a step of h. */
static void rho_of(const unipc_options *o, double h, const double *r, int n, double *rho) {
    const double H = -h, B = strcmp(o->variant, "bh1") == 0 ? H : expm1(H);
    double b[MOST], phi = expm1(H) / H, factorial = 1.0;
    for (int k = 0; k < n; k++) {
        factorial *= (double)(k + 1);      /* (k+1)! */
        phi = (phi - 1.0 / factorial) / H; /* phi_(k+2) */
        b[k] = factorial * phi * H / B;
    }
    if (n == 1)
        rho[0] = 0.5;
    else
        vandermonde(r, b, n, rho);
    for (int i = 0; i < n; i++) rho[i] *= B;
}

/* Predictions that the step `back` steps before this one uses: its own and those before it; fewer
 * towards the end. */
static int order_of(const unipc_options *o, const duet_trail *trail, int64_t back) {
    const int64_t known = duet_trail_before(trail) - back + 1,
                  rest = trail->steps - trail->k + back;
    int64_t order = o->order < known ? o->order : known;
    if (o->lower_final && rest < order) order = rest;
    return order < 1 ? 1 : (int)order;
}

/* The step `back` steps before this one, from the marked state. The corrector knows the prediction
 * at its end, which is the newest. */
static duet_status solve(const unipc_options *o, duet_trail *trail, int64_t back, int order) {
    const duet_level s = trail->level[trail->k - back], t = trail->level[trail->k - back + 1];
    const double h = duet_trail_h(trail, back);
    const int first = (int)back, n = order - 1 + first; /* D_0 is seen[first] */
    double r[MOST] = {0}, rho[MOST] = {0}, sum = 0.0;
    duet_trail_move move = {.mark = t.sigma / s.sigma};
    for (int i = 0; i < order - 1; i++) {
        sum -= duet_trail_h(trail, back + 1 + i);
        r[i] = sum / h;
    }
    if (first == 1) r[n - 1] = 1.0;
    if (n > 0) rho_of(o, h, r, n, rho);
    move.seen[first] = -t.alpha * expm1(-h);
    for (int i = 0; i < n; i++) {
        const int place = i < order - 1 ? first + 1 + i : 0;
        const double by = -t.alpha * rho[i] / r[i];
        move.seen[place] += by;
        move.seen[first] -= by;
    }
    return duet_trail_go(trail, &move);
}

static duet_status step(const void *options, duet_trail *trail) {
    const unipc_options *const o = options;
    const duet_level now = duet_trail_now(trail), next = duet_trail_next(trail);
    DUET_TRY(duet_trail_look(trail, now));
    if (duet_trail_before(trail) >= 1) DUET_TRY(solve(o, trail, 1, order_of(o, trail, 1)));
    if (!isfinite(duet_trail_h(trail, 0))) return duet_trail_line(trail, now, next, 0.0);
    DUET_TRY(duet_trail_mark(trail));
    return solve(o, trail, 0, order_of(o, trail, 0));
}

const duet_sampler duet_sampler_unipc = {
    .info = {.name = "unipc",
             .help = "predictor and corrector, one evaluation a step",
             .params = DUET_TABLE(rows, unipc_options),
             .aliases = "uni_pc UniPCMultistepScheduler"},
    .remembers = 4,
    .order = 3, /* the corrector adds one */
    .step = step,
};
