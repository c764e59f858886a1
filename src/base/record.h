/* SPDX-License-Identifier: MIT
 * base/record.h: structs as JSON objects, by parameter tables: the keys are the names of the rows,
 * in their order. */
#ifndef DUET_BASE_RECORD_H
#define DUET_BASE_RECORD_H

#include <jansson.h>

#include <duet/registry.h>

/* Rows of a table of `type_`; `key` is the name in JSON. Integers are int or int64_t, a text is
 * storage of the struct, a word is a pointer. */
#define DUET_FIELD(type_, field, key, kind)                          \
    {                                                                \
        .name = key, .type = kind, .offset = offsetof(type_, field), \
        .size = sizeof(((type_ *)NULL)->field)                       \
    }
#define DUET_FIELD_INT(type_, field)     DUET_FIELD(type_, field, #field, DUET_PARAM_INT)
#define DUET_FIELD_SEED(type_, field)    DUET_FIELD(type_, field, #field, DUET_PARAM_SEED)
#define DUET_FIELD_FLOAT(type_, field)   DUET_FIELD(type_, field, #field, DUET_PARAM_FLOAT)
#define DUET_FIELD_BOOLEAN(type_, field) DUET_FIELD(type_, field, #field, DUET_PARAM_BOOL)
#define DUET_FIELD_TEXT(type_, field)    DUET_FIELD(type_, field, #field, DUET_PARAM_TEXT)
#define DUET_FIELD_INTS(type_, field)    DUET_FIELD(type_, field, #field, DUET_PARAM_INTS)
#define DUET_FIELD_JSON(type_, field)    DUET_FIELD(type_, field, #field, DUET_PARAM_JSON)
#define DUET_FIELD_WORD(type_, field) \
    { .name = #field, .type = DUET_PARAM_TEXT, .offset = offsetof(type_, field) }
#define DUET_FIELD_RECORD(type_, field, table)                                       \
    {                                                                                \
        .name = #field, .type = DUET_PARAM_RECORD, .offset = offsetof(type_, field), \
        .record = (table)                                                            \
    }

/* The object of a struct. Values of DUET_PARAM_JSON move into it; those that are NULL are left out,
 * a number that is not finite is null. NULL where a text is not UTF-8 or memory is short. */
json_t *duet_record_json(const duet_param_table *table, const void *record);
/* Fills the struct from an object: keys that are missing or of another type leave their field as it
 * is. Words and values of DUET_PARAM_JSON are borrowed from the object. */
void duet_record_read(const duet_param_table *table, void *record, const json_t *object);

#endif
