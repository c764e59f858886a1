/* SPDX-License-Identifier: MIT
 * model/arch/arch.h: parses a spec into a member of the family `arch` and its checked
 * configuration. */
#ifndef DUET_MODEL_ARCH_H
#define DUET_MODEL_ARCH_H

#include "model/model.h"

/* config: DUET_CONFIG_SIZE bytes. */
DUET_NODISCARD duet_status duet_arch_parse(const duet_arch **out, void *config, const char *spec);

/* Do its networks, as usually configured, take noise? */
bool duet_arch_takes_noise(const duet_arch *arch);

/* Writes a configuration as spec text; the numbers of a list are separated by '/'. */
void duet_arch_print(const duet_arch *arch, const void *config, char text[1024]);

#endif
