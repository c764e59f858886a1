/* SPDX-License-Identifier: MIT
 * cpu/onednn.h: convolution primitives of oneDNN behind plain C. onednn.c is the only file that
 * includes dnnl.h, so a port to the next major version touches one file.
 *
 * Activations are dense NHWC, always: with any other layout oneDNN falls back to a reference loop.
 * Weights are in the layout the primitive likes ("packed"), made from plain OIHW. */
#ifndef DUET_ENGINE_ONEDNN_H
#define DUET_ENGINE_ONEDNN_H

#include <duet/base.h>

typedef enum duet_dnn_pass { DUET_DNN_FORWARD, DUET_DNN_BACKWARD_DATA } duet_dnn_pass;

typedef struct duet_dnn_shape {
    int64_t batch, height, width, in;   /* x[batch,height,width,in] */
    int64_t out_height, out_width, out; /* y[batch,out_height,out_width,out] */
    int64_t kernel, stride, pad;
    bool bias; /* forward: add it */
} duet_dnn_shape;

/* A primitive: immutable, shared by sessions. */
typedef struct duet_dnn duet_dnn;
/* Is there an optimised implementation? (Reference implementations of the library do not count.) */
bool duet_dnn_supported(duet_dnn_pass pass, const duet_dnn_shape *shape);
DUET_NODISCARD duet_status duet_dnn_new(duet_dnn **out, duet_dnn_pass pass,
                                        const duet_dnn_shape *shape, int threads);
void duet_dnn_free(duet_dnn *dnn);
const char *duet_dnn_impl(const duet_dnn *dnn); /* "jit:avx2" */
int64_t duet_dnn_scratch(const duet_dnn *dnn);  /* bytes, 64-byte multiple */
int64_t duet_dnn_weights(const duet_dnn *dnn);  /* bytes of packed weights, 64-byte multiple */
bool duet_dnn_packs(const duet_dnn *dnn);       /* false: packed is plain OIHW */

/* Memory objects and a stream: one a session and concurrent use. */
typedef struct duet_dnn_slot duet_dnn_slot;
DUET_NODISCARD duet_status duet_dnn_slot_new(duet_dnn_slot **out, const duet_dnn *dnn);
void duet_dnn_slot_free(duet_dnn_slot *slot);
DUET_NODISCARD duet_status duet_dnn_pack(duet_dnn_slot *slot, const float *plain, void *packed);
/* Forward: x, weights, bias -> y; backward data: y (its gradient), weights -> x. What is an output
 * is written. */
DUET_NODISCARD duet_status duet_dnn_run(duet_dnn_slot *slot, const float *x, const void *weights,
                                        const float *bias, const float *y, void *scratch);

#endif
