/* SPDX-License-Identifier: MIT
 * model/arch/arch.c: the family `arch`. Members: arch.def. */
#include "model/arch/arch.h"

#include "base/choice.h"
#include "base/error.h"
#include "model/arch/arch.def"

DUET_FAMILY(arch, DUET_ARCHS, "architectures");

void duet_arch_print(const duet_arch *arch, const void *config, char text[1024]) {
    duet_str spelled = {0};
    duet_params_spell(&arch->info.params, config, NULL, &spelled);
    (void)duet_copy_text(text, 1024, spelled.size > 0 ? spelled.text + 1 : ""); /* without ':' */
    duet_str_free(&spelled);
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
