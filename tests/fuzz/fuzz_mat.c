/* SPDX-License-Identifier: MIT
 * MATLAB files: opened, and every value looked at. */
#include <duet/registry.h>

#include "fuzz/target.h"
#include "io/mat.h"

static int64_t look(const duet_mat_value *value) {
    int64_t sum = value->count;
    const int64_t items = value->kind == DUET_MAT_CELLS     ? value->count
                          : value->kind == DUET_MAT_STRUCTS ? value->count * value->field_count
                                                            : 0;
    for (int64_t i = 0; value->kind == DUET_MAT_NUMBERS && i < value->count; i++)
        sum += value->number[i] > 0.0;
    for (const char *c = value->kind == DUET_MAT_TEXT ? value->text : ""; *c != '\0'; c++)
        sum += *c;
    for (int64_t f = 0; value->kind == DUET_MAT_STRUCTS && f < value->field_count; f++)
        sum += value->field[f][0];
    for (int64_t i = 0; i < items; i++) sum += look(&value->item[i]);
    return sum;
}

static volatile int64_t looked; /* so that looking is not optimised away */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"",     "bytes", "text", "letters",    "lines",
                                        "cube", "cells", "rows", "annotations"};
    duet_mat *mat = NULL;
    if (duet_mat_open(&mat, fuzz_file(data, size)) != DUET_OK) return 0;
    for (int i = 0; i < DUET_COUNT(names); i++) {
        for (int kind = DUET_MAT_NUMBERS; kind < DUET_MAT_OTHER; kind++) {
            const duet_mat_value *value = NULL;
            if (duet_mat_find(&value, mat, names[i], (duet_mat_kind)kind) == DUET_OK)
                looked = look(value);
        }
    }
    duet_mat_close(mat);
    return 0;
}
