/* SPDX-License-Identifier: MIT
 * loss.csv, the training curve. A line holds means since the line before; a resumed run drops the
 * lines after its checkpoint, because it will write those steps again. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "train/trainer.h"

/* step,images,seconds,loss, the task's columns, grad_norm, those of further programs, lr,
 * images_per_second */
static void write_header(char out[512], const duet_task *task) {
    size_t used = (size_t)snprintf(out, 512, "step,images,seconds,loss");
    for (int k = 0; k < DUET_TASK_COLUMNS && task->columns[k] != NULL; k++)
        used += (size_t)snprintf(out + used, 512 - used, ",%s", task->columns[k]);
    used += (size_t)snprintf(out + used, 512 - used, ",grad_norm");
    for (int p = 1; p < task->program_count; p++)
        used += (size_t)snprintf(out + used, 512 - used, ",grad_norm_%s", task->programs[p].name);
    snprintf(out + used, 512 - used, ",lr,images_per_second\n");
}

/* Bytes of `text` (NUL-terminated) that are the header and whole lines of at most `steps` steps. */
static int64_t lines_to_keep(const char *text, const char *header, int64_t steps) {
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
    char path[DUET_PATH_SIZE], header[512];
    duet_bytes old = {0};
    duet_str text = {0};
    trainer->curve = (duet_curve){.begun = duet_clock()};
    write_header(header, trainer->task);
    DUET_DO(duet_path_join(path, trainer->run, "loss.csv"));
    if (trainer->steps > 0 && duet_path_exists(path)) {
        DUET_DO(duet_file_read(&old, path));
        duet_str_bytes(&text, old.data, old.size);
        DUET_DO(duet_str_status(&text));
    }
    const int64_t keep = text.text != NULL ? lines_to_keep(text.text, header, trainer->steps) : 0;
    if (keep > 0)
        DUET_DO(duet_file_write(path, text.text, keep));
    else
        DUET_DO(duet_file_write(path, header, (int64_t)strlen(header)));
done:
    duet_bytes_free(&old);
    duet_str_free(&text);
    return status;
}

static void add(duet_curve *curve, int column, double value) {
    curve->column[column] += value;
    curve->summands[column]++;
}

duet_status duet_curve_add_run(duet_trainer *trainer, int program) {
    const duet_training *from = &trainer->programs[program];
    const duet_session *const session = duet_program_session(from->program);
    for (int k = 0; k < DUET_TASK_COLUMNS; k++) {
        float scalar = 0.0F;
        if (from->scalars[k] < 0) continue;
        DUET_TRY(duet_session_get(session, from->scalars[k], -1, &scalar));
        add(&trainer->curve, k, (double)scalar);
    }
    if (from->rows < 0) return DUET_OK;
    DUET_TRY(duet_session_get(session, from->rows, -1, trainer->row_loss));
    for (int64_t r = 0; r < trainer->setup.batch; r++)
        if (trainer->row_column[r] >= 0)
            add(&trainer->curve, trainer->row_column[r], (double)trainer->row_loss[r]);
    return DUET_OK;
}

/* Over all groups. */
static double norm_of(const duet_trainer *trainer, int program) {
    double sum = 0.0;
    if (trainer->groups.count == 1) return duet_program_norm(trainer->programs[program].program, 0);
    for (int g = 0; g < trainer->groups.count; g++) {
        const double norm = duet_program_norm(trainer->programs[program].program, g);
        sum += norm * norm;
    }
    return sqrt(sum);
}

void duet_curve_add_step(duet_trainer *trainer, double loss) {
    duet_curve *curve = &trainer->curve;
    curve->steps++;
    curve->loss += loss;
    for (int p = 0; p < trainer->task->program_count; p++)
        curve->grad_norm[p] += norm_of(trainer, p);
}

/* The learning rate of the weights that have no group of their own. */
static double rate_of(const duet_trainer *trainer) {
    const duet_choice *optim = &trainer->groups.optim[trainer->groups.count - 1];
    return duet_optim_of(optim->entry)->rate(&optim->options) *
           trainer->lr->factor(&trainer->lr_choice.options, trainer->steps - 1, trainer->total);
}

static void write_line(char out[512], const duet_trainer *trainer, double spent) {
    const duet_curve *curve = &trainer->curve;
    const double steps = (double)curve->steps;
    size_t used = (size_t)duet_format(out, 512, "%lld,%lld,%.3f,%.6g", (long long)trainer->steps,
                                      (long long)(trainer->steps * trainer->options.batch),
                                      duet_trainer_seconds(trainer), curve->loss / steps);
    for (int k = 0; k < DUET_TASK_COLUMNS && trainer->task->columns[k] != NULL; k++) {
        if (curve->summands[k] == 0)
            used += (size_t)snprintf(out + used, 512 - used, ",");
        else
            used += (size_t)duet_format(out + used, 512 - used, ",%.6g",
                                        curve->column[k] / (double)curve->summands[k]);
    }
    for (int p = 0; p < trainer->task->program_count; p++)
        used += (size_t)duet_format(out + used, 512 - used, ",%.6g", curve->grad_norm[p] / steps);
    duet_format(out + used, 512 - used, ",%.6g,%.1f\n", rate_of(trainer),
                spent > 0.0 ? steps * (double)trainer->options.batch / spent : 0.0);
}

duet_status duet_curve_flush(duet_trainer *trainer) {
    char path[DUET_PATH_SIZE], line[512];
    if (trainer->curve.steps == 0) return DUET_OK;
    const double now = duet_clock();
    write_line(line, trainer, now - trainer->curve.begun);
    trainer->curve = (duet_curve){.begun = now};
    DUET_TRY(duet_path_join(path, trainer->run, "loss.csv"));
    return duet_file_append(path, line);
}
