/* SPDX-License-Identifier: MIT
 * study/meter_file.c: see meter_file.h. */
#include "study/meter_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"

#define METERS_FILE "meters.csv"

static const char header[] =
    "images,steps,seconds,own_top1,probe_top1,frechet_judge,frechet_random,copies,gap\n";

/* The lines of the file of fewer images than `number`: a resumed training measures the others
 * again. */
static duet_status lines_before(duet_str *out, const char *path, int64_t number) {
    duet_bytes file = {0};
    duet_str text = {0};
    duet_str_add(out, header);
    if (!duet_path_exists(path)) return duet_str_status(out);
    DUET_TRY(duet_file_read(&file, path));
    duet_str_bytes(&text, file.data, file.size);
    duet_bytes_free(&file);
    const duet_status status = duet_str_status(&text);
    const char *line = text.text;
    if (status == DUET_OK && duet_starts_with(line, header)) {
        line += strlen(header);
        for (const char *end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) {
            if (strtoll(line, NULL, 10) < number) duet_str_bytes(out, line, end + 1 - line);
            line = end + 1;
        }
    }
    duet_str_free(&text);
    return status == DUET_OK ? duet_str_status(out) : status;
}

duet_status duet_meter_line(const char *run, const duet_train_moment *moment,
                            const double value[DUET_METER_VALUES]) {
    duet_status status = DUET_OK;
    duet_str text = {0};
    char path[DUET_PATH_SIZE], number[64];
    DUET_DO(duet_path_join(path, run, METERS_FILE));
    DUET_DO(lines_before(&text, path, moment->images));
    duet_format(number, sizeof number, "%.3f", moment->seconds);
    duet_str_format(&text, "%lld,%lld,%s", (long long)moment->images, (long long)moment->steps,
                    number);
    for (int k = 0; k < DUET_METER_VALUES; k++) {
        number[0] = '\0';
        if (!isnan(value[k])) duet_format(number, sizeof number, "%.6g", value[k]);
        duet_str_format(&text, ",%s", number);
    }
    duet_str_add(&text, "\n");
    DUET_DO(duet_str_status(&text));
    DUET_DO(duet_file_write(path, text.text, (int64_t)strlen(text.text)));
done:
    duet_str_free(&text);
    return status;
}
