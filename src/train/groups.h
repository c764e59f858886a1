/* SPDX-License-Identifier: MIT
 * train/groups.h: which weights are trained, and by which optimiser: `groups` gives patterns of
 * names an optimiser of their own, `optim` is that of all others, `freeze` leaves weights as they
 * are. With `layer_decay` the others of the network are stages, whose rates fall towards its
 * beginning. */
#ifndef DUET_TRAIN_GROUPS_H
#define DUET_TRAIN_GROUPS_H

#include <duet/train.h>

#include "optim/program.h"

enum {
    DUET_TRAIN_PATTERNS = 7, /* most of `groups` */
    DUET_TRAIN_STAGES = 12   /* of a network, where rates fall towards its beginning */
};

typedef struct duet_train_groups {
    /* [count]: those of the patterns, of the stages, and of all others */
    duet_choice optim[DUET_PROGRAM_GROUPS];
    double scale[DUET_PROGRAM_GROUPS]; /* of the rate */
    char pattern[DUET_TRAIN_PATTERNS][DUET_TEXT_SIZE];
    int patterns, stages, count;
    int *of; /* [slots]: the group of a weight; -1 = it stays, or is none */
} duet_train_groups;

/* Reads the options `groups`, `optim` and `layer_decay`. */
DUET_NODISCARD duet_status duet_train_groups_parse(duet_train_groups *groups,
                                                   const duet_train_options *options);
/* Says which weight is whose; a pattern that names none is a mistake. model: whose taps divide the
 * network into stages. */
DUET_NODISCARD duet_status duet_train_groups_choose(duet_train_groups *groups, duet_context *ctx,
                                                    const duet_train_options *options,
                                                    const duet_model *model,
                                                    const duet_slots *slots);
void duet_train_groups_free(duet_train_groups *groups);
/* Does one of the patterns, joined by '+', name it? NULL names all. */
bool duet_train_names(const char *patterns, const char *name);

/* For duet_group: the weights of a group that a program trains. */
typedef struct duet_train_members {
    const duet_train_groups *groups;
    int group;
    const char *trains; /* patterns of the program */
} duet_train_members;
bool duet_train_has(const duet_slots *slots, int64_t slot, const void *members);

#endif
