/* SPDX-License-Identifier: MIT
 * engine/op/op.h: what an op is. One file per op: meaning, shape rule (all checking happens there),
 * an obvious reference with double accumulation, its gradient as graph nodes, and the shapes it is
 * tested with.
 *
 * Activations are dense NHWC [B,H,W,C]; tokens are [B,T,C], a free reshape of it; parameters keep
 * the checkpoint's shape (OIHW). An absent optional input is DUET_NONE in the graph and has_in[k]
 * == false in a call. Unused outputs are absent in the same way, and kernels skip them. */
#ifndef DUET_ENGINE_OP_H
#define DUET_ENGINE_OP_H

#include <duet/registry.h>
#include <duet/tensor.h>

#define DUET_MAX_INPUTS  8
#define DUET_MAX_OUTPUTS 4
#define DUET_NONE        (-1)

/* index of a value in its graph; DUET_NONE = absent, or the builder has failed */
typedef int32_t duet_value;
typedef struct duet_graph duet_graph;
typedef struct duet_op duet_op;

typedef struct duet_arg {
    duet_dtype dtype;
    duet_shape shape;
} duet_arg;

/* One use of an op, without data: what shape rules, kernel choice and cost models see. */
typedef struct duet_call {
    const duet_op *op;
    const void *attr; /* the op's attribute struct */
    /* "input_blocks.1.0.in_layers.2": stands in messages and names random streams */
    const char *scope;
    int inputs, outputs;
    bool has_in[DUET_MAX_INPUTS], has_out[DUET_MAX_OUTPUTS];
    duet_arg in[DUET_MAX_INPUTS], out[DUET_MAX_OUTPUTS];
} duet_call;

/* A kernel that keeps packed weights begins them with a line of this many bytes that holds the
 * version of the content, 0 = nothing is kept: what stands behind such a line may be anything. A
 * session begins with zeros. */
#define DUET_KEEP_HEADER 64

/* One execution. Pointers are 64-byte aligned; absent arguments are NULL. */
typedef struct duet_run {
    const duet_call *call;
    const void *in[DUET_MAX_INPUTS];
    void *out[DUET_MAX_OUTPUTS];
    uint64_t in_version[DUET_MAX_INPUTS]; /* of a parameter's content; 0 for activations */
    const void *state;                    /* what the kernel's plan made; shared, read-only */
    void *local;                          /* what the kernel's open made; this session's own */
    /* plan.keep bytes that survive between runs of this session (packed weights); see
     * DUET_KEEP_HEADER */
    void *keep;
    void *scratch;       /* plan.scratch bytes */
    uint64_t seed, step; /* of random ops */
    int threads;
    /* of a processor's L2 cache; 0 = not known. Blocks may have their size by it, bits not */
    int64_t l2_bytes;
} duet_run;

/* A tested use: attributes as a spec string, input shapes (rank -1 = absent). Inputs are drawn from
 * U(-1,1), input 0 from U(low,high) where these are not both 0; i32 inputs from 0..labels-1. */
typedef struct duet_op_case {
    const char *attr; /* "stride=2,pad=1" */
    duet_shape in[DUET_MAX_INPUTS];
    int labels;
    double low, high;
} duet_op_case;

struct duet_op {
    duet_entry info; /* name, one line of meaning with the formula, attribute table */
    int inputs;      /* declared inputs */
    int required;    /* the first `required` must be present */
    int outputs;
    uint32_t i32_inputs; /* bit k: input k is i32, else f32 or, where the next two say so, bf16 */
    /* Activations that may be stored as bf16 (sums and statistics stay f32): all of a node's, or
     * none. */
    uint32_t bf16_inputs, bf16_outputs;
    /* parameters that may be stored as bf16, whatever the activations are */
    uint32_t weight_inputs;
    bool grad_only; /* serves gradients, has none itself */
    /* of networks that are run and not trained: has no gradient, and duet_grad says so */
    bool inference_only;
    /* a row of output 0 depends on other rows of the batch: losses, statistics of a batch */
    bool joins_rows;
    /* bit k: input k is a constant to the gradient by definition, and none flows to it */
    uint32_t constant_inputs;
    bool random;       /* depends on (seed, step) */
    bool alias;        /* output 0 is input 0's memory with another shape */
    uint32_t in_place; /* bit k: output 0 may overwrite input k when that dies here (same size) */
    /* Checks everything, fills call->out. Errors name both shapes. */
    duet_status (*shape)(duet_call *call);
    /* f32 storage (backends convert bf16), double accumulation, one loop an index. NULL only for
     * alias ops. */
    void (*reference)(const duet_run *run);
    /* Adds to `graph` the nodes of the gradient: dout[k] is DUET_NONE where nothing flows; din[k]
     * is preset to DUET_NONE and stays so for inputs without gradient. in/out: this node's values.
     * NULL = not differentiable. */
    void (*grad)(duet_graph *graph, const void *attr, const duet_value *in, const duet_value *out,
                 const duet_value *dout, duet_value *din);
    /* A fused op: the same in plain ops; its oracle and fall-back. Fills out[]. NULL = plain op. */
    void (*expand)(duet_graph *graph, const void *attr, const duet_value *in, duet_value *out);
    double (*flops)(const duet_call *call); /* NULL: one an output element */
    const duet_op_case *cases;
    int case_count;
};

DUET_FAMILY_OF(op, duet_op);
const duet_op *duet_op_find(const char *name);

/* May input k be stored so? */
bool duet_op_stores(const duet_op *op, int k, duet_dtype dtype);
/* Are activations of this call stored as bf16? */
bool duet_call_is_bf16(const duet_call *call);

/* Helpers of shape rules. */
/* DUET_SHAPE, "conv2d at 'scope': …" */
duet_status duet_op_fail(const duet_call *call, const char *format, ...) DUET_PRINTF(2, 3);
duet_shape duet_shape_make(int rank, const int64_t *dims);
#define DUET_SHAPE_OF(...)                                                                        \
    {                                                                                             \
        .rank = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), .dim = { __VA_ARGS__ } \
    }
#define DUET_ABSENT              \
    {                            \
        .rank = -1, .dim = { 0 } \
    }

#endif
