/* SPDX-License-Identifier: MIT
 * model/arch/arch.c: the family `arch`. Members: arch.def. */
#include "model/arch/arch.h"

#include <stdio.h>

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

const duet_family duet_family_arch = {
    .name = "arch", .help = "architectures", .entries = entries, .count = DUET_COUNT(entries)};

const duet_arch *const *duet_arch_list(int *count) {
    *count = DUET_COUNT(members);
    return members;
}

void duet_arch_print(const duet_arch *arch, const void *config, char text[1024]) {
    const duet_param_table *const table = &arch->info.params;
    size_t at = 0;
    for (int row = 0; row < table->count && at < 1024; row++) {
        char value[512];
        duet_params_print(table, config, row, value, sizeof value);
        for (char *p = value; table->rows[row].type == DUET_PARAM_INTS && *p; p++)
            if (*p == ',') *p = '/';
        const int n =
            snprintf(text + at, 1024 - at, "%s%s=%s", row ? "," : "", table->rows[row].name, value);
        at += n > 0 ? (size_t)n : 0;
    }
}

duet_status duet_arch_parse(const duet_arch **out, void *config, const char *spec) {
    const duet_entry *entry = NULL;
    DUET_TRY(duet_family_parse(&duet_family_arch, &entry, config, DUET_CONFIG_SIZE, spec));
    for (int i = 0; i < DUET_COUNT(members); i++)
        if (entries[i] == entry) *out = members[i];
    return (*out)->check(config);
}
