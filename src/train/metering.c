/* SPDX-License-Identifier: MIT
 * When the caller's meter is called: every `meter_minutes` of training, but so rarely that it takes
 * no more than a share COST of the time; at the end where it was due at least once. Its time is
 * taken out of all clocks, and whatever it returns, the training goes on with the same bits. */
#include "base/context.h"
#include "base/error.h"
#include "train/trainer.h"

#define COST 0.03

double duet_metering_interval(const duet_train_options *options, double cost) {
    const double wanted = 60.0 * options->meter_minutes;
    return wanted > cost / COST ? wanted : cost / COST;
}

void duet_metering_begin(duet_trainer *trainer) {
    trainer->metered = -1;
    trainer->metered_at =
        duet_trainer_seconds(trainer) + duet_metering_interval(&trainer->options, 0.0);
}

static duet_status measure(duet_trainer *trainer) {
    const duet_train_meter *const meter = trainer->options.meter;
    const duet_train_moment moment = {.images = trainer->steps * trainer->options.batch,
                                      .steps = trainer->steps,
                                      .seconds = duet_trainer_seconds(trainer)};
    DUET_TRY(duet_slots_pull(trainer->slots));
    return meter->measure(meter->user, trainer->ema, &moment);
}

void duet_metering_run(duet_trainer *trainer, bool end) {
    const double seconds = duet_trainer_seconds(trainer), start = duet_clock();
    if (trainer->options.meter == NULL || trainer->options.meter_minutes <= 0.0) return;
    const bool due = seconds >= trainer->metered_at;
    if (end ? trainer->metered == trainer->steps || (trainer->metered < 0 && !due) : !due) return;
    const duet_status status = measure(trainer);
    if (status != DUET_OK && status != DUET_CANCELLED)
        duet_log(trainer->ctx, DUET_LOG_WARNING, "the training goes on without a measurement: %s",
                 duet_error_message());
    const double cost = duet_clock() - start;
    trainer->started += cost;
    trainer->saved_at += cost;
    trainer->curve.begun += cost;
    trainer->metered = trainer->steps;
    trainer->metered_at = seconds + duet_metering_interval(&trainer->options, cost);
}
