/* SPDX-License-Identifier: MIT
 * loss.csv, the training curve. A line holds means since the line before; a resumed run drops the
 * lines after its checkpoint, because it will write those steps again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "train/trainer.h"

static const char header[] =
    "step,images,seconds,loss,loss_q0,loss_q1,loss_q2,loss_q3,grad_norm,lr,images_per_second\n";

/* Bytes of `text` (NUL-terminated) that are the header and whole lines of at most `steps` steps. */
static int64_t lines_to_keep(const char *text, int64_t steps) {
    const size_t head = strlen(header);
    if (strncmp(text, header, head) != 0) return 0;
    const char *at = text + head;
    for (;;) {
        const char *end = strchr(at, '\n');
        char *stop = NULL;
        const long long step = strtoll(at, &stop, 10);
        if (end == NULL || stop == at || step > steps) return (int64_t)(at - text);
        at = end + 1;
    }
}

duet_status duet_curve_begin(duet_trainer *trainer) {
    duet_status status = DUET_OK;
    char path[DUET_PATH_SIZE];
    duet_bytes old = {0};
    duet_str text = {0};
    trainer->curve = (duet_curve){.begun = duet_clock()};
    DUET_DO(duet_path_join(path, trainer->run, "loss.csv"));
    if (trainer->steps > 0 && duet_path_exists(path)) {
        DUET_DO(duet_file_read(&old, path));
        duet_str_bytes(&text, old.data, old.size);
        DUET_DO(duet_str_status(&text));
    }
    const int64_t keep = text.text != NULL ? lines_to_keep(text.text, trainer->steps) : 0;
    if (keep > 0)
        DUET_DO(duet_file_write(path, text.text, keep));
    else
        DUET_DO(duet_file_write(path, header, (int64_t)strlen(header)));
done:
    duet_bytes_free(&old);
    duet_str_free(&text);
    return status;
}

void duet_curve_add(duet_trainer *trainer, double loss, double grad_norm) {
    duet_curve *curve = &trainer->curve;
    curve->steps++;
    curve->loss += loss;
    curve->grad_norm += grad_norm;
    for (int64_t r = 0; r < trainer->options.batch; r++) {
        const int64_t quarter = 4 * trainer->row_t[r] / trainer->noise->steps;
        curve->quarter[quarter] += (double)trainer->row_loss[r];
        curve->quarter_rows[quarter]++;
    }
}

duet_status duet_curve_flush(duet_trainer *trainer) {
    const duet_curve *curve = &trainer->curve;
    if (curve->steps == 0) return DUET_OK;
    const double now = duet_clock(), steps = (double)curve->steps, spent = now - curve->begun;
    const double rate =
        duet_optim_of(trainer->optim_choice.entry)->rate(&trainer->optim_choice.options) *
        trainer->lr->factor(&trainer->lr_choice.options, trainer->steps - 1, trainer->total);
    char path[DUET_PATH_SIZE], quarters[128] = "", line[512];
    size_t used = 0;
    for (int q = 0; q < 4; q++) {
        if (curve->quarter_rows[q] == 0)
            used += (size_t)snprintf(quarters + used, sizeof quarters - used, ",");
        else
            used += (size_t)duet_format(quarters + used, sizeof quarters - used, ",%.6g",
                                        curve->quarter[q] / (double)curve->quarter_rows[q]);
    }
    duet_format(line, sizeof line, "%lld,%lld,%.3f,%.6g%s,%.6g,%.6g,%.1f\n",
                (long long)trainer->steps, (long long)(trainer->steps * trainer->options.batch),
                duet_trainer_seconds(trainer), curve->loss / steps, quarters,
                curve->grad_norm / steps, rate,
                spent > 0.0 ? steps * (double)trainer->options.batch / spent : 0.0);
    trainer->curve = (duet_curve){.begun = now};
    DUET_TRY(duet_path_join(path, trainer->run, "loss.csv"));
    return duet_file_append(path, line);
}
