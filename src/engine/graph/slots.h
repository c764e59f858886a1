/* SPDX-License-Identifier: MIT
 * engine/graph/slots.h: the parameters of models in memory: named tensors that outlive the runs of
 * plans. They have parts (a U-Net, a head, a discriminator), each under a prefix and made of slots,
 * and any number of graphs use them. Slots accompany others: the moments of an optimiser, averages,
 * sums of gradients. Every tensor is f32, 64-byte aligned, with zeros behind it up to the next one;
 * tensors may instead be lent, read-only, by a mapped file, as f32 or bf16. */
#ifndef DUET_ENGINE_SLOTS_H
#define DUET_ENGINE_SLOTS_H

#include "engine/graph/graph.h"

typedef struct duet_slot {
    const char *name; /* as the graphs of its part name it */
    int part;         /* index of its part */
    duet_role role;
    int64_t of;       /* the slot that it accompanies; -1 = it is a tensor of its part */
    const char *kind; /* of one that accompanies: what it is, "ema", "adamw.m"; else NULL */
    duet_init init;
    duet_shape shape;
    duet_dtype dtype; /* f32, or bf16 where lent */
    int64_t count;    /* elements */
    const void *lent; /* its content, of somebody else; NULL = its own */
    float *own;       /* [count]; NULL = lent, or not allocated yet */
} duet_slot;

typedef struct duet_part {
    const char *prefix; /* "" is the part of a graph that names none */
    uint64_t version;   /* of the content: bumped by duet_slots_touch */
} duet_part;

typedef struct duet_slots duet_slots;

/* What a backend that compiles keeps of slots in memory of its own. */
typedef struct duet_mirror {
    duet_status (*pull)(struct duet_mirror *mirror,
                        duet_slots *slots); /* its content to the host */
    void (*free)(struct duet_mirror *mirror);
} duet_mirror;

struct duet_slots {
    duet_arena *arena;
    duet_slot *list;
    int64_t count, capacity;
    duet_part *parts;
    int64_t part_count, part_capacity;
    float **blocks; /* memory of their own tensors, one block for each duet_slots_alloc */
    int64_t block_count, block_capacity;
    /* what is lent lies in the mapping of a file: pages that nobody reads any more may leave
     * memory */
    bool mapped;
    duet_mirror *mirror; /* owned; NULL = the host's content is all there is */
};

/* Which part a part of a graph uses, and which of its tensors. A part without a binding uses the
 * part of its own name, as it is trained. */
typedef struct duet_binding {
    const char *part;   /* as the graph names it */
    const char *prefix; /* of the slots' part */
    /* the kind of averages that stand for the tensors, "ema"; NULL = the tensors themselves */
    const char *average;
} duet_binding;
typedef struct duet_bindings {
    const duet_binding *list;
    int count;
} duet_bindings;

/* No slots. */
DUET_NODISCARD duet_status duet_slots_empty(duet_slots **out);
/* Adds slots, without memory, for the parameters of the graph that have none, in the order in which
 * they were asked for, also those of nodes that are pruned later. Shapes and roles of the others
 * must agree. bindings may be NULL. */
DUET_NODISCARD duet_status duet_slots_add(duet_slots *slots, const duet_graph *graph,
                                          const duet_bindings *bindings);
/* Adds a slot of the same shape that accompanies slot `of`, without memory. */
DUET_NODISCARD duet_status duet_slots_accompany(duet_slots *slots, int64_t of, duet_role role,
                                                const char *kind);
void duet_slots_lend(duet_slots *slots, int64_t slot, duet_dtype dtype, const void *content);
/* Memory, zeros, for all slots that have none and are not lent. */
DUET_NODISCARD duet_status duet_slots_alloc(duet_slots *slots);
/* The own tensors of part `prefix`, but for those that are lent, take the values, as f32, of the
 * tensors of those names in part "" of `from`. DUET_FORMAT where one has another size or, unless
 * there may be `more` of them, is missing. */
DUET_NODISCARD duet_status duet_slots_copy(duet_slots *slots, const char *prefix,
                                           const duet_slots *from, bool more);
void duet_slots_free(duet_slots *slots);

/* For one graph: described only, or with memory. */
DUET_NODISCARD duet_status duet_slots_describe(duet_slots **out, const duet_graph *graph);
DUET_NODISCARD duet_status duet_slots_new(duet_slots **out, const duet_graph *graph);

/* To be called before the host reads what sessions have changed: content that a device keeps comes
 * to the host. */
DUET_NODISCARD duet_status duet_slots_pull(duet_slots *slots);

const void *duet_slot_data(const duet_slot *slot);
/* Index of a tensor of a part, -1 = none. */
int64_t duet_slots_find(const duet_slots *slots, const char *prefix, const char *name);
/* Index of what accompanies slot `of`, by its kind; -1 = none. */
int64_t duet_slots_beside(const duet_slots *slots, int64_t of, const char *kind);
/* Index of what parameter `param` of a graph uses under the bindings (may be NULL); -1 = none. */
int64_t duet_slots_bind(const duet_slots *slots, const duet_param_value *param,
                        const duet_bindings *bindings);

/* Draws initial values of all tensors of the slots' own that accompany nothing; those of a tensor
 * depend on (seed, its name). random_reader: everything non-zero (untrained baseline). */
void duet_slots_init(duet_slots *slots, uint64_t seed, bool random_reader);
/* To be called after the content of a part, or of all (-1), has changed. */
void duet_slots_touch(duet_slots *slots, int part);
/* Changes with every change of any part. */
uint64_t duet_slots_version(const duet_slots *slots);

#endif
