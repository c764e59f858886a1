/* SPDX-License-Identifier: MIT
 * cli/info_plan.h: duet info --plan: kernels, times and bytes of a pass against the roofline of the
 * machine, node by node and by kind. */
#ifndef DUET_CLI_INFO_PLAN_H
#define DUET_CLI_INFO_PLAN_H

#include "cli/cli.h"

/* Times a pass of `batch` images (0: as many as suit their size) up to a tap (0: all of it), prints
 * its nodes and adds them to `out`. */
duet_status cli_plan_show(cli_state *cli, duet_model *model, int64_t batch, int tap, json_t *out);

#endif
