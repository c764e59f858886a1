/* SPDX-License-Identifier: MIT
 * model/arch/ddim_names.h: DDPM's networks in the files of ermongroup/ddim and
 * pesser/pytorch_diffusion: the network of diffusers' DDPM pipelines under other names, with one
 * head of attention as 1x1 filters. */
#ifndef DUET_MODEL_ARCH_DDIM_NAMES_H
#define DUET_MODEL_ARCH_DDIM_NAMES_H

#include "model/foreign.h"

/* Converts diffusers' name of a tensor to theirs. levels: of the network; 0 = unknown (then names
 * on the way up have no counterpart). */
bool duet_ddim_name(char *out, size_t size, const char *name, int levels);
/* Whether it is such a file. */
bool duet_ddim_is(const duet_guess *guess);
/* The options of diffusers_unet from names and shapes; DUET_FORMAT and DUET_UNSUPPORTED name the
 * tensor that does not fit. */
DUET_NODISCARD duet_status duet_ddim_infer(duet_guess *guess);

#endif
