/* SPDX-License-Identifier: MIT
 * train/snapshots.h: power averages on disk, from which those of other lengths are made (Karras et
 * al. 2024, appendix C). Snapshots are evenly spaced: at the multiples of a power of two of steps,
 * the smallest of which there are at most DUET_SNAPSHOTS so far; when it doubles, every second file
 * is removed. One more is that of the newest checkpoint, until the next one. */
#ifndef DUET_TRAIN_SNAPSHOTS_H
#define DUET_TRAIN_SNAPSHOTS_H

#include "train/trainer.h"

#define DUET_SNAPSHOT_PREFIX "ema-"
#define DUET_SNAPSHOT_KEY    "duet.averages"
enum { DUET_SNAPSHOTS = 16 };

/* Steps between snapshots after `steps` steps. */
int64_t duet_snapshots_apart(int64_t steps);
/* Writes a snapshot of this step, and removes those that are too many; nothing without a power
 * average. */
DUET_NODISCARD duet_status duet_snapshots_save(duet_trainer *trainer);
/* Behind a step: the same where one is due. */
DUET_NODISCARD duet_status duet_snapshots_step(duet_trainer *trainer);

#endif
