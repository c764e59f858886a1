/* SPDX-License-Identifier: MIT
 * Colours are lost. luma: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), as programs write grey
 * pictures; mean: a third of each, as the papers on restoration have it. */
#include <string.h>

#include "base/error.h"
#include "diffusion/operator/operator.h"

typedef struct grey_options {
    char weights[16];
} grey_options;

static const duet_param rows[] = {
    DUET_TEXT(grey_options, weights, "luma", "luma|mean", "of the colours"),
};

static duet_status apply(const void *options, duet_measure *measure) {
    static const double luma[DUET_COLOURS] = {0.299, 0.587, 0.114};
    const bool mean = strcmp(((const grey_options *)options)->weights, "mean") == 0;
    if (measure->colours != DUET_COLOURS)
        return duet_fail(DUET_ARG, "grey needs images in colour; these have %lld channel",
                         (long long)measure->colours);
    for (int c = 0; c < DUET_COLOURS; c++) measure->colour[c] = mean ? 1.0 / DUET_COLOURS : luma[c];
    measure->colours = 1;
    return DUET_OK;
}

const duet_operator duet_operator_grey = {
    .info = {.name = "grey", .help = "colours are lost", .params = DUET_TABLE(rows, grey_options)},
    .apply = apply,
};
