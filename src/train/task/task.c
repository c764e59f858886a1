/* SPDX-License-Identifier: MIT
 * The family `task`: what is trained. */
#include "train/task/task.h"
#include "train/task/task.def"

DUET_FAMILY(task, DUET_TASKS, "what is trained");
