/* SPDX-License-Identifier: MIT
 * duet/registry.h: parameter tables and families of pluggable things.
 *
 * An argument is declared once, as a row of a duet_param table; flags, --help, JSON configs, spec
 * strings ("ddim:steps=50,eta=0"), docs and the report's settings are printed from it and checked
 * against it. */
#ifndef DUET_REGISTRY_H
#define DUET_REGISTRY_H

#include <duet/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DUET_TEXT_SIZE 256  /* usual storage of a text, with its NUL */
#define DUET_SPEC_SIZE 1280 /* of one that may name an architecture with all its options */
#define DUET_LIST_SIZE 64   /* most numbers in a list parameter */

/* A list parameter. */
typedef struct duet_int_list {
    int count;
    int64_t v[DUET_LIST_SIZE];
} duet_int_list;

typedef enum duet_param_type {
    DUET_PARAM_INT,   /* int64_t; "60000", "6e4", "60k", "0.06m" */
    DUET_PARAM_FLOAT, /* double */
    DUET_PARAM_BOOL,  /* bool; true/false/yes/no/1/0/True/False; a bare flag means true */
    DUET_PARAM_TEXT,  /* char[size] */
    DUET_PARAM_INTS,  /* duet_int_list; "1,2,4" */
    DUET_PARAM_SEED,  /* uint64_t, 0 … 2^64 - 1 */
    /* only of what is printed and read as JSON (base/record.h): */
    DUET_PARAM_JSON,  /* a value of any kind, or NULL */
    DUET_PARAM_RECORD /* a struct with a table of its own */
} duet_param_type;

typedef struct duet_param {
    /* words joined by '_'; the flag is --words-joined-by-dashes (underscores accepted) */
    const char *name;
    duet_param_type type;
    size_t offset, size;      /* into the options struct; of text: its storage, with the NUL */
    const char *default_text; /* NULL or "" = zero, false, empty, and shown as no default */
    double min, max;          /* range of numbers (each number of a list); both 0 = any */
    const char *choices;      /* "a|b|c" for text, else NULL */
    const char *help;
    const struct duet_param_table *record; /* of a DUET_PARAM_RECORD */
} duet_param;

/* The parameters of an options struct; the macros below write one. */
typedef struct duet_param_table {
    const duet_param *rows;
    int count;
    size_t options_size;
} duet_param_table;

/* Elements of an array; rows of a table, one macro a type; the table, and one without rows. */
#define DUET_COUNT(array) ((int)(sizeof array / sizeof((array)[0])))
#define DUET_INT(type_, field, def, lo, hi, text)                                 \
    {                                                                             \
        .name = #field, .type = DUET_PARAM_INT, .offset = offsetof(type_, field), \
        .default_text = def, .min = lo, .max = hi, .help = text                   \
    }
#define DUET_SEED(type_, field, def, text)                                         \
    {                                                                              \
        .name = #field, .type = DUET_PARAM_SEED, .offset = offsetof(type_, field), \
        .default_text = def, .help = text                                          \
    }
#define DUET_FLOAT(type_, field, def, lo, hi, text)                                 \
    {                                                                               \
        .name = #field, .type = DUET_PARAM_FLOAT, .offset = offsetof(type_, field), \
        .default_text = def, .min = lo, .max = hi, .help = text                     \
    }
#define DUET_BOOLEAN(type_, field, def, text)                                      \
    {                                                                              \
        .name = #field, .type = DUET_PARAM_BOOL, .offset = offsetof(type_, field), \
        .default_text = def, .help = text                                          \
    }
#define DUET_TEXT(type_, field, def, choices_, text)                                      \
    {                                                                                     \
        .name = #field, .type = DUET_PARAM_TEXT, .offset = offsetof(type_, field),        \
        .size = sizeof(((type_ *)NULL)->field), .default_text = def, .choices = choices_, \
        .help = text                                                                      \
    }
#define DUET_INTS(type_, field, def, lo, hi, text)                                 \
    {                                                                              \
        .name = #field, .type = DUET_PARAM_INTS, .offset = offsetof(type_, field), \
        .default_text = def, .min = lo, .max = hi, .help = text                    \
    }
#define DUET_TABLE(array, type_) \
    { .rows = (array), .count = DUET_COUNT(array), .options_size = sizeof(type_) }
#define DUET_TABLE_EMPTY \
    { .rows = NULL, .count = 0, .options_size = 0 }

