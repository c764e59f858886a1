/* SPDX-License-Identifier: MIT
 * cli/spread.h: some images of a data set, spread evenly over a split. */
#ifndef DUET_CLI_SPREAD_H
#define DUET_CLI_SPREAD_H

#include "cli/cli.h"

typedef struct cli_spread {
    duet_split split;
    int64_t count;
    int64_t *row;    /* [count] in the split */
    uint8_t *pixels; /* [count,size,size,channels] */
} cli_spread;

/* At most `wanted` images of the split of this name; "": of test, else val, else train. With
 * --on-bad skip those that cannot be read are left out and told; else the first ends it. */
duet_status cli_spread_read(cli_state *cli, cli_spread *out, const duet_dataset *dataset,
                            const char *split, int64_t wanted, const duet_preprocess *how);
void cli_spread_free(cli_spread *spread);

#endif
