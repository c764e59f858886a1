/* SPDX-License-Identifier: MIT
 * train/task/latents.h: what tasks with normal latents share: draws of them, and how far they are
 * from the prior. */
#ifndef DUET_TRAIN_TASK_LATENTS_H
#define DUET_TRAIN_TASK_LATENTS_H

#include "engine/graph/graph.h"

/* mean + exp(log_var / 2) eps, [B,Z] each */
duet_value duet_latents_draw(duet_graph *g, duet_value mean, duet_value log_var, duet_value eps);
/* [1]: 1/2 sum over Z of (exp(log_var) + mean^2 - 1 - log_var), mean over the rows */
duet_value duet_latents_divergence(duet_graph *g, duet_value mean, duet_value log_var);

#endif
