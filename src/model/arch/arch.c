/* SPDX-License-Identifier: MIT
 * model/arch/arch.c: the family `arch`. Members: arch.def. */
#include "model/arch/arch.h"

#include <stdio.h>

#include "base/error.h"
#include "model/arch/arch.def"

DUET_FAMILY(arch, DUET_ARCHS, "architectures");

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
    *out = duet_arch_of(entry);
    return (*out)->check(config);
}

bool duet_arch_takes_noise(const duet_arch *arch) {
    _Alignas(16) uint8_t config[DUET_CONFIG_SIZE];
    duet_arch_shape shape = {0};
    duet_params_default(&arch->info.params, config);
    arch->shape(config, &shape);
    return duet_shape_takes_noise(&shape);
}
