/* SPDX-License-Identifier: MIT
 * model/preserving.h: layers that keep the size of activations (Karras et al. 2024, "Analyzing and
 * improving the training dynamics of diffusion models", appendix B): filters of length 1, no
 * biases, and sums, concatenations and SiLU divided by what they do to the size of independent
 * inputs of variance 1. */
#ifndef DUET_MODEL_PRESERVING_H
#define DUET_MODEL_PRESERVING_H

#include "engine/graph/graph.h"

#define DUET_PRESERVING_EPS 1e-4 /* added to the root mean square by which is divided */

/* x[B,H,W,I] -> [B,H,W,O]; <name>.weight [O,I,k,k], whose filters have length `gain` in use and,
 * after each step of training, root mean square 1 */
duet_value duet_preserving_conv2d(duet_graph *g, const char *name, duet_value x, int64_t out,
                                  int64_t kernel, double gain);
/* x[…,I] -> […,O]; <name>.weight [O,I] */
duet_value duet_preserving_linear(duet_graph *g, const char *name, duet_value x, int64_t out,
                                  double gain);
/* labels i32[B] -> [B,D] of root mean square 1; <name>.weight [K,D] */
duet_value duet_preserving_embedding(duet_graph *g, const char *name, duet_value labels,
                                     int64_t rows, int64_t dim);
/* A learned number, 0 at first; <name> [1] */
duet_value duet_preserving_gain(duet_graph *g, const char *name);
duet_value duet_preserving_silu(duet_graph *g, duet_value x); /* silu(x) / 0.596 */
/* Root mean square 1 over the channels of each pixel. */
duet_value duet_preserving_norm(duet_graph *g, duet_value x);
/* The factors of a sum (1-t) a + t b that keep the size: for a, then for b. */
double duet_preserving_keep(double t);
double duet_preserving_take(double t);
/* Along the last axis; both count the same whatever their widths are. */
duet_value duet_preserving_concat(duet_graph *g, duet_value a, duet_value b);

#endif
