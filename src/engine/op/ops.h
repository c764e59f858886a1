/* SPDX-License-Identifier: MIT
 * engine/op/ops.h: the ops as builder functions and their attribute structs. Each function is
 * defined in its op's file. Values in, values out; after the first error every call returns
 * DUET_NONE and does nothing. */
#ifndef DUET_ENGINE_OPS_H
#define DUET_ENGINE_OPS_H

#include "engine/op/op.h"

/* Optional inputs that the fuse pass fills: of conv2d and linear the residual that the result
 * starts from, of linear and norm_act the channels behind x's. */
enum { DUET_INPUT_RESIDUAL = 3, DUET_INPUT_MORE = 4 };

typedef struct duet_conv2d_attr {
    int64_t stride, pad;   /* the same for both axes; kernel size is the weight's */
    int64_t kernel;        /* of conv2d_dw only: the weight's side */
    int64_t height, width; /* of conv2d_dx only: the input's size */
} duet_conv2d_attr;
/* x[B,H,W,I], w[O,I,k,k], bias[O] or DUET_NONE -> [B,(H+2p-k)/s+1,…,O]. The fuse pass adds an
 * input: a residual. */
duet_value duet_conv2d(duet_graph *g, duet_value x, duet_value w, duet_value bias, int64_t stride,
                       int64_t pad);

/* x[…,I], w[O,I] (or [O,I,1], [O,I,1,1]), bias[O] or DUET_NONE -> […,O]. The fuse pass adds an
 * input: a residual. */
duet_value duet_linear(duet_graph *g, duet_value x, duet_value w, duet_value bias);

typedef struct duet_norm_attr {
    int64_t groups;
    double eps;
    bool silu; /* norm_act only: SiLU behind it */
} duet_norm_attr;
/* x[B,H,W,C] or [B,T,C]; gamma[C], beta[C]; statistics over (H,W,C/groups); outputs y, mean[B,G],
 * rstd[B,G] (y returned) */
duet_value duet_group_norm(duet_graph *g, duet_value x, duet_value gamma, duet_value beta,
                           int64_t groups, double eps);
/* fused: silu?(group_norm(x) * (1 + scale) + shift); scale_shift[B,2C] (scale first) or DUET_NONE.
 * Made by the fuse pass. */
duet_value duet_norm_act(duet_graph *g, duet_value x, duet_value gamma, duet_value beta,
                         duet_value scale_shift, int64_t groups, double eps, bool silu);
typedef struct duet_batch_norm_attr {
    double eps;
    bool relu;
} duet_batch_norm_attr;
/* x[…,C]; statistics: gamma[C], beta[C], mean[C], var[C] of training; residual[…,C] or DUET_NONE is
 * added; relu: max(y, 0) */
duet_value duet_batch_norm(duet_graph *g, duet_value x, const duet_value statistics[4],
                           duet_value residual, double eps, bool relu);
/* x * (1 + scale) + shift; x[B,…,C], scale_shift[B,2C], scale first */
duet_value duet_modulate(duet_graph *g, duet_value x, duet_value scale_shift);
duet_value duet_silu(duet_graph *g, duet_value x); /* x / (1 + exp(-x)) */
/* b has the shape of a; beside a[B,…,C] also [C] (add_bias), [B,C] (add_channels), or [1] */
duet_value duet_add(duet_graph *g, duet_value a, duet_value b);
duet_value duet_add_bias(duet_graph *g, duet_value x, duet_value bias);  /* x[…,C] + bias[C] */
duet_value duet_add_channels(duet_graph *g, duet_value x, duet_value v); /* x[B,…,C] + v[B,C] */
duet_value duet_sum_channels(duet_graph *g,
                             duet_value x); /* x[B,…,C] -> [B,C], sum over the middle */
