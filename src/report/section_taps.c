/* SPDX-License-Identifier: MIT
 * report/section_taps.c: feature maps as pictures, of `duet taps`. */
#include "report/look_picture.h"

static void caption(duet_report *report, const json_t *result, duet_str *out) {
    const json_t *const channels = duet_report_get(result, "channels");
    if (json_array_size(channels) > 0) {
        duet_str_format(out,
                        "Single channels of a tap, those that vary most over these images, laid "
                        "over each: orange where a channel is above its median, blue where it is "
                        "below. A channel that is orange on the same part of many things stands "
                        "for that part.");
        return;
    }
    duet_str_format(out,
                    "Feature maps of %s images: the first three principal components of the "
                    "channels as red, green and blue, found for each tap over all its maps here. "
                    "Down a column, equal colours are alike: what keeps its colour from image to "
                    "image is a part that the network knows again, what keeps it from level to "
                    "level it knows in spite of the noise.",
                    duet_quantity_count(
                        report->arena, (double)json_array_size(duet_report_get(result, "images"))));
}

static void write(duet_report *report, const duet_report_steps *steps, duet_str *out) {
    duet_report_look(report, steps, "Feature maps as pictures", caption, out);
}

const duet_section duet_section_taps = {
    .info = {.name = "taps", .help = "feature maps as pictures", .params = DUET_TABLE_EMPTY},
    .id = "taps",
    .title = "What the taps see",
    .command = "taps",
    .write = write,
};
