/* SPDX-License-Identifier: MIT
 * No noise: networks that recognise images and take no time. One step, which is the clean image. */
#include "noise/noise.h"

static int64_t steps_of(const void *options) {
    (void)options;
    return 1;
}

static duet_status table_of(const void *options, duet_level *table) {
    (void)options;
    table[0] = (duet_level){.t = -1.0, .alpha = 1.0, .sigma = 0.0, .in_scale = 1.0, .net_t = 0.0};
    return DUET_OK;
}

const duet_noise_schedule duet_noise_none = {
    .info = {.name = "none", .help = "networks that recognise only", .params = DUET_TABLE_EMPTY},
    .steps = steps_of,
    .table = table_of,
};
