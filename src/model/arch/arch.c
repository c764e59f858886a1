/* SPDX-License-Identifier: MIT
 * model/arch/arch.c: the family `arch`. Members: arch.def. */
#include "model/arch/arch.h"

#include "base/error.h"

#define DUET_ARCH(name) extern const duet_arch duet_arch_##name;
#include "model/arch/arch.def"
#undef DUET_ARCH

#define DUET_ARCH(name) &duet_arch_##name,
static const duet_arch *const members[] = {
#include "model/arch/arch.def"
};
#undef DUET_ARCH

#define DUET_ARCH(name) &duet_arch_##name.info,
static const duet_entry *const entries[] = {
#include "model/arch/arch.def"
};
#undef DUET_ARCH

const duet_family duet_family_arch = {.name = "arch", .help = "architectures", .entries = entries, .count = DUET_COUNT(entries)};

duet_status duet_arch_parse(const duet_arch **out, void *config, const char *spec) {
    const duet_entry *entry = NULL;
    DUET_TRY(duet_family_parse(&duet_family_arch, &entry, config, DUET_CONFIG_SIZE, spec));
    for (int i = 0; i < DUET_COUNT(members); i++)
        if (entries[i] == entry) *out = members[i];
    return (*out)->check(config);
}
