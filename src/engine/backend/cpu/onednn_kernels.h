/* SPDX-License-Identifier: MIT
 * cpu/onednn_kernels.h: the kernels that run in oneDNN, compiled once (oneDNN picks the instruction
 * set itself). */
#ifndef DUET_ENGINE_ONEDNN_KERNELS_H
#define DUET_ENGINE_ONEDNN_KERNELS_H

#include "engine/backend/backend.h"

extern const duet_kernel_list duet_onednn_kernels; /* where they are faster as a rule */
/* wherever oneDNN can: what a measurement may choose */
extern const duet_kernel_list duet_onednn_candidates;

#endif