/* Fills `options` (options_size bytes) with its defaults. */
void duet_params_default(const duet_param_table *table, void *options);
/* Sets one parameter from text. `where` names the owner in messages ("sampler 'ddim'"); NULL: the
 * parameter is a known flag of the command line, '--its-name'. Unknown names get the nearest
 * match: "no key 'etaa' in sampler 'ddim'; did you mean 'eta'?". '-' and '_' are the same in keys.
 */
DUET_NODISCARD duet_status duet_params_set(const duet_param_table *table, void *options,
                                           const char *where, const char *key, const char *text);
/* Sets many from "key=value,key=value". A list value's numbers are separated by '/' or ';' here,
 * since ',' ends the pair; a value in parentheses may hold anything in which parentheses match,
 * such as a spec of another family: "head=(attention:heads=4,dim=64),epochs=3". */
DUET_NODISCARD duet_status duet_params_parse(const duet_param_table *table, void *options,
                                             const char *where, const char *text);
/* Writes the value of row `row` as text that duet_params_set reads back. Returns what snprintf
 * would. */
int duet_params_print(const duet_param_table *table, const void *options, int row, char *out,
                      size_t size);
const duet_param *duet_params_find(const duet_param_table *table, const char *key);

/* The first field of every member of every family. */
typedef struct duet_entry {
    const char *name;
    const char *help; /* one line */
    duet_param_table params;
    const char *aliases; /* other names that are accepted, "a b c"; NULL = none */
} duet_entry;

typedef struct duet_family {
    const char *name; /* "sampler" */
    const char *help;
    const duet_entry *const *entries;
    int count;
} duet_family;

/* ---- making a family ----
 * A member is a constant of the family's struct, which begins with `duet_entry info`, in a file of
 * its own: duet_sampler_ddpm in sampler_ddpm.c. The list of all, sampler.def, is a macro:
 *     #define DUET_SAMPLERS(DUET_MEMBER) \
 *         DUET_MEMBER(sampler, ddpm) \
 *         DUET_MEMBER(sampler, ddim)
 * Two lines make the family of it: in the header, behind the struct, and in one source file:
 *     DUET_FAMILY_OF(sampler, duet_sampler);
 *     DUET_FAMILY(sampler, DUET_SAMPLERS, "ways from noise to an image");
 * Other lists of the members, such as those of their names, are made in the same way. */

/* Declares duet_family_<family>, and duet_<family>_of, which gives the member of an entry. */
#define DUET_FAMILY_OF(family, type)                                        \
    typedef type duet_member_of_##family;                                   \
    extern const duet_family duet_family_##family;                          \
    static inline const type *duet_##family##_of(const duet_entry *entry) { \
        return (const type *)(const void *)entry;                           \
    }                                                                       \
    _Static_assert(offsetof(type, info) == 0, "a member begins with its entry")
/* Defines duet_family_<family>. */
#define DUET_FAMILY(family, list, text)                                                      \
    list(DUET_MEMBER_DECLARED) static const duet_entry *const duet_entries_of_##family[] = { \
        list(DUET_MEMBER_ENTRY)};                                                            \
    const duet_family duet_family_##family = {.name = #family,                               \
                                              .help = (text),                                \
                                              .entries = duet_entries_of_##family,           \
                                              .count = DUET_COUNT(duet_entries_of_##family)}
/* What DUET_FAMILY makes of a line of its list. */
#define DUET_MEMBER_DECLARED(family, name) \
    extern const duet_member_of_##family duet_##family##_##name;
#define DUET_MEMBER_ENTRY(family, name) &duet_##family##_##name.info,

/* All families of this build, for help and docs. */
const duet_family *const *duet_families(int *count);
/* Splits "name:key=value,…", finds the member (nearest match suggested) and fills options
 * (options_size bytes, at most `size`) from defaults and the spec. options may be NULL when size is
 * 0. */
DUET_NODISCARD duet_status duet_family_parse(const duet_family *family, const duet_entry **out,
                                             void *options, size_t size, const char *spec);
/* The member of a name or alias, in which '-' and '_' are the same; NULL where there is none. */
const duet_entry *duet_family_find(const duet_family *family, const char *name);
/* The name of the member whose name is most similar to `word`; NULL where none is similar. */
const char *duet_family_nearest(const duet_family *family, const char *word);
/* The word of `words` that is most similar to `word`, or NULL where none is similar. */
const char *duet_nearest(const char *word, const char *const *words, int count);

/* Length of the first of the specs in `list`, which are joined by '+' outside parentheses. */
size_t duet_spec_length(const char *list);
/* Copies the first of them into out, cut off where it does not fit, and moves *list behind it and
 * its
 * '+': NULL after the last one. Returns its length. */
size_t duet_spec_take(const char **list, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