duet_value duet_transpose(duet_graph *g, duet_value x); /* [M,N] -> [N,M] */
typedef struct duet_scale_attr {
    double factor;
} duet_scale_attr;
duet_value duet_scale(duet_graph *g, duet_value x, double factor);
duet_value duet_concat(duet_graph *g, duet_value a, duet_value b); /* along the last axis */
typedef struct duet_slice_attr {
    int64_t begin, count, total;
} duet_slice_attr; /* total: of unslice only */
duet_value duet_slice(duet_graph *g, duet_value x, int64_t begin, int64_t count); /* last axis */
duet_value duet_unslice(duet_graph *g, duet_value x, int64_t begin,
                        int64_t total); /* zeros around; the gradient of slice */
typedef struct duet_pad_attr {
    int64_t top, bottom, left, right;
} duet_pad_attr;
/* zeros around [B,H,W,C]; negative numbers cut instead, so that the gradient is the same op with
 * opposite numbers */
duet_value duet_pad(duet_graph *g, duet_value x, int64_t top, int64_t bottom, int64_t left,
                    int64_t right);
typedef struct duet_resample_attr {
    double gain;
} duet_resample_attr;
duet_value duet_upsample(duet_graph *g, duet_value x,
                         double gain); /* nearest, 2x: [B,H,W,C] -> [B,2H,2W,C], times gain */
duet_value duet_avg_pool(duet_graph *g, duet_value x,
                         double gain); /* 2x2, stride 2 (even H, W), times gain */
typedef struct duet_window_pool_attr {
    int64_t kernel, stride, pad;
    bool mean;
    int64_t height, width; /* of the grad op only: the input's size */
} duet_window_pool_attr;
duet_value duet_max_pool(duet_graph *g, duet_value x, int64_t kernel, int64_t stride,
                         int64_t pad); /* pads with minus infinity */
duet_value duet_mean_pool(duet_graph *g, duet_value x, int64_t kernel, int64_t stride,
                          int64_t pad); /* of the window's pixels in the image */
typedef struct duet_pool_attr {
    int64_t size;
    int64_t height, width;
} duet_pool_attr; /* height, width: of the grad op only */
/* adaptive average pooling [B,H,W,C] -> [B,p,p,C]; window i = floor(iH/p) .. ceil((i+1)H/p), as
 * PyTorch */
duet_value duet_adaptive_pool(duet_graph *g, duet_value x, int64_t size);
typedef struct duet_attention_attr {
    int64_t heads;
    bool legacy; /* channel order of qkv: legacy = (head, q|k|v, c); new = (q|k|v, head, c) */
} duet_attention_attr;
/* qkv[B,T,3C] -> [B,T,C]; softmax(q k^T / sqrt(C/heads)) v in each head */
duet_value duet_attention(duet_graph *g, duet_value qkv, int64_t heads, bool legacy);
/* table[K,D], labels i32[B] -> [B,D] */
duet_value duet_embedding(duet_graph *g, duet_value table, duet_value labels);
typedef struct duet_timestep_attr {
    int64_t dim;
    double max_period, shift;
    bool sines_first;
} duet_timestep_attr;
/* t f32[B] -> [B,dim]: cos then sin of t * max_period^(-i/(dim/2 - shift)), i < dim/2; a zero
 * column when dim is odd. shift 0 and cosines first: guided-diffusion; diffusers has both as
 * freq_shift and the opposite of flip_sin_to_cos */
duet_value duet_timestep_embedding(duet_graph *g, duet_value t, int64_t dim, double max_period,
                                   double shift, bool sines_first);
typedef struct duet_timestep_weights_attr {
    int64_t rows;
} duet_timestep_weights_attr;
/* t f32[B] -> [B,rows]: 1 at row t, linear between two rows; times a table of time steps it looks
 * them up */
duet_value duet_timestep_weights(duet_graph *g, duet_value t, int64_t rows);
typedef struct duet_dropout_attr {
    double p;
    int64_t stream;
} duet_dropout_attr;
/* keeps with probability 1-p and divides by it; the mask is a pure function of (seed, step, stream,
 * sample_id[b], element), so the gradient, a recompute or another split of the batch replays it.
 * x[B,…], sample_id i32[B]. stream: hash of the scope */
