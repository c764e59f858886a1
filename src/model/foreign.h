/* SPDX-License-Identifier: MIT
 * model/foreign.h: files of other programs, which hold tensors but no card: their architecture, its
 * options, and the prefix of the weights ("state_dict.module.", "ema."). An architecture that
 * recognises such files names a tensor that no other has (its signature) and reads its options from
 * the shapes; what the shapes do not show is assumed, and reported. */
#ifndef DUET_MODEL_FOREIGN_H
#define DUET_MODEL_FOREIGN_H

#include <duet/store.h>

#include "base/error.h"
#include "model/model.h"
#include "model/weights_file.h"

struct duet_guess {
    const duet_store *store;
    /* which of several sets of weights to take, by a word of their prefix ("ema"); "" = the
     * averaged ones */
    char weights[64];
    char prefix[512]; /* prefix of all tensors of the network */
    bool averaged;    /* averaged over training, judging by the prefix */
    /* the prefixes where there are several sets of weights: "'model.', 'ema.'"; else "" */
    char sets[256];
    char config[1024]; /* the architecture's options as spec text */
    char noise[DUET_TEXT_SIZE], predict[DUET_TEXT_SIZE];
    double mean[3], std[3];   /* of the colours, as in duet_preprocess */
    char fit[16], resize[16]; /* of the images, as in duet_preprocess */
    char assumed[1024];       /* what the file does not say, in words; "" = nothing */
    bool pretext; /* its encoder was trained with a momentum encoder (MoCo, BYOL): its classifier is
                     a projection */
    const duet_place *place; /* the location of the file and the config.json beside it, or NULL */
};
typedef struct duet_guess duet_guess;

/* Shape of the network's tensor `name`; NULL, and a message, where it is missing or of another
 * rank. */
const duet_shape *duet_foreign_shape(const duet_guess *guess, const char *name, int rank);
typedef struct duet_foreign_text {
    char text[128];
} duet_foreign_text;
duet_foreign_text duet_foreign_name(const char *scope,
                                    const char *name); /* both, one after the other */
/* colours and fit as networks for ImageNet expect them */
void duet_foreign_imagenet(duet_guess *guess);
bool duet_foreign_has(const duet_guess *guess, const char *name);
/* Fails because the network's tensor `name` is missing; the message says where else in the file it
 * is. */
duet_status duet_foreign_missing(const duet_store *store, const char *prefix, const char *name);
/* Adds to what is assumed, "norm_groups (%d)": the name of the option, and its value in
 * parentheses, without commas. */
void duet_foreign_assume(duet_guess *guess, const char *format, ...) DUET_PRINTF(2, 3);
/* Removes an option from what is assumed, because it was found after all. */
void duet_foreign_said(duet_guess *guess, const char *name);

/* Finds a tensor of the network in a file, by its name after the prefix or by an alias; NULL where
 * it is missing. */
const duet_store_entry *duet_foreign_entry(const duet_store *store, const char *prefix,
                                           const duet_model *model, const char *name);
/* A matrix may be stored as a 1x1 filter [out,in,1,1], which has the same elements. */
bool duet_foreign_fits(const duet_shape *have, const duet_shape *want);
/* The tensors of the file that the network does not use. */
typedef struct duet_foreign_rest {
    const duet_store_entry *left; /* the first that belongs to the network by its name, which shows
                                     that this is another network; NULL = none */
    const duet_store_entry
        *beside; /* the first that is not part of it: a projection behind a backbone, a decoder */
    int64_t beside_count;
} duet_foreign_rest;
DUET_NODISCARD duet_status duet_foreign_left(duet_foreign_rest *out, const duet_store *store,
                                             const char *prefix, const duet_model *model);

/* The value of --weights in the text of flags, "" where it is missing; it is read before the
 * architecture is known. */
void duet_foreign_weights(char out[64], const char *text);
/* Finds the tensors of the architecture and their prefix; of several sets the averaged one, or that
 * of guess->weights. False where there are none. */
bool duet_foreign_find(duet_guess *guess, const duet_arch *arch);
/* The architecture of a file; of several sets of weights that of --weights among the flags (NULL =
 * none). DUET_FORMAT where no architecture recognises it; the message says what the file is, as far
 * as that is known. */
DUET_NODISCARD duet_status duet_foreign_guess(const duet_arch **out, duet_guess *guess,
                                              const duet_store *store, const duet_place *place,
                                              const char *flags);
/* Changes the guess by flags of guided-diffusion ("--num_heads 4 --noise_schedule cosine");
 * DUET_ARG names a wrong one. */
DUET_NODISCARD duet_status duet_foreign_flags(const duet_arch *arch, duet_guess *guess,
                                              const char *text);

#endif
