/* SPDX-License-Identifier: MIT
 * cpu/onednn_conv.c: conv2d, conv2d_dx, conv2d_dw in oneDNN on dense NHWC.
 *
 * Weights are packed once into run->keep, behind a 64-byte header with the version of their content, and again when the
 * version changes (always for version 0). dw is made in the packed layout and unpacked. Forward and dx give the same bits
 * for any batch and thread count; dw sums over the batch in an order that depends on the threads, so `exact` computes it
 * in fixed chunks of the batch, one thread each, and adds the chunks in order. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/backend/cpu/onednn.h"
#include "engine/backend/cpu/onednn_kernels.h"
#include "engine/op/ops.h"

#define HEADER 64
#define MOST_CHUNKS 8

typedef struct conv_state {
    duet_dnn *dnn;
    duet_dnn_pass pass;
    int chunks;           /* of the batch; more than one only in exact dw */
    int64_t x_step, y_step; /* floats of x and y in a chunk */
    int64_t outs;         /* channels of y */
    int64_t plain;        /* floats of the weights */
    int64_t slice;        /* bytes of scratch a chunk: the library's, dw, dbias */
} conv_state;

typedef struct conv_local {
    duet_dnn_slot *slots[MOST_CHUNKS];
} conv_local;

static duet_dnn_shape shape_of(const duet_arg *x, const duet_arg *y, const duet_conv2d_attr *attr, int64_t kernel, bool bias)
{
    const int64_t *const xd = x->shape.dim, *const yd = y->shape.dim;
    return (duet_dnn_shape){ .batch = xd[0], .height = xd[1], .width = xd[2], .in = xd[3], .out_height = yd[1], .out_width = yd[2],
                             .out = yd[3], .kernel = kernel, .stride = attr->stride, .pad = attr->pad, .bias = bias };
}

static duet_dnn_pass describe(const duet_call *call, duet_dnn_shape *out)
{
    const duet_conv2d_attr *const attr = call->attr;
    if (strcmp(call->op->info.name, "conv2d") == 0) {
        *out = shape_of(&call->in[0], &call->out[0], attr, call->in[1].shape.dim[2], call->has_in[2]);
        return DUET_DNN_FORWARD;
    }
    if (strcmp(call->op->info.name, "conv2d_dx") == 0) {
        *out = shape_of(&call->out[0], &call->in[0], attr, call->in[1].shape.dim[2], false);
        return DUET_DNN_BACKWARD_DATA;
    }
    *out = shape_of(&call->in[0], &call->in[1], attr, attr->kernel, call->has_out[1]);
    return DUET_DNN_BACKWARD_WEIGHTS;
}

static bool conv_supports(const duet_call *call)
{
    duet_dnn_shape shape;
    const duet_dnn_pass pass = describe(call, &shape);
    return duet_dnn_supported(pass, &shape);
}

static void conv_release(void *pointer)
{
    conv_state *const state = pointer;
    if (state == NULL) return;
    duet_dnn_free(state->dnn);
    duet_release(state);
}

/* A number of equal chunks that does not depend on the threads. */
static int chunks_of(int64_t batch)
{
    int chunks = MOST_CHUNKS;
    while (batch % chunks != 0) chunks--;
    return chunks;
}

static duet_status conv_plan(const duet_call *call, const duet_kernel_options *options, duet_kernel_plan *out)
{
    duet_dnn_shape shape;
    conv_state *state = NULL;
    duet_status status = DUET_OK;
    DUET_DO(duet_alloc(&state, 1, sizeof *state));
    state->pass = describe(call, &shape);
    const bool split = options->exact && state->pass == DUET_DNN_BACKWARD_WEIGHTS;
    state->chunks = split ? chunks_of(shape.batch) : 1;
    shape.batch /= state->chunks;
    DUET_DO(duet_dnn_new(&state->dnn, state->pass, &shape, split ? 1 : options->threads));
    state->x_step = shape.batch * shape.height * shape.width * shape.in;
    state->y_step = shape.batch * shape.out_height * shape.out_width * shape.out;
    state->outs = shape.out;
    state->plain = shape.out * shape.in * shape.kernel * shape.kernel;
    state->slice = duet_dnn_scratch(state->dnn);
    out->keep = 0;
    if (state->pass == DUET_DNN_BACKWARD_WEIGHTS) {
        state->slice += duet_dnn_weights(state->dnn) + (shape.out * 4 + 63) / 64 * 64;
    } else if (duet_dnn_packs(state->dnn)) {
        out->keep = HEADER + duet_dnn_weights(state->dnn);
    }
    out->scratch = state->slice * state->chunks;
    out->impl = duet_dnn_impl(state->dnn);
    out->state = state;
    state = NULL;
done:
    conv_release(state);
    return status;
}

