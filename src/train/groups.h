/* SPDX-License-Identifier: MIT
 * train/groups.h: which weights are trained, and by which optimiser: `groups` gives patterns of
 * names an optimiser of their own, `optim` is that of all others, `freeze` leaves weights as they
 * are. */
#ifndef DUET_TRAIN_GROUPS_H
#define DUET_TRAIN_GROUPS_H

#include <duet/train.h>

#include "optim/program.h"

typedef struct duet_train_groups {
    duet_choice optim[DUET_PROGRAM_GROUPS]; /* the last one is that of all others */
    char pattern[DUET_PROGRAM_GROUPS][DUET_TEXT_SIZE];
    int count;
    int *of; /* [slots]: the group of a weight; -1 = it stays, or is none */
} duet_train_groups;

/* Reads the options `groups` and `optim`. */
DUET_NODISCARD duet_status duet_train_groups_parse(duet_train_groups *groups,
                                                   const duet_train_options *options);
/* Says which weight is whose; a pattern that names none is a mistake. */
DUET_NODISCARD duet_status duet_train_groups_choose(duet_train_groups *groups, duet_context *ctx,
                                                    const duet_train_options *options,
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
