/* SPDX-License-Identifier: MIT
 * base/param.c: parameter tables: text to typed fields of an options struct and back. */
#include <duet/registry.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

#define NAME_SIZE   64
#define LABEL_SIZE  320

#define LIST_WANTED "whole numbers like 1,2,4"

static bool same_key(const char *a, const char *b) {
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b)) return false;
    }
    return *a == *b;
}

const duet_param *duet_params_find(const duet_param_table *table, const char *key) {
    for (int i = 0; i < table->count; i++) {
        if (same_key(table->rows[i].name, key)) return &table->rows[i];
    }
    return NULL;
}

static void *field(const duet_param *row, void *options) {
    return (uint8_t *)options + row->offset;
}

/* "'eta' in sampler 'ddim'", or "'--save-minutes'" for a flag of the command line, which has no
 * `where`. */
static const char *label(char out[LABEL_SIZE], const duet_param *row, const char *where) {
    if (where != NULL)
        snprintf(out, LABEL_SIZE, "'%s' in %s", row->name, where);
    else
        snprintf(out, LABEL_SIZE, "'--%s'", row->name);
    for (char *c = out; where == NULL && *c != '\0'; c++)
        if (*c == '_') *c = '-';
    return out;
}

static duet_status wrong_value(const duet_param *row, const char *where, const char *wanted,
                               const char *text) {
    char name[LABEL_SIZE];
    return duet_fail(DUET_ARG, "%s must be %s, got '%s'", label(name, row, where), wanted, text);
}

/* A real number beside its limits; both 0: any that a double holds. */
static duet_status check_range(const duet_param *row, const char *where, double value,
                               const char *text) {
    const bool any = row->min == 0 && row->max == 0;
    if (any || (value >= row->min && value <= row->max)) return DUET_OK;
    char wanted[96], low[32], high[32];
    duet_print_f64(low, sizeof low, row->min);
    duet_print_f64(high, sizeof high, row->max);
    snprintf(wanted, sizeof wanted, "between %s and %s", low, high);
    return wrong_value(row, where, wanted, text);
}

/* Limits of a row as integers: a double holds 2^63 and 2^64, but not the whole number below. */
static int64_t limit_of(double value) {
    if (value >= 0x1p63) return INT64_MAX;
    return value <= -0x1p63 ? INT64_MIN : (int64_t)value;
}

/* `word` is the number, or one of those in `text`. */
static duet_status set_int(const duet_param *row, int64_t *out, const char *where, const char *word,
                           const char *wanted, const char *text) {
    const bool any = row->min == 0 && row->max == 0;
    const int64_t low = any ? INT64_MIN : limit_of(row->min),
                  high = any ? INT64_MAX : limit_of(row->max);
    uint64_t size = 0;
    bool negative = false;
    const duet_whole found = duet_parse_whole(&size, &negative, word);
    if (found == DUET_WHOLE_NOT) return wrong_value(row, where, wanted, text);
    const uint64_t most = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    if (found == DUET_WHOLE && size <= most) {
        const int64_t value = !negative ? (int64_t)size : -(int64_t)(size - 1) - 1;
        if (value >= low && value <= high) {
            *out = value;
            return DUET_OK;
        }
    }
    char range[96];
    snprintf(range, sizeof range, "between %lld and %lld", (long long)low, (long long)high);
    return wrong_value(row, where, range, word);
}

/* A negative minimum takes negative numbers too, as what is congruent to them modulo 2^64. */
static duet_status set_seed(const duet_param *row, uint64_t *out, const char *where,
                            const char *text) {
    uint64_t size = 0;
    bool negative = false;
    const duet_whole found = duet_parse_whole(&size, &negative, text);
    if (found == DUET_WHOLE_NOT) return wrong_value(row, where, "a whole number", text);
    if (found == DUET_WHOLE_TOO_LARGE || (negative && row->min >= 0))
        return wrong_value(row, where, "between 0 and 18446744073709551615", text);
    *out = negative ? 0 - size : size;
    return DUET_OK;
}

static duet_status set_float(const duet_param *row, double *out, const char *where,
                             const char *text) {
    double value = 0.0;
    if (!duet_parse_f64(&value, text)) {
        if (!duet_parse_f64_any(&value, text)) return wrong_value(row, where, "a number", text);
        DUET_TRY(check_range(row, where, value, text));
        return wrong_value(row, where, "a number that 64 bits can hold", text);
    }
    if (isnan(value)) return wrong_value(row, where, "a number", text);
    DUET_TRY(check_range(row, where, value, text));
    *out = value;
    return DUET_OK;
}

