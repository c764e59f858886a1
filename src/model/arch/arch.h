/* SPDX-License-Identifier: MIT
 * model/arch/arch.h: from a spec to a member of the family `arch` with its checked configuration. */
#ifndef DUET_MODEL_ARCH_H
#define DUET_MODEL_ARCH_H

#include "model/model.h"

/* config: DUET_CONFIG_SIZE bytes. */
DUET_NODISCARD duet_status duet_arch_parse(const duet_arch **out, void *config, const char *spec);

#endif
