/* SPDX-License-Identifier: MIT
 * DPM-Solver++(3M) for the stochastic equation (k-diffusion): with H = h (1 + eta), r_i = h_i / h
 * of the two steps before, d10 = (x0 - x0_1)/r_1,  d11 = (x0_1 - x0_2)/r_2,  q = r_1/(r_1 + r_2) d1
 * = d10 + q (d10 - d11),  d2 = (d10 - d11)/(r_1 + r_2) x' += alpha' (phi2 d1 - phi3 d2),  phi2 = 1
 * - (1 - e^-H)/H,  phi3 = phi2/H - 1/2
 * The integral of the polynomial has w = 2. The usual code has w = 1, which is of second order. */
#include "diffusion/sampler/exponential.h"

typedef struct dpmpp_3m_options {
    duet_exponential_options base;
    bool full;
} dpmpp_3m_options;

static const duet_param rows[] = {
    DUET_TRAIL_STEPS("25", "sampling steps; 0 = all of the schedule"),
    DUET_EXPONENTIAL_ROWS,
    DUET_BOOLEAN(dpmpp_3m_options, full, "false", "w = 2: of third order"),
    DUET_TRAIL_ROWS,
};

static void add_orders(const duet_trail *trail, double h, double whole, double w,
                       duet_trail_move *move) {
    const int64_t before = duet_trail_before(trail);
    const double alpha = duet_trail_next(trail).alpha, phi2 = 1.0 + expm1(-whole) / whole,
                 phi3 = w * (phi2 / whole - 0.5);
    if (before < 1) return;
    const double r1 = duet_trail_h(trail, 1) / h;
    double d10 = alpha * phi2, d11 = 0.0; /* weights of d10 and d11 */
    if (before >= 2) {
        const double r2 = duet_trail_h(trail, 2) / h, both = r1 + r2;
        const double turn = alpha * (phi2 * r1 / both - phi3 / both);
        d10 += turn;
        d11 = -turn / r2;
    }
    d10 /= r1;
    move->seen[0] += d10;
    move->seen[1] = d11 - d10;
    move->seen[2] = -d11;
}

static duet_status step(const void *options, duet_trail *trail) {
    const dpmpp_3m_options *const all = options;
    const duet_exponential_options *const o = &all->base;
    const double h = duet_trail_h(trail, 0), whole = h * (1.0 + o->eta);
    duet_trail_move move = duet_trail_exponential(trail, h, o->eta, o->s_noise);
    DUET_TRY(duet_trail_look(trail, duet_trail_now(trail)));
    if (isfinite(h)) add_orders(trail, h, whole, all->full ? 2.0 : 1.0, &move);
    return duet_trail_go(trail, &move);
}

const duet_sampler duet_sampler_dpmpp_3m_sde = {
    .info = {.name = "dpmpp_3m_sde",
             .help = "DPM-Solver++(3M) with fresh noise in each step",
             .params = DUET_TABLE(rows, dpmpp_3m_options),
             .aliases = "sample_dpmpp_3m_sde dpmpp3m_sde"},
    .remembers = 3,
    .order = 3,
    .step = step,
};
