/* SPDX-License-Identifier: MIT
 * engine/op/elementwise.h: the functions of the op elementwise as a table; rows as in
 * elementwise.def, kernels have tables of the same order. */
#ifndef DUET_ENGINE_ELEMENTWISE_H
#define DUET_ENGINE_ELEMENTWISE_H

#include "engine/op/op.h"
#include "engine/op/ops.h"

enum {
#define DUET_FUNCTION(name, formula) DUET_FUNCTION_##name,
#include "engine/op/elementwise.def"
#undef DUET_FUNCTION
    DUET_FUNCTION_COUNT
};

typedef double (*duet_function)(double x, const duet_elementwise_attr *attr);
typedef struct duet_function_row {
    const char *name, *formula;
    duet_function value, slope; /* the function and its derivative */
} duet_function_row;

extern const duet_function_row duet_functions[DUET_FUNCTION_COUNT];
/* -1 where there is no function of that name. */
int duet_function_find(const char *name);
/* Part of both shape rules: the function exists, its numbers are possible. */
DUET_NODISCARD duet_status duet_op_function(const duet_call *call);

/* "relu|leaky_relu|…" without its first character */
#define DUET_FUNCTION(name, formula) "|" #name
static const char duet_function_names[] =
#include "engine/op/elementwise.def"
    ;
#undef DUET_FUNCTION
#define DUET_ELEMENTWISE_PARAMS                                                           \
    DUET_TEXT(duet_elementwise_attr, function, "relu", duet_function_names + 1,           \
              "of each element"),                                                         \
        DUET_FLOAT(duet_elementwise_attr, slope, "0.01", 0, 0, "of leaky_relu, below 0"), \
        DUET_FLOAT(duet_elementwise_attr, low, "-1", 0, 0, "least result of clamp"),      \
        DUET_FLOAT(duet_elementwise_attr, high, "1", 0, 0, "largest result of clamp")

#endif
