/* SPDX-License-Identifier: MIT
 * model/arch/arch.h: from a spec to a member of the family `arch` with its checked configuration.
 */
#ifndef DUET_MODEL_ARCH_H
#define DUET_MODEL_ARCH_H

#include "model/model.h"

/* config: DUET_CONFIG_SIZE bytes. */
DUET_NODISCARD duet_status duet_arch_parse(const duet_arch **out, void *config, const char *spec);

const duet_arch *const *duet_arch_list(int *count);
/* A configuration as spec text, numbers of a list separated by '/'. */
void duet_arch_print(const duet_arch *arch, const void *config, char text[1024]);

#endif
