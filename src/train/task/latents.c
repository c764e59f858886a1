/* SPDX-License-Identifier: MIT
 * train/task/latents.c: see latents.h. */
#include "train/task/latents.h"

duet_value duet_latents_draw(duet_graph *g, duet_value mean, duet_value log_var, duet_value eps) {
    const duet_value deviation = duet_elementwise(g, duet_scale(g, log_var, 0.5), "exp");
    return duet_add(g, mean, duet_mul(g, eps, deviation));
}

duet_value duet_latents_divergence(duet_graph *g, duet_value mean, duet_value log_var) {
    const duet_value sum = duet_sub(
        g, duet_add(g, duet_elementwise(g, log_var, "exp"), duet_elementwise(g, mean, "square")),
        log_var);
    const double Z = (double)duet_dim(g, mean, 1);
    return duet_add(g, duet_scale(g, duet_reduce(g, sum, "mean", 0, NULL), 0.5 * Z),
                    duet_fill(g, -0.5 * Z, 1, (int64_t[]){1}));
}
