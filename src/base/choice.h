/* SPDX-License-Identifier: MIT
 * base/choice.h: a member of a family with its options, parsed from a spec. */
#ifndef DUET_BASE_CHOICE_H
#define DUET_BASE_CHOICE_H

#include <duet/registry.h>
#include <stddef.h>

typedef struct duet_choice {
    const duet_entry *entry;
    union {
        max_align_t align;
        uint8_t bytes[1024];
    } options;
} duet_choice;

DUET_NODISCARD duet_status duet_choice_parse(duet_choice *out, const duet_family *family,
                                             const char *spec);
/* The spec with every parameter spelled out: "linear:steps=1000,beta_start=0.0001,beta_end=0.02".
 */
DUET_NODISCARD duet_status duet_choice_spell(const duet_choice *choice, char out[DUET_TEXT_SIZE]);

#endif
