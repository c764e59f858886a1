/* SPDX-License-Identifier: MIT
 * model/nn.h: layers that own parameters, named as PyTorch names them ("weight", "bias"), with
 * PyTorch's default initialisation U(-1/sqrt(fan_in), 1/sqrt(fan_in)). A `zero` layer starts at
 * zero when trained (guided-diffusion's zero_module) and non-zero in the untrained baseline. */
#ifndef DUET_MODEL_NN_H
#define DUET_MODEL_NN_H

#include "engine/graph/graph.h"

/* x[B,H,W,I] -> [B,H',W',O]; parameters <name>.weight [O,I,k,k], <name>.bias [O] */
duet_value duet_nn_conv2d(duet_graph *g, const char *name, duet_value x, int64_t out,
                          int64_t kernel, int64_t stride, int64_t pad, bool zero);
/* without bias */
duet_value duet_nn_conv2d_plain(duet_graph *g, const char *name, duet_value x, int64_t out,
                                int64_t kernel, int64_t stride, int64_t pad);
/* x[B,H,W,I] -> [B,(H-1)s-2p+k,…,O], the transpose of a convolution; <name>.weight [I,O,k,k],
 * <name>.bias [O] */
duet_value duet_nn_conv_transpose2d(duet_graph *g, const char *name, duet_value x, int64_t out,
                                    int64_t kernel, int64_t stride, int64_t pad);
/* x[…,I] -> […,O]; <name>.weight [O,I] with `ones` trailing axes of size 1, <name>.bias [O] */
duet_value duet_nn_linear(duet_graph *g, const char *name, duet_value x, int64_t out, int ones,
                          bool zero);
/* <name>.weight [C], <name>.bias [C]; eps 1e-5 */
duet_value duet_nn_group_norm(duet_graph *g, const char *name, duet_value x, int64_t groups);
duet_value duet_nn_group_norm_eps(duet_graph *g, const char *name, duet_value x, int64_t groups,
                                  double eps);
/* What a layer with states does in this pass of its network. */
typedef enum duet_nn_states {
    DUET_NN_UPDATE, /* works by the batch, and its states follow */
    DUET_NN_BATCH,  /* works by the batch; its states stay as they are */
    DUET_NN_STORED  /* works by its states */
} duet_nn_states;
/* Batch norm: <name>.weight, .bias [C]; statistics .running_mean, .running_var [C]; then the
 * residual is added (DUET_NONE = none) and, where `relu`, negative values are cut. Stored: one op,
 * without gradient. Momentum 0.1. */
duet_value duet_nn_batch_norm(duet_graph *g, const char *name, duet_value x, duet_value residual,
                              double eps, bool relu, duet_nn_states states);
/* The norm alone, of any momentum: the statistics become (1 - momentum) old + momentum new, the
 * variance unbiased. Stored: no gradient flows. */
duet_value duet_nn_batch_norm_train(duet_graph *g, const char *name, duet_value x, double momentum,
                                    double eps, duet_nn_states states);
/* A weight divided by its largest singular value: <name>_orig of this shape, states <name>_u [O]
 * and <name>_v [I]. One power iteration a program: later passes in one graph take its vectors. */
duet_value duet_nn_spectral_weight(duet_graph *g, const char *name, int rank, const int64_t *dims,
                                   duet_nn_states states);
/* labels i32[B] -> [B,D]; <name>.weight [K,D], N(0,1) */
duet_value duet_nn_embedding(duet_graph *g, const char *name, duet_value labels, int64_t rows,
                             int64_t dim);

#endif
