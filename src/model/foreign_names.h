/* SPDX-License-Identifier: MIT
 * model/foreign_names.h: names of tensors in files of other programs, made those of the network as
 * far as wrappers changed them. */
#ifndef DUET_MODEL_FOREIGN_NAMES_H
#define DUET_MODEL_FOREIGN_NAMES_H

#include "io/store/store.h"

/* Takes the words of torch.compile, FSDP and DeepSpeed out of the names, wherever they stand
 * ("layer1._orig_mod.0.conv1.weight"); a list of averaged weights without names (torch_ema's
 * shadow_params) gets those of the network beside it, whose parameters it has in order; averaged
 * weights whose names are without dots (CompVis's LitEma: "model_ema.diffusion_modelout0weight")
 * get them from the network beside them ("model.diffusion_model.out.0.weight"). */
DUET_NODISCARD duet_status duet_foreign_unwrap(duet_store *store);

#endif