duet_value duet_dropout(duet_graph *g, duet_value x, duet_value sample_id, double p);
/* pred[B,…], target[B,…] -> out 0: loss[1] = mean over all; out 1: per_sample[B]. Both values come
 * back through pointers. */
void duet_mse_loss(duet_graph *g, duet_value pred, duet_value target, duet_value *loss,
                   duet_value *per_sample);
/* The same with weight[B]: loss = mean of weight[b] per_sample[b]; per_sample stays unweighted. */
void duet_weighted_mse_loss(duet_graph *g, duet_value pred, duet_value target, duet_value weight,
                            duet_value *loss, duet_value *per_sample);
/* The bound on the likelihood that trains improved DDPM's variances (Nichol and Dhariwal 2021,
 * L_vlb) of one step a row, in bits per value; a gradient flows to v only. v, pred, target, x0
 * [B,H,W,C]: the network's v in [-1,1] and output F, what F should be, the image. rows[B,4]: log
 * beta-tilde and log beta of the step; (mean of the step's posterior - mean of the network's) /
 * (target - F); 1 for the step to the image, else 0. Out: mean [1], each row's [B]. */
void duet_variance_bound(duet_graph *g, duet_value v, duet_value pred, duet_value target,
                         duet_value x0, duet_value rows, duet_value *loss, duet_value *per_sample);
duet_value duet_detach(duet_graph *g, duet_value x);      /* x, through which no gradient flows */
duet_value duet_softmax(duet_graph *g, duet_value x);     /* along the last axis */
duet_value duet_log_softmax(duet_graph *g, duet_value x); /* along the last axis */
typedef struct duet_cross_entropy_attr {
    double smoothing; /* share of the targets that is spread over all classes */
} duet_cross_entropy_attr;
/* logits[B,K], labels i32[B] -> out 0: loss[1] = mean over the rows whose label is not negative;
 * out 1: per_sample[B], 0 in the others. Both values come back through pointers. */
void duet_cross_entropy(duet_graph *g, duet_value logits, duet_value labels, double smoothing,
                        duet_value *loss, duet_value *per_sample);
/* logits[B,K], labels i32[B] -> [1]: the share of the labelled rows that are right; no gradient */
duet_value duet_top1(duet_graph *g, duet_value logits, duet_value labels);
/* logits[B,K], targets[B,K] -> the same, mean over all rows */
void duet_soft_cross_entropy(duet_graph *g, duet_value logits, duet_value targets, double smoothing,
                             duet_value *loss, duet_value *per_sample);
typedef struct duet_layer_norm_attr {
    int64_t axes;
    double eps;
} duet_layer_norm_attr;
/* over the last `axes` axes of x, at most all but the first; gamma and beta of their shape, or
 * DUET_NONE; outputs y, mean, rstd (y returned) */
duet_value duet_layer_norm(duet_graph *g, duet_value x, duet_value gamma, duet_value beta,
                           int64_t axes, double eps);
typedef struct duet_rms_norm_attr {
    int64_t axes;
    double eps, gain;
} duet_rms_norm_attr;
/* gain x / (eps + root of the mean square) over the last `axes` axes, at most all but the first */
duet_value duet_rms_norm(duet_graph *g, duet_value x, int64_t axes, double eps, double gain);
int64_t duet_rms_norm_size(const duet_shape *x, int64_t axes); /* elements of a row */
typedef struct duet_batch_norm_train_attr {
    double eps;
} duet_batch_norm_train_attr;
/* x[…,C], gamma[C], beta[C]; statistics of the batch: mean[C] and the unbiased var[C] come back
 * through pointers (NULL = not wanted), for running averages */
duet_value duet_batch_norm_train(duet_graph *g, duet_value x, duet_value gamma, duet_value beta,
                                 double eps, duet_value *mean, duet_value *var);