static duet_status set_bool(const duet_param *row, bool *out, const char *where, const char *text) {
    static const char *const yes[] = {"true", "yes", "1", "True"};
    static const char *const no[] = {"false", "no", "0", "False"};
    for (int i = 0; i < DUET_COUNT(yes); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *out = strcmp(text, yes[i]) == 0;
            return DUET_OK;
        }
    }
    return wrong_value(row, where, "true or false", text);
}

/* Splits off the next word of `*rest` at any of `separators`; false at the end. */
static bool next_word(char *word, size_t size, const char **rest, const char *separators,
                      bool *fits) {
    if (*rest == NULL) return false;
    const size_t taken = strcspn(*rest, separators);
    *fits = taken < size;
    const size_t kept = *fits ? taken : size - 1;
    memcpy(word, *rest, kept);
    word[kept] = '\0';
    *rest = (*rest)[taken] == '\0' ? NULL : *rest + taken + 1;
    return true;
}

static duet_status set_text(const duet_param *row, char *out, const char *where, const char *text) {
    const size_t size = strlen(text);
    char name[LABEL_SIZE];
    if (size >= row->size) {
        return duet_fail(DUET_ARG, "%s is %zu bytes long, at most %zu fit", label(name, row, where),
                         size, row->size - 1);
    }
    const bool none = size == 0 && (row->default_text == NULL || row->default_text[0] == '\0');
    if (row->choices != NULL && !none) {
        const char *rest = row->choices;
        char choice[DUET_TEXT_SIZE];
        bool fits = true, found = false;
        while (!found && next_word(choice, sizeof choice, &rest, "|", &fits))
            found = strcmp(choice, text) == 0;
        if (!found)
            return duet_fail(DUET_ARG, "%s must be one of %s, got '%s'", label(name, row, where),
                             row->choices, text);
    }
    memmove(out, text, size + 1);
    return DUET_OK;
}

static duet_status set_ints(const duet_param *row, duet_int_list *out, const char *where,
                            const char *text) {
    duet_int_list list = {0};
    const char *rest = text[0] == '\0' ? NULL : text;
    char word[NAME_SIZE];
    bool fits = true;
    while (next_word(word, sizeof word, &rest, ",/;", &fits)) {
        if (list.count == DUET_LIST_SIZE) {
            char name[LABEL_SIZE];
            return duet_fail(DUET_ARG, "%s takes at most %d numbers", label(name, row, where),
                             DUET_LIST_SIZE);
        }
        if (!fits) return wrong_value(row, where, LIST_WANTED, text);
        DUET_TRY(set_int(row, &list.v[list.count], where, word, LIST_WANTED, text));
        list.count++;
    }
    *out = list;
    return DUET_OK;
}

static duet_status set_row(const duet_param *row, void *options, const char *where,
                           const char *text) {
    if (text == NULL && row->type == DUET_PARAM_BOOL) text = "true"; /* a bare flag */
    if (text == NULL) {
        char name[LABEL_SIZE];
        return duet_fail(DUET_ARG, "%s needs a value", label(name, row, where));
    }
    switch (row->type) {
    case DUET_PARAM_INT:
        return set_int(row, field(row, options), where, text, "a whole number", text);
    case DUET_PARAM_SEED:
        return set_seed(row, field(row, options), where, text);
    case DUET_PARAM_FLOAT:
        return set_float(row, field(row, options), where, text);
    case DUET_PARAM_BOOL:
        return set_bool(row, field(row, options), where, text);
    case DUET_PARAM_TEXT:
        return set_text(row, field(row, options), where, text);
    case DUET_PARAM_INTS:
        return set_ints(row, field(row, options), where, text);
    case DUET_PARAM_JSON:
    case DUET_PARAM_RECORD:
        break;
    }
    return duet_fail(DUET_ARG, "'%s' has no known type", row->name);
}

void duet_params_default(const duet_param_table *table, void *options) {
    if (table->options_size > 0) memset(options, 0, table->options_size);
    for (int i = 0; i < table->count; i++) {
        const char *text = table->rows[i].default_text;
        /* A default that does not parse leaves zero: a mistake in the table, for its family's
         * conformance test to find. */
        if (text != NULL && text[0] != '\0' &&
            set_row(&table->rows[i], options, "defaults", text) != DUET_OK)
            continue;
    }
}

