/* SPDX-License-Identifier: MIT
 * model/model.h: the internals of a model, and what a member of the family `arch` implements. */
#ifndef DUET_MODEL_MODEL_H
#define DUET_MODEL_MODEL_H

#include <duet/model.h>
#include <duet/store.h>
#include <pthread.h>

#include "base/mem.h"
#include "engine/graph/graph.h"
#include "engine/graph/plan.h"

struct duet_guess; /* foreign.h */

#define DUET_CONFIG_SIZE 2048 /* room for any arch's configuration struct */

/* Values a build may use; DUET_NONE = not given. Shapes: x[B,S,S,C] f32, net_t[B] f32, y i32[B],
 * sample_id i32[B], low_res[B,S,S,C] f32. */
typedef struct duet_model_inputs {
    duet_value x, net_t, y, sample_id, low_res;
    bool training; /* dropout is active */
} duet_model_inputs;

typedef struct duet_arch_shape {
    int64_t size, in_channels, out_channels;
    int64_t class_count; /* classes of class conditioning; 0 = unconditional */
    /* classes of a classifier of its own, whose logits are the last tap; 0 = none */
    int64_t logits;
    /* side of a small image that the network also gets, enlarged to S (low_res.h); 0 = none */
    int64_t low_res;
    int64_t scores;      /* of a classifier: the raw output is [B,scores]; else 0 */
    const char *refusal; /* why its features can be read but it can neither be sampled nor trained;
                            NULL = it can */
} duet_arch_shape;

typedef struct duet_arch {
    duet_entry info; /* params: the configuration */
    /* reports impossible options; the message names the option to change */
    duet_status (*check)(const void *config);
    void (*shape)(const void *config, duet_arch_shape *out);
    /* Builds the network; parameters carry the checkpoint's own names. Returns the raw output
     * [B,S,S,out_channels]. */
    duet_value (*build)(duet_graph *graph, const void *config, const duet_model_inputs *in);
    /* Files of other programs (foreign.h): a tensor that only this architecture has, and options
     * from shapes. NULL = none. */
    const char *signature;
    duet_status (*infer)(struct duet_guess *guess);
    /* The name of a tensor in files with other names, of which there are `schemes`; false where it
     * is the same there. config is NULL as long as it is unknown. NULL = no other names. */
    bool (*alias)(char *out, size_t size, const void *config, const char *name, int scheme);
    int schemes;
    bool recogniser; /* takes no noise and generates no images */
    /* prefix of tensors in such files that the network does not use */
    const char *idle[4];
} duet_arch;
DUET_FAMILY_OF(arch, duet_arch);

/* The last hash of the weights. A model may be read from several threads, so it has a lock of its
 * own. */
typedef struct duet_weights_hash {
    pthread_mutex_t lock;
    bool known;
    uint64_t seed, version, value; /* seed; version of the parameters; the hash */
    int64_t bytes;                 /* hashed so far in the life of this model; for tests */
} duet_weights_hash;

struct duet_model {
    duet_arena *arena;
    const duet_arch *arch;
    void *config; /* DUET_CONFIG_SIZE bytes, aligned */
    char config_text[1024];
    duet_arch_shape shape;
    duet_slots *slots;
    duet_store *store; /* the file whose mapping lends the weights, or NULL */
    duet_dtype stored; /* of most weights in the file */
    duet_card card;
    duet_tap_row *taps;
    int tap_count;
    double macs;
    bool foreign;                /* the file has no card */
    char path[4096], file[4096]; /* what was opened; the weights in it */
    duet_weights_hash *hashed;   /* in the arena */
};

/* Describes the network without weights: its slots have no memory yet. */
DUET_NODISCARD duet_status duet_model_describe(duet_model **out, const char *arch_spec);
/* The weights of a described network are those of part `prefix` of the slots, or what accompanies
 * them as `average`; the slots must outlive it. */
DUET_NODISCARD duet_status duet_model_lend(duet_model *model, const duet_slots *slots,
                                           const char *prefix, const char *average);
/* "model" of run.json; NULL where memory is short. */
struct json_t *duet_model_record(const duet_model *model);
/* DUET_UNSUPPORTED with the reason where only features of the network can be read. */
DUET_NODISCARD duet_status duet_model_check_denoises(const duet_model *model);
/* Builds with fresh inputs for `batch` images; inputs are named x, net_t, y (where conditional),
 * sample_id (where training). */
DUET_NODISCARD duet_status duet_model_build(const duet_model *model, duet_graph *graph,
                                            int64_t batch, bool training, duet_model_inputs *in,
                                            duet_value *out);

#endif
