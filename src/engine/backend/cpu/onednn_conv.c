/* SPDX-License-Identifier: MIT
 * cpu/onednn_conv.c: conv2d and conv2d_dx in oneDNN on dense NHWC, for the shapes where it is
 * faster than own kernels (cpu/cpu_conv.c): inner products too short for a tile, as in the first
 * layer, and dx of strided convolutions, which own kernels compute with zeros between. Both give
 * the same bits for any batch and thread count. On other shapes oneDNN is a candidate that a
 * measurement may choose, when bits may depend on them.
 *
 * Weights are packed once into run->keep, behind a 64-byte header with the version of their
 * content, and again when the version changes (always for version 0). */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/backend/cpu/onednn.h"
#include "engine/backend/cpu/onednn_kernels.h"
#include "engine/op/ops.h"

#define SHORT 64 /* length of an inner product up to which oneDNN is faster */

static duet_dnn_shape shape_of(const duet_arg *x, const duet_arg *y, const duet_conv2d_attr *attr,
                               int64_t kernel, bool bias) {
    const int64_t *const xd = x->shape.dim, *const yd = y->shape.dim;
    return (duet_dnn_shape){.batch = xd[0],
                            .height = xd[1],
                            .width = xd[2],
                            .in = xd[3],
                            .out_height = yd[1],
                            .out_width = yd[2],
                            .out = yd[3],
                            .kernel = kernel,
                            .stride = attr->stride,
                            .pad = attr->pad,
                            .bias = bias};
}

static duet_dnn_pass describe(const duet_call *call, duet_dnn_shape *out) {
    const duet_conv2d_attr *const attr = call->attr;
    const int64_t kernel = call->in[1].shape.dim[2];
    if (strcmp(call->op->info.name, "conv2d") == 0) {
        *out = shape_of(&call->in[0], &call->out[0], attr, kernel, call->has_in[2]);
        return DUET_DNN_FORWARD;
    }
    *out = shape_of(&call->out[0], &call->in[0], attr, kernel, false);
    return DUET_DNN_BACKWARD_DATA;
}

static bool conv_supports(const duet_call *call) {
    duet_dnn_shape shape;
    const duet_dnn_pass pass = describe(call, &shape);
    if (pass == DUET_DNN_FORWARD && call->has_in[3]) return false;
    const int64_t taps = shape.kernel * shape.kernel,
                  results = pass == DUET_DNN_FORWARD ? shape.out : shape.in;
    const bool is_short = taps * (pass == DUET_DNN_FORWARD ? shape.in : shape.out) <= SHORT &&
                          taps > 1 && results >= 16;
    const bool strided = pass == DUET_DNN_BACKWARD_DATA && shape.stride > 1 && shape.in >= 8;
    return (is_short || strided) && duet_dnn_supported(pass, &shape);
}

static bool conv_runs(const duet_call *call) {
    duet_dnn_shape shape;
    const duet_dnn_pass pass = describe(call, &shape);
    if (pass == DUET_DNN_FORWARD && call->has_in[3]) return false;
    return duet_dnn_supported(pass, &shape);
}

static void conv_release(void *state) {
    duet_dnn_free(state);
}

static duet_status conv_plan(const duet_call *call, const duet_kernel_options *options,
                             duet_kernel_plan *out) {
    duet_dnn_shape shape;
    duet_dnn *dnn = NULL;
    const duet_dnn_pass pass = describe(call, &shape);
    DUET_TRY(duet_dnn_new(&dnn, pass, &shape, options->threads));
    out->keep = duet_dnn_packs(dnn) ? DUET_KEEP_HEADER + duet_dnn_weights(dnn) : 0;
    out->scratch = duet_dnn_scratch(dnn);
    out->impl = duet_dnn_impl(dnn);
    out->state = dnn;
    return DUET_OK;
}

static void conv_close(void *local) {
    duet_dnn_slot_free(local);
}

static duet_status conv_open(const void *state, void **local) {
    duet_dnn_slot *slot = NULL;
    DUET_TRY(duet_dnn_slot_new(&slot, state));
    *local = slot;
    return DUET_OK;
}

/* in[1] are the weights; in[0] and out[0] the activations, x and y by the direction. */
static duet_status conv_run(const duet_run *run) {
    const duet_dnn *const dnn = run->state;
    duet_dnn_slot *const slot = run->local;
    const bool forward = run->call->inputs > 2;
    const void *weights = run->in[1];
    if (duet_dnn_packs(dnn)) {
        uint64_t *const version = run->keep;
        char *const packed = (char *)run->keep + DUET_KEEP_HEADER;
        if (*version == 0 || *version != run->in_version[1]) {
            DUET_TRY(duet_dnn_pack(slot, run->in[1], packed));
            *version = run->in_version[1];
        }
        weights = packed;
    }
    const float *const x = forward ? run->in[0] : run->out[0], *const y = forward ? run->out[0]
                                                                                  : run->in[0];
    return duet_dnn_run(slot, x, weights, forward ? run->in[2] : NULL, y, run->scratch);
}

#define KERNEL(op_, supports_)                                                           \
    {                                                                                    \
        .op = op_, .name = "onednn", .supports = supports_, .plan = conv_plan,           \
        .release = conv_release, .open = conv_open, .close = conv_close, .run = conv_run \
    }
static const duet_kernel kernels[] = {KERNEL("conv2d", conv_supports),
                                      KERNEL("conv2d_dx", conv_supports)};
static const duet_kernel candidates[] = {KERNEL("conv2d", conv_runs),
                                         KERNEL("conv2d_dx", conv_runs)};
const duet_kernel_list duet_onednn_kernels = {.kernels = kernels, .count = DUET_COUNT(kernels)};
const duet_kernel_list duet_onednn_candidates = {.kernels = candidates,
                                                 .count = DUET_COUNT(candidates)};
