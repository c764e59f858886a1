/* SPDX-License-Identifier: MIT
 * The family `task`: what is trained. */
#include "train/task/task.h"

#define DUET_TASK(name) extern const duet_task duet_task_##name;
#include "train/task/task.def"
#undef DUET_TASK

static const duet_entry *const entries[] = {
#define DUET_TASK(name) &duet_task_##name.info,
#include "train/task/task.def"
#undef DUET_TASK
};

const duet_family duet_family_task = {
    .name = "task", .help = "what is trained", .entries = entries, .count = DUET_COUNT(entries)};
