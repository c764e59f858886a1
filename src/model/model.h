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

/* What goes into the parts of an architecture, and what comes out of them; Z of the shape. */
typedef enum duet_port {
    DUET_PORT_X,         /* [B,S,S,C] images; with net_t: with noise of that level */
    DUET_PORT_NET_T,     /* [B] what the network is told of the level */
    DUET_PORT_Y,         /* i32[B] classes */
    DUET_PORT_LOW_RES,   /* [B,S,S,C] small images, enlarged */
    DUET_PORT_SELF_COND, /* [B,S,S,C] the x0 that the network gave before; zeros = none yet */
    DUET_PORT_Z,         /* [B,Z] latents */
    DUET_PORT_KEPT,      /* i32[B K] patches that are seen, K of each image's T, counted over all */
    DUET_PORT_PLACES,    /* i32[B T] which of the seen ones stands at a patch; B K = none */
    DUET_PORT_RAW,       /* [B,S,S,out_channels] what `predict` reads */
    DUET_PORT_LOGITS,    /* [B,K] */
    DUET_PORT_FEATURE,   /* [B,D] of a network without a classifier */
    DUET_PORT_MEAN,      /* [B,Z] of z given x */
    DUET_PORT_LOG_VAR,   /* [B,Z], of those of z that are normal */
    DUET_PORT_OCCURRENCE, /* [B,switches] logits of those that are 0 or 1 */
    DUET_PORT_IMAGE,      /* [B,S,S,C] generated */
    DUET_PORT_SCORES,     /* [B,1] of a discriminator */
    DUET_PORTS
} duet_port;
#define DUET_BIT(port) (1u << (DUET_PORT_##port))

/* Values a build may use; DUET_NONE = not given. */
typedef struct duet_model_inputs {
    duet_value x, net_t, y, low_res, z, self_cond;
    duet_value kept, places;
    duet_value sample_id; /* i32[B], of dropout */
    duet_value augment;   /* [B,A] what was done to the images; absent: nothing */
    bool training;        /* dropout is active */
} duet_model_inputs;

/* A part of an architecture: a network of its own, such as the encoder of a VAE. */
typedef struct duet_arch_part {
    const char *name;      /* "unet", "encoder"; the scope of its parameters where there are several
                              parts */
    uint32_t takes, gives; /* ports */
    /* Adds it to the graph; parameters carry the checkpoint's own names. out: what it gives, in the
     * order of the ports. */
    void (*build)(duet_graph *graph, const void *config, const duet_model_inputs *in,
                  duet_value *out);
} duet_arch_part;

enum { DUET_ARCH_PARTS = 4, DUET_PART_GIVES = 4 }; /* at most */

/* What a model can do follows from its parts. */
typedef enum duet_ability {
    DUET_DENOISES,      /* x, net_t → raw */
    DUET_CLASSIFIES,    /* x → logits */
    DUET_ENCODES,       /* x → mean, log_var */
    DUET_GENERATES,     /* z → image */
    DUET_DISCRIMINATES, /* x → scores */
    DUET_READS,         /* x → feature */
    DUET_RESTORES       /* x, kept, places → image */
} duet_ability;

typedef struct duet_arch_shape {
    int64_t size, in_channels, out_channels;
    int64_t class_count; /* classes of class conditioning; 0 = unconditional */
    /* classes of a classifier of its own, whose logits are the last tap; 0 = none */
    int64_t logits;
    /* tap whose mean over the map are the features of a recogniser; 0 = the last before the
     * logits */
    int64_t features;
    /* tap and number of its first channels that keep the place in the image; 0 = none */
    int64_t spatial, spatial_channels;
    /* side of a small image that the network also gets, enlarged to S (low_res.h); 0 = none */
    int64_t low_res;
    int64_t latents; /* Z; 0 = none */
    /* the last of them are 0 or 1, under the prior 1 with this chance; the others N(0,1) */
    int64_t switches;
    double switch_chance;
    int64_t patches, kept; /* T of an image, and K of them that a part with such a port sees */
    int64_t augment_dim;   /* A: numbers about augmentation, of which training tells; 0 = none */
    const char *refusal;   /* why it cannot be sampled although it denoises; NULL = it can */
    /* taps are those of the first */
    duet_arch_part parts[DUET_ARCH_PARTS];
    int part_count;
} duet_arch_shape;

typedef struct duet_arch {
    duet_entry info; /* params: the configuration */
    /* reports impossible options; the message names the option to change */
    duet_status (*check)(const void *config);
    void (*shape)(const void *config, duet_arch_shape *out);
    /* Files of other programs (foreign.h): a tensor that only this architecture has, and options
     * from shapes. NULL = none. */
    const char *signature;
    duet_status (*infer)(struct duet_guess *guess);
    /* The name of a tensor in files with other names, of which there are `schemes`; false where it
     * is the same there. config is NULL as long as it is unknown. NULL = no other names. */
    bool (*alias)(char *out, size_t size, const void *config, const char *name, int scheme);
    int schemes;
    /* Tensors that such files have in another form (foreign_made.h); NULL = none. part: the name of
     * part k of those that are joined along the first axis. reshape: one of another shape becomes
     * the network's (positions for images of another size); DUET_SHAPE, without a message: it
     * cannot; in and out NULL: whether it can. */
    bool (*part)(char *out, size_t size, const char *name, int k);
    duet_status (*reshape)(const void *config, const char *name, const duet_shape *have,
                           const float *in, float *out);
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
 * them as `average`, where they have that; the slots must outlive it. */
DUET_NODISCARD duet_status duet_model_lend(duet_model *model, const duet_slots *slots,
                                           const char *prefix, const char *average);
/* "model" of run.json; NULL where memory is short. */
struct json_t *duet_model_record(const duet_model *model);
/* The part that makes it able, NULL = it is not. */
const duet_arch_part *duet_shape_part(const duet_arch_shape *shape, duet_ability ability);
/* No part takes noise: its features are read at t = -1. */
bool duet_shape_takes_noise(const duet_arch_shape *shape);
/* DUET_UNSUPPORTED with the reason where the model is not able. */
DUET_NODISCARD duet_status duet_model_check(const duet_model *model, duet_ability ability);
/* Builds the first part with fresh inputs for `batch` images; inputs are named x, net_t, y (where
 * conditional), sample_id (where training). out: the first of what it gives. */
DUET_NODISCARD duet_status duet_model_build(const duet_model *model, duet_graph *graph,
                                            int64_t batch, bool training, duet_model_inputs *in,
                                            duet_value *out);
/* The inputs alone, of the ports in `takes`. */
void duet_model_inputs_make(const duet_model *model, duet_graph *graph, int64_t batch,
                            uint32_t takes, bool training, duet_model_inputs *in);
/* Adds the part of an ability; out[DUET_PART_GIVES]: what it gives, in the order of the ports. */
DUET_NODISCARD duet_status duet_model_build_part(const duet_model *model, duet_graph *graph,
                                                 duet_ability ability, const duet_model_inputs *in,
                                                 duet_value *out);

#endif
