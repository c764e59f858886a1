/* SPDX-License-Identifier: MIT
 * engine/op/ops_grad.h: builders and attribute structs of the ops that serve gradients; ops.h has
 * all others. Each function is defined in its op's file. Outputs that nobody wants are absent in a
 * run, and kernels skip them. The gradients of the free ops are each other: upsample and avg_pool,
 * slice and unslice, sum_channels and broadcast_channels, dropout and itself. */
#ifndef DUET_ENGINE_OPS_GRAD_H
#define DUET_ENGINE_OPS_GRAD_H

#include "engine/op/ops.h"

/* dy[B,Ho,Wo,O], w[O,I,k,k] -> dx[B,height,width,I]; attributes: duet_conv2d_attr without kernel */
duet_value duet_conv2d_dx(duet_graph *g, duet_value dy, duet_value w, int64_t stride, int64_t pad,
                          int64_t height, int64_t width);
/* x[B,H,W,I], dy[B,Ho,Wo,O] -> dw[O,I,kernel,kernel], dbias[O]; attributes: duet_conv2d_attr
 * without height, width */
void duet_conv2d_dw(duet_graph *g, duet_value x, duet_value dy, int64_t stride, int64_t pad,
                    int64_t kernel, duet_value *dw, duet_value *dbias);
/* dy[…,O], w[O,I] (or with ones behind) -> dx[…,I]; no attributes */
duet_value duet_linear_dx(duet_graph *g, duet_value dy, duet_value w);
typedef struct duet_linear_dw_attr {
    int64_t rank;
} duet_linear_dw_attr; /* 2..4: of the weight; dims behind [O,I] are 1 */
/* x[…,I], dy[…,O] -> dw[O,I,1…], dbias[O] */
void duet_linear_dw(duet_graph *g, duet_value x, duet_value dy, int rank, duet_value *dw,
                    duet_value *dbias);

/* Of group_norm (scale_shift absent, silu false) and norm_act; attributes: duet_norm_attr.
 * inputs  0 x[B,…,C]  1 gamma[C]  2 beta[C]  3 scale_shift[B,2C] or absent  4 mean[B,G]
 * 5 rstd[B,G]  6 dy[B,…,C]
 * outputs 0 dx  1 dgamma[C]  2 dbeta[C]  3 dscale_shift[B,2C], an empty [0] without scale_shift */
void duet_norm_act_grad(duet_graph *g, const duet_value in[7], int64_t groups, double eps,
                        bool silu, duet_value out[4]);
/* x[B,…,C], scale_shift[B,2C], dy[B,…,C] -> dx, dscale_shift[B,2C] */
void duet_modulate_grad(duet_graph *g, duet_value x, duet_value scale_shift, duet_value dy,
                        duet_value *dx, duet_value *dscale_shift);
duet_value duet_silu_grad(duet_graph *g, duet_value x, duet_value dy); /* same shapes */

typedef struct duet_broadcast_attr {
    duet_int_list middle;
} duet_broadcast_attr; /* the axes put between B and C */
/* v[B,C] -> [B,middle…,C], copies */
duet_value duet_broadcast_channels(duet_graph *g, duet_value v, int count, const int64_t *middle);
/* dy[B,p,p,C] -> dx[B,height,width,C]; attributes: duet_pool_attr with all fields */
duet_value duet_adaptive_pool_grad(duet_graph *g, duet_value dy, int64_t size, int64_t height,
                                   int64_t width);
/* qkv[B,T,3C], dy[B,T,C] -> dqkv[B,T,3C]; recomputes the probabilities; attributes:
 * duet_attention_attr */
duet_value duet_attention_grad(duet_graph *g, duet_value qkv, duet_value dy, int64_t heads,
                               bool legacy);
/* x, dy -> dx, the attributes of the forward op */
duet_value duet_rms_norm_grad(duet_graph *g, duet_value x, duet_value dy,
                              const duet_rms_norm_attr *attr);
typedef struct duet_embedding_grad_attr {
    int64_t rows;
} duet_embedding_grad_attr; /* K of the table */
/* labels i32[B], dy[B,D] -> dtable[rows,D]; labels out of range add nothing */
duet_value duet_embedding_grad(duet_graph *g, duet_value labels, duet_value dy, int64_t rows);
/* pred[B,…], target[B,…], dloss[1] -> dpred = dloss * 2 (pred - target) / count */
/* in[5]: those of variance_bound */
duet_value duet_variance_bound_grad(duet_graph *g, const duet_value *in, duet_value dloss);
duet_value duet_mse_loss_grad(duet_graph *g, duet_value pred, duet_value target, duet_value dloss,
                              duet_value weight);
duet_value duet_softmax_grad(duet_graph *g, duet_value y, duet_value dy);     /* y: its result */
duet_value duet_log_softmax_grad(duet_graph *g, duet_value y, duet_value dy); /* y: its result */
/* logits[B,K], labels i32[B], dloss[1] -> dlogits[B,K] */
duet_value duet_cross_entropy_grad(duet_graph *g, duet_value logits, duet_value labels,
                                   duet_value dloss, double smoothing);
/* logits[B,K], targets[B,K], dloss[1] -> out: dlogits[B,K], dtargets[B,K] */
void duet_soft_cross_entropy_grad(duet_graph *g, duet_value logits, duet_value targets,
                                  duet_value dloss, double smoothing, duet_value out[2]);
/* in: x, mean, rstd, dy, gamma or DUET_NONE; out: dx, dgamma, dbeta; attributes:
 * duet_layer_norm_attr */
void duet_layer_norm_grad(duet_graph *g, const duet_value in[5], int64_t axes, duet_value out[3]);
/* in: x, gamma, mean, rstd, dy; out: dx, dgamma, dbeta; no attributes */
void duet_batch_norm_train_grad(duet_graph *g, const duet_value in[5], duet_value out[3]);
/* in: y, u, v, sigma[1], dy -> dw */
duet_value duet_spectral_divide_grad(duet_graph *g, const duet_value in[5]);
/* index i32[B], dy[B,D] -> [rows,D], rows of one index added up in order; the op is
 * embedding_grad */
duet_value duet_scatter_rows(duet_graph *g, duet_value index, duet_value dy, int64_t rows);
duet_value duet_relu_grad(duet_graph *g, duet_value x, duet_value dy); /* same shapes */
/* dy f'(x), same shapes */
duet_value duet_elementwise_grad(duet_graph *g, duet_value x, duet_value dy,
                                 const duet_elementwise_attr *attr);
/* dy as reduce gives it, x of max only -> dx[dims]; attributes: all of duet_reduce_attr */
duet_value duet_reduce_grad(duet_graph *g, duet_value dy, duet_value x,
                            const duet_reduce_attr *attr);
/* dy[B,Ho,Wo,C], x[B,H,W,C] of max only -> dx[B,height,width,C]; attributes: all of
 * duet_window_pool_attr */
duet_value duet_window_pool_grad(duet_graph *g, duet_value dy, duet_value x,
                                 const duet_window_pool_attr *attr);

#endif