static void conv_close(void *pointer)
{
    conv_local *const local = pointer;
    if (local == NULL) return;
    for (int i = 0; i < MOST_CHUNKS; i++) duet_dnn_slot_free(local->slots[i]);
    duet_release(local);
}

static duet_status conv_open(const void *pointer, void **out)
{
    const conv_state *const state = pointer;
    conv_local *local = NULL;
    duet_status status = DUET_OK;
    DUET_DO(duet_alloc(&local, 1, sizeof *local));
    for (int i = 0; i < state->chunks; i++) DUET_DO(duet_dnn_slot_new(&local->slots[i], state->dnn));
    *out = local;
    local = NULL;
done:
    conv_close(local);
    return status;
}

/* Forward and dx: in[1] are the weights, in[0] and out[0] the activations. */
static duet_status conv_run(const duet_run *run)
{
    const conv_state *const state = run->state;
    const conv_local *const local = run->local;
    const void *weights = run->in[1];
    if (duet_dnn_packs(state->dnn)) {
        uint64_t *const version = run->keep;
        char *const packed = (char *)run->keep + HEADER;
        if (*version == 0 || *version != run->in_version[1]) {
            DUET_TRY(duet_dnn_pack(local->slots[0], run->in[1], packed));
            *version = run->in_version[1];
        }
        weights = packed;
    }
    const bool forward = state->pass == DUET_DNN_FORWARD;
    const float *const x = forward ? run->in[0] : run->out[0], *const y = forward ? run->out[0] : run->in[0];
    return duet_dnn_run(local->slots[0], x, weights, forward ? run->in[2] : NULL, y, run->scratch);
}

/* target[i] += source[i] */
static void add_to(float *target, const float *source, int64_t count)
{
    for (int64_t i = 0; i < count; i++) target[i] += source[i];
}

static duet_status conv_run_dw(const duet_run *run)
{
    const conv_state *const state = run->state;
    const conv_local *const local = run->local;
    const int64_t library = duet_dnn_scratch(state->dnn), packed = duet_dnn_weights(state->dnn);
    char *const scratch = run->scratch;
    const float *const x = run->in[0], *const dy = run->in[1];
    const bool direct = state->chunks == 1 && !duet_dnn_packs(state->dnn) && run->out[0] != NULL;
    duet_status status[MOST_CHUNKS] = { DUET_OK };
#pragma omp parallel for num_threads(run->threads) schedule(static) if (state->chunks > 1)
    for (int i = 0; i < state->chunks; i++) {
        char *const slice = scratch + i * state->slice;
        void *const dw = direct ? run->out[0] : slice + library;
        const float *const dbias = run->out[1] == NULL ? NULL
                                   : state->chunks == 1 ? run->out[1]
                                                        : (const void *)(slice + library + packed);
        status[i] = duet_dnn_run(local->slots[i], x + i * state->x_step, dw, dbias, dy + i * state->y_step, slice);
    }
    for (int i = 0; i < state->chunks; i++) {
        if (status[i] != DUET_OK) return duet_fail(status[i], "oneDNN failed in a chunk of the weight gradient");
    }
    if (direct) return DUET_OK;
    for (int i = 1; i < state->chunks; i++) {
        const char *const slice = scratch + i * state->slice + library;
        add_to((void *)(scratch + library), (const void *)slice, packed / 4);
        if (run->out[1] != NULL) add_to((void *)(scratch + library + packed), (const void *)(slice + packed), state->outs);
    }
    if (run->out[1] != NULL && state->chunks > 1) memcpy(run->out[1], scratch + library + packed, (size_t)state->outs * 4);
    if (run->out[0] == NULL) return DUET_OK;
    if (duet_dnn_packs(state->dnn)) return duet_dnn_unpack(local->slots[0], scratch + library, run->out[0]);
    memcpy(run->out[0], scratch + library, (size_t)state->plain * 4);
    return DUET_OK;
}

static const duet_kernel kernels[] = {
    { .op = "conv2d", .name = "onednn", .supports = conv_supports, .plan = conv_plan, .release = conv_release, .open = conv_open,
      .close = conv_close, .run = conv_run },
    { .op = "conv2d_dx", .name = "onednn", .supports = conv_supports, .plan = conv_plan, .release = conv_release, .open = conv_open,
      .close = conv_close, .run = conv_run },
    { .op = "conv2d_dw", .name = "onednn", .supports = conv_supports, .plan = conv_plan, .release = conv_release, .open = conv_open,
      .close = conv_close, .run = conv_run_dw },
};
const duet_kernel_list duet_onednn_kernels = { .kernels = kernels, .count = DUET_COUNT(kernels) };
