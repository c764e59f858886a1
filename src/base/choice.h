/* SPDX-License-Identifier: MIT
 * base/choice.h: a member of a family with its options, parsed from a spec, and back. */
#ifndef DUET_BASE_CHOICE_H
#define DUET_BASE_CHOICE_H

#include <duet/registry.h>
#include <stddef.h>

#include "base/str.h"

typedef struct duet_choice {
    const duet_entry *entry;
    union {
        max_align_t align;
        uint8_t bytes[4096];
    } options;
} duet_choice;

DUET_NODISCARD duet_status duet_choice_parse(duet_choice *out, const duet_family *family,
                                             const char *spec);
/* The spec with every parameter spelled out: "linear:steps=1000,beta_start=0.0001,beta_end=0.02",
 * which reads back as the same. DUET_ARG where it does not fit. */
DUET_NODISCARD duet_status duet_choice_spell(const duet_choice *choice, char *out, size_t size);
/* Adds ":key=value,key=value" of the rows that differ from `usual` (NULL = all); nothing where
 * there are none. A text with ',', ':' or parentheses stands in parentheses. */
void duet_params_spell(const duet_param_table *table, const void *options, const void *usual,
                       duet_str *out);

#endif
