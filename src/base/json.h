/* SPDX-License-Identifier: MIT
 * base/json.h: numbers of 64 bits without a sign in JSON, whose integers here end at 2^63 - 1:
 * beyond that they are texts of decimal digits; and names, which may be any bytes. */
#ifndef DUET_BASE_JSON_H
#define DUET_BASE_JSON_H

#include <duet/base.h>

#include <jansson.h>

json_t *duet_json_u64(uint64_t value);
uint64_t duet_json_u64_value(const json_t *value); /* 0 where it is neither form */
/* A path or a name as duet_text_shown writes it: JSON is UTF-8, names of files need not be. */
json_t *duet_json_name(const char *text);
json_t *duet_json_names(const char *const *texts, int count); /* a list of such names */
/* The text of a value; indented, its last line ends. Release it with duet_release. DUET_FORMAT
 * where the value is NULL, as one with a text that is not UTF-8 comes out. */
DUET_NODISCARD duet_status duet_json_text(char **out, const json_t *value, bool indent);

#endif