typedef struct duet_matmul_attr {
    bool transpose_a, transpose_b;
} duet_matmul_attr;
/* a[B,M,K] (transposed: [B,K,M]), b[B,K,N] ([B,N,K]) -> [B,M,N]; or all without B */
duet_value duet_matmul(duet_graph *g, duet_value a, duet_value b, bool transpose_a,
                       bool transpose_b);
duet_value duet_swap_axes(duet_graph *g, duet_value x); /* [A,M,N,D] -> [A,N,M,D] */
/* q[B,T,C], k[B,S,C], v[B,S,D] -> [B,T,D]; softmax(q k^T / sqrt(C/heads)) v in each head; plain
 * ops */
duet_value duet_cross_attention(duet_graph *g, duet_value q, duet_value k, duet_value v,
                                int64_t heads);
/* table[M,D], index i32[B] -> [B,D]; its gradient is scatter_rows (ops_grad.h). The op is
 * embedding. */
duet_value duet_gather_rows(duet_graph *g, duet_value table, duet_value index);
/* w[O,…], u[O] -> next[O], v[I] (I: product of w's other axes): v = w^T u / |.|, next = w v / |.|;
 * no gradient */
void duet_power_iteration(duet_graph *g, duet_value w, duet_value u, duet_value *next,
                          duet_value *v);
/* w / (u^T w v), u[O] and v[I] constant to the gradient: spectral normalisation */
duet_value duet_spectral_divide(duet_graph *g, duet_value w, duet_value u, duet_value v);
duet_value duet_gelu(duet_graph *g, duet_value x); /* x Phi(x) */
duet_value duet_relu(duet_graph *g, duet_value x); /* max(x, 0) */
typedef struct duet_elementwise_attr {
    char function[16];
    double slope;     /* of leaky_relu */
    double low, high; /* of clamp */
} duet_elementwise_attr;
/* A function by its name in elementwise.def; relu, silu and gelu become the ops of that name. */
duet_value duet_elementwise(duet_graph *g, duet_value x, const char *function);
duet_value duet_leaky_relu(duet_graph *g, duet_value x, double slope);
duet_value duet_clamp(duet_graph *g, duet_value x, double low, double high);
/* x b and x - b; b has the shape of x, or is [C] or [B,C] beside x[B,…,C], or [1]; as duet_add */
duet_value duet_mul(duet_graph *g, duet_value x, duet_value b);
duet_value duet_sub(duet_graph *g, duet_value x, duet_value b);
typedef struct duet_reduce_attr {
    char how[8]; /* sum, mean, max */
    duet_int_list axes;
    duet_int_list dims; /* of the grad op only: the shape of x */
} duet_reduce_attr;
/* Over these axes, which vanish; [1] where none is left. Negative axes count from the end; no axes
 * = all. */
duet_value duet_reduce(duet_graph *g, duet_value x, const char *how, int count,
                       const int64_t *axes);
/* x[B,H,W,I], w[I,O,k,k], bias[O] or DUET_NONE -> [B,(H-1)s-2p+k,…,O], as PyTorch's
 * ConvTranspose2d: conv2d_dx and add_bias */
duet_value duet_conv_transpose2d(duet_graph *g, duet_value x, duet_value w, duet_value bias,
                                 int64_t stride, int64_t pad);
typedef struct duet_fill_attr {
    double value;
    int64_t rank;
    duet_int_list dims;
} duet_fill_attr;
duet_value duet_fill(duet_graph *g, double value, int rank,
                     const int64_t *dims); /* a constant tensor */
typedef struct duet_cast_attr {
    bool bf16;
} duet_cast_attr; /* of the op cast, which only the pass bf16 makes */
typedef struct duet_reshape_attr {
    duet_int_list dims;
} duet_reshape_attr;
duet_value duet_reshape(duet_graph *g, duet_value x, int rank,
                        const int64_t *dims); /* free; one dim may be -1 */

#endif
