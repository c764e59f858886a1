/* SPDX-License-Identifier: MIT
 * engine/graph/plan_internal.h: the inside of a plan, shared by plan.c (compiles) and session.c
 * (runs). */
#ifndef DUET_ENGINE_PLAN_INTERNAL_H
#define DUET_ENGINE_PLAN_INTERNAL_H

#include "engine/graph/plan.h"

/* Where a value lives. */
typedef enum duet_place_kind {
    DUET_PLACE_NONE,
    DUET_PLACE_PARAM,
    DUET_PLACE_SLAB,
    DUET_PLACE_GRAD
} duet_place_kind;
typedef struct duet_place {
    duet_place_kind kind;
    int64_t offset; /* slot of a parameter; floats of the gradient block; bytes of the slab */
} duet_place;

typedef struct duet_step { /* a node that runs */
    duet_call call;
    const duet_kernel *kernel;
    duet_kernel_plan plan;
    duet_place in[DUET_MAX_INPUTS], out[DUET_MAX_OUTPUTS];
    int64_t keep_offset;
    bool fallback, tuned;
} duet_step;

typedef struct duet_plan_input {
    const char *name;
    duet_arg arg;
    duet_place place;
} duet_plan_input;

typedef struct duet_plan_copy { /* after the last step: to = from, `count` floats */
    duet_place from, to;
    int64_t count;
} duet_plan_copy;

typedef struct duet_plan_update { /* of duet_update: what outlives the graph */
    const duet_rule *rule;
    double clip;
    const char *kind;
    int64_t at, *slots, count; /* slots: those that it changes, or whose averages follow */
    bool *inner;               /* [count] */
} duet_plan_update;

typedef struct duet_plan_output {
    duet_arg arg;
    duet_place place;
} duet_plan_output;

struct duet_plan {
    duet_arena *arena;
    const duet_backend *backend;
    void *program; /* of a backend that compiles */
    duet_plan_options options;
    duet_step *steps;
    int64_t step_count;
    duet_plan_input *inputs;
    int64_t input_count;
    duet_plan_output *outputs;
    int64_t output_count;
    duet_plan_copy *copies;
    int64_t copy_count;
    duet_plan_update *updates;
    int64_t update_count, parts;
    duet_place loss, numbers; /* of the updates; numbers: their input */
    int64_t slab_bytes, scratch_bytes, keep_bytes;
    bool bf16;            /* of the graph */
    bool trains;          /* weights change between runs */
    int64_t l2_bytes;     /* of a processor's L2 cache */
    int64_t *grad_offset; /* [slots], -1 = none */
    int64_t slots, grad_size;
};

/* What a kernel is told of step `step`. */
duet_kernel_options duet_step_options(const duet_plan *plan, const duet_step *step);

size_t duet_arg_bytes(const duet_arg *arg);

#endif