static duet_status unknown_key(const duet_param_table *table, const char *where, const char *key) {
    const char *names[256] = {0};
    const int count = table->count < DUET_COUNT(names) ? table->count : DUET_COUNT(names);
    for (int i = 0; i < count; i++) names[i] = table->rows[i].name;
    const char *near = duet_nearest(key, names, count);
    if (near != NULL)
        return duet_fail(DUET_ARG, "no key '%s' in %s; did you mean '%s'?", key, where, near);
    if (count == 0) return duet_fail(DUET_ARG, "no key '%s' in %s; it takes none", key, where);
    char all[512] = "";
    for (int i = 0; i < count; i++) {
        const size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    return duet_fail(DUET_ARG, "no key '%s' in %s; it takes %s", key, where, all);
}

duet_status duet_params_set(const duet_param_table *table, void *options, const char *where,
                            const char *key, const char *text) {
    const duet_param *row = duet_params_find(table, key);
    return row != NULL ? set_row(row, options, where, text) : unknown_key(table, where, key);
}

/* Cuts the next pair off at the ',' that stands outside of parentheses. */
static duet_status next_pair(char **out, char **rest, const char *where) {
    int depth = 0;
    char *at = *rest;
    for (; *at != '\0' && (depth > 0 || *at != ','); at++) {
        depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
        if (depth < 0)
            return duet_fail(DUET_ARG, "a '(' is missing before the ')' of '%.80s' in %s", *rest,
                             where);
    }
    if (depth > 0)
        return duet_fail(DUET_ARG, "the ')' is missing behind '%.80s' in %s", *rest, where);
    *out = *rest;
    *rest = *at == ',' ? at + 1 : NULL;
    *at = '\0';
    return DUET_OK;
}

/* Takes the parentheses off a value that stands in them. */
static duet_status open_value(char **value, const char *key, const char *where) {
    int depth = 0;
    char *at = *value;
    if (at == NULL || *at != '(') return DUET_OK;
    do {
        depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
        at++;
    } while (depth > 0);
    if (*at != '\0')
        return duet_fail(DUET_ARG, "'%.80s' stands behind the ')' of '%.40s' in %s; write a ','",
                         at, key, where);
    at[-1] = '\0';
    (*value)++;
    return DUET_OK;
}

static duet_status set_pair(const duet_param_table *table, void *options, const char *where,
                            char *pair, const char *text) {
    char *const equals = strchr(pair, '='), *value = equals != NULL ? equals + 1 : NULL;
    if (equals != NULL) *equals = '\0';
    if (pair[0] == '\0')
        return duet_fail(DUET_ARG, "a key is missing in '%s' of %s; write key=value,key=value",
                         text, where);
    DUET_TRY(open_value(&value, pair, where));
    return duet_params_set(table, options, where, pair, value);
}

duet_status duet_params_parse(const duet_param_table *table, void *options, const char *where,
                              const char *text) {
    duet_status status = DUET_OK;
    char *copy = NULL;
    if (text == NULL || text[0] == '\0') return DUET_OK;
    const size_t size = strlen(text) + 1;
    DUET_TRY(duet_alloc(&copy, (int64_t)size, 1));
    memcpy(copy, text, size);
    for (char *rest = copy, *pair = NULL; rest != NULL;) {
        DUET_DO(next_pair(&pair, &rest, where));
        DUET_DO(set_pair(table, options, where, pair, text));
    }
done:
    duet_release(copy);
    return status;
}

static int print_ints(const duet_int_list *list, char *out, size_t size) {
    char text[DUET_LIST_SIZE * 24] = "";
    size_t used = 0;
    for (int i = 0; i < list->count && i < DUET_LIST_SIZE; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld", i > 0 ? "," : "",
                                 (long long)list->v[i]);
    }
    return snprintf(out, size, "%s", text);
}

int duet_params_print(const duet_param_table *table, const void *options, int row, char *out,
                      size_t size) {
    const duet_param *param = &table->rows[row];
    const void *value = (const uint8_t *)options + param->offset;
    switch (param->type) {
    case DUET_PARAM_INT:
        return snprintf(out, size, "%lld", (long long)*(const int64_t *)value);
    case DUET_PARAM_SEED:
        return snprintf(out, size, "%llu", (unsigned long long)*(const uint64_t *)value);
    case DUET_PARAM_FLOAT:
        return duet_print_f64(out, size, *(const double *)value);
    case DUET_PARAM_BOOL:
        return snprintf(out, size, "%s", *(const bool *)value ? "true" : "false");
    case DUET_PARAM_TEXT:
        return snprintf(out, size, "%s", (const char *)value);
    case DUET_PARAM_INTS:
        return print_ints(value, out, size);
    case DUET_PARAM_JSON:
    case DUET_PARAM_RECORD:
        break;
    }
    return snprintf(out, size, "%s", "");
}
