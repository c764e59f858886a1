/* SPDX-License-Identifier: MIT
 * engine/backend/backend.h: a backend is a list of kernels, or compiles whole graphs. A kernel
 * computes one op in one way, in f32 registers, on activations stored as f32 or as bf16. */
#ifndef DUET_ENGINE_BACKEND_H
#define DUET_ENGINE_BACKEND_H

#include "engine/op/op.h"

typedef struct duet_kernel_options {
    int threads;
    bool exact;            /* bits must not depend on threads or batch */
    bool bf16;             /* the precision is that: products may round what they multiply */
    int64_t l2_bytes;      /* of a processor's L2 cache; 0 = not known */
    uint32_t param_inputs; /* bit k: input k is a parameter (packing it pays) */
} duet_kernel_options;

typedef struct duet_kernel_plan {
    void *state;     /* made by plan, freed by release; immutable afterwards */
    int64_t scratch; /* bytes needed while running */
    int64_t keep;    /* bytes kept between runs of a session */
    /* what was chosen, for `info --plan` ("brgconv:avx512_core"); static or owned by state */
    const char *impl;
} duet_kernel_plan;

typedef struct duet_kernel {
    const char *op;   /* name of the op it computes */
    const char *name; /* "onednn", "norm", … */
    /* what it multiplies to bf16: for calls with bf16 activations, or where the options allow it */
    bool rounds;
    bool bf16_weights; /* reads the op's weight_inputs also where they are stored as bf16 */
    bool (*supports)(const duet_call *call); /* NULL = always */
    bool (*pays)(const duet_call *call,
                 const duet_kernel_options *options); /* is it a good choice? NULL = if supported */
    duet_status (*plan)(const duet_call *call, const duet_kernel_options *options,
                        duet_kernel_plan *out); /* NULL = nothing to plan */
    void (*release)(void *state);
    duet_status (*open)(const void *state, void **local); /* per session; NULL = none */
    void (*close)(void *local);
    duet_status (*run)(const duet_run *run);
} duet_kernel;

#define DUET_MAX_CANDIDATES 8

struct duet_slots; /* engine/graph/slots.h */

/* A backend that compiles whole programs: networks, gradients and updates. It gets the text of a
 * graph (engine/graph/text.h), whose parameters are numbers of slots, keeps the slots in memory of
 * its own and gives back what it is asked for. */
typedef struct duet_compiler {
    duet_status (*compile)(void **program, const char *text, const struct duet_slots *slots);
    void (*release)(void *program);
    /* A session. Sessions over the same slots share what the backend keeps of them, which hangs at
     * the slots' mirror; parts whose version has changed on the host are taken anew before a run.
     */
    duet_status (*open)(void **state, const void *program, struct duet_slots *slots);
    void (*close)(void *state);
    duet_status (*feed)(void *state, const char *input, const void *data, int64_t bytes);
    duet_status (*run)(void *state, uint64_t seed, uint64_t step);
    duet_status (*read)(void *state, int64_t output, void *data, int64_t bytes);
    /* Of a graph with updates: *ok and norms[updates], as duet_session_ok and duet_session_norm. */
    duet_status (*ended)(void *state, bool *ok, double *norms);
} duet_compiler;

/* A list of kernels, or a compiler. */
typedef struct duet_backend {
    const duet_compiler *compiler; /* NULL = a list of kernels */
    /* The best kernel for the call, NULL = none. */
    const duet_kernel *(*find)(const duet_call *call, const duet_kernel_options *options);
    /* All kernels that can take its place, at most `most`; of one name only, if `name` is given.
     * With options->exact the one of `find` alone: another order of adding would be other bits.
     * NULL = no choice. */
    int (*candidates)(const duet_kernel **out, int most, const duet_call *call,
                      const duet_kernel_options *options, const char *name);
    const char *isa; /* "avx512", "avx2", "base"; what the machine runs */
} duet_backend;

/* A member of the family `backend`. */
typedef struct duet_device {
    duet_entry info;
    const duet_backend *(*backend)(void); /* as this machine has it */
} duet_device;
DUET_FAMILY_OF(backend, duet_device);

/* A member of the family; NULL or "" = "cpu". */
DUET_NODISCARD duet_status duet_backend_find(const duet_backend **out, const char *name);
const duet_backend *duet_cpu_backend(void);
const duet_backend *duet_ref_backend(void);
/* The fall-back that runs the op's reference. */
const duet_kernel *duet_kernel_reference(const duet_op *op);

/* Kernels of a file: each cpu_<name>.c is compiled once per ISA and defines
 * DUET_CPU_KERNELS(<name>). */
typedef struct duet_kernel_list {
    const duet_kernel *kernels;
    int count;
} duet_kernel_list;
#define DUET_PASTE_(a, b, c)   a##b##_##c
#define DUET_PASTE(a, b, c)    DUET_PASTE_(a, b, c)
#define DUET_CPU_KERNELS(name) const duet_kernel_list DUET_PASTE(duet_cpu_, name, DUET_ISA)

#endif
