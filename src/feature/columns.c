/* SPDX-License-Identifier: MIT
 * feature/columns.c: checks options against the model's taps. A pool larger than a tap's map is
 * left out. */
#include "feature/columns.h"

#include "base/error.h"
#include "base/mem.h"
#include "model/model.h"
#include "noise/noise.h"

duet_int_list duet_reader_times(const duet_reader_options *options) {
    return options->times.count > 0 ? options->times
                                    : (duet_int_list){.count = 1, .v = {options->t}};
}

static bool wants(const duet_int_list *list, int64_t value) {
    for (int i = 0; i < list->count; i++)
        if (list->v[i] == value) return true;
    return list->count == 0;
}

static duet_status check(const duet_model *model, const duet_reader_options *options,
                         const duet_int_list *times) {
    duet_noise *noise = NULL;
    DUET_TRY(duet_noise_new(&noise, model->card.noise));
    const int64_t steps = noise->steps;
    duet_noise_free(noise);
    for (int i = 0; i < times->count; i++) {
        const int64_t t = times->v[i];
        if (t < -1 || t >= steps)
            return duet_fail(
                DUET_ARG, "t is %lld; the levels of the model's noise are 0 to %lld (-1 = clean)",
                (long long)t, (long long)steps - 1);
        for (int k = 0; k < i; k++)
            if (times->v[k] == t) return duet_fail(DUET_ARG, "t %lld is given twice", (long long)t);
    }
    for (int i = 0; i < options->taps.count; i++)
        if (options->taps.v[i] < 1 || options->taps.v[i] > model->tap_count)
            return duet_fail(DUET_ARG, "no tap %lld; the model has taps 1 to %d ('duet info')",
                             (long long)options->taps.v[i], model->tap_count);
    for (int i = 0; i < options->pools.count; i++)
        if (options->pools.v[i] < 1)
            return duet_fail(DUET_ARG, "pool is %lld; it must be at least 1",
                             (long long)options->pools.v[i]);
    return DUET_OK;
}

duet_status duet_columns_new(duet_column **out, int64_t *count, const duet_model *model,
                             const duet_reader_options *options) {
    const duet_int_list times = duet_reader_times(options);
    const duet_int_list pools =
        options->pools.count > 0 ? options->pools : (duet_int_list){.count = 1, .v = {1}};
    duet_column *list = NULL;
    int64_t n = 0;
    DUET_TRY(check(model, options, &times));
    const int64_t most = (int64_t)times.count * model->tap_count * pools.count;
    DUET_TRY(duet_alloc(&list, most, sizeof *list));
    for (int i = 0; i < times.count; i++) {
        for (int a = 0; a < model->tap_count; a++) {
            const duet_tap_row *tap = &model->taps[a];
            for (int p = 0; p < pools.count && wants(&options->taps, tap->block); p++) {
                const int64_t pool = pools.v[p];
                if (pool > tap->height || pool > tap->width) continue;
                list[n++] = (duet_column){.t = times.v[i],
                                          .tap = tap->block,
                                          .pool = (int)pool,
                                          .dim = pool * pool * tap->channels};
            }
        }
    }
    duet_status status = DUET_OK;
    if (n == 0)
        DUET_FAIL(DUET_ARG,
                  "no tap fits: the model has taps 1 to %d, and the pool must not be larger than "
                  "the tap's map ('duet info')",
                  model->tap_count);
    if (n > DUET_MOST_COLUMNS)
        DUET_FAIL(DUET_ARG, "%lld columns (t x taps x pools); at most %d", (long long)n,
                  DUET_MOST_COLUMNS);
    *out = list;
    *count = n;
    return DUET_OK;
done:
    duet_release(list);
    return status;
}
