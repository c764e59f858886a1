/* SPDX-License-Identifier: MIT
 * feature/reader/means.h: features that are means over draws of the noise and over the image and
 * its mirror image, from one pass (a turn) after the other. */
#ifndef DUET_FEATURE_READER_MEANS_H
#define DUET_FEATURE_READER_MEANS_H

#include "feature/columns.h"

/* The pooled tap [pool,pool,C] of a turn goes to `to`: turn 0 is written, the others are added, and
 * the last of `turns` divides. mirrored: it is of the mirrored image and is mirrored back, so that
 * its places are those of the image. */
void duet_mean_take(float *to, const float *row, const duet_column *column, int64_t turn,
                    int64_t turns, bool mirrored);

#endif
