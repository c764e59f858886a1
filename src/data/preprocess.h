/* SPDX-License-Identifier: MIT
 * data/preprocess.h: the check of preprocessing options, once, before many images are read with
 * them. */
#ifndef DUET_DATA_PREPROCESS_H
#define DUET_DATA_PREPROCESS_H

#include <duet/data.h>

DUET_NODISCARD duet_status duet_preprocess_check(const duet_preprocess *how);
/* Bytes of one preprocessed image. */
int64_t duet_preprocess_bytes(const duet_preprocess *how);

#endif
