/* SPDX-License-Identifier: MIT
 * The reader: nothing after the tap is run, x_t is what the formula says, pooling is the mean of
 * the formula's windows, the noise belongs to (seed, image), and in exact mode the bits depend on
 * neither batch, threads nor the other taps. */
#include "tiny_model.h"

#include <math.h>

#include <duet/feature.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/model.h"
#include "noise/noise.h"
#include "tolerance.h"

enum { IMAGES = 8, SIZE = 8, PIXELS = SIZE * SIZE * 3, MOST = 4096 };

static uint8_t images[IMAGES * PIXELS];
static const int64_t ids[IMAGES] = {0, 1, 2, 3, 4, 5, 6, 7};

static int draw_images(void **unused) {
    (void)unused;
    for (int i = 0; i < IMAGES * PIXELS; i++)
        images[i] = (uint8_t)duet_rng_below(duet_rng_make(1, "pixels", 0), (uint64_t)i, 256);
    return 0;
}

/* Rows of all columns, one after the other: out[image][...]. Runs in pieces of `batch` rows.
 * Returns floats of an image. */
static int64_t read_rows(float *out, duet_context *ctx, duet_model *model,
                         const duet_reader_options *options, int64_t count) {
    duet_reader *reader = NULL;
    int64_t width = 0;
    OK(duet_reader_open(ctx, &reader, "model", model, NULL, options));
    const int64_t columns = duet_reader_columns(reader), batch = duet_reader_batch(reader);
    for (int64_t c = 0; c < columns; c++) {
        int64_t dim;
        duet_reader_column(reader, c, NULL, &dim);
        width += dim;
    }
    assert_true(width <= MOST);
    for (int64_t row = 0; row < count; row += batch) {
        const int64_t rows = count - row < batch ? count - row : batch;
        float *into[64], *block = NULL;
        OK(duet_alloc(&block, rows * width, sizeof *block));
        float *at = block;
        for (int64_t c = 0; c < columns; c++) {
            int64_t dim;
            duet_reader_column(reader, c, NULL, &dim);
            into[c] = at;
            at += rows * dim;
        }
        OK(duet_reader_run(reader, images + row * PIXELS, ids + row, rows, into));
        for (int64_t i = 0; i < rows; i++) {
            float *to = out + (row + i) * width;
            for (int64_t c = 0; c < columns; c++) {
                int64_t dim;
                duet_reader_column(reader, c, NULL, &dim);
                memcpy(to, into[c] + i * dim, (size_t)dim * sizeof *to);
                to += dim;
            }
        }
        duet_release(block);
    }
    duet_reader_close(reader);
    return width;
}

/* ---- early exit ---- */

typedef struct tally {
    int rows, late;
    double macs;
    const char *const *after; /* scopes that must not run */
} tally;

static void count_row(const duet_model_plan_row *row, void *user) {
    tally *t = user;
    t->rows++;
    for (const char *const *scope = t->after; *scope != NULL; scope++)
        t->late += duet_starts_with(row->scope, *scope);
    if (strcmp(row->op, "conv2d") == 0 || strcmp(row->op, "linear") == 0 ||
        strcmp(row->op, "attention") == 0)
        t->macs += row->flops / 2;
}

static tally plan_of(duet_context *ctx, duet_model *model, int tap, const char *const *after) {
    tally t = {.after = after};
    duet_model_plan_memory memory = {0};
    OK(duet_model_plan(ctx, model, 1, tap, count_row, &t, &memory));
    assert_true(t.rows > 0 && memory.total >= memory.activations + memory.scratch + memory.packed &&
                memory.activations > 0);
    return t;
}

static void nothing_after_the_tap_is_run(void **unused) {
    (void)unused;
    duet_context *ctx = make_context(1, false);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    static const char *const after_3[] = {"input_blocks.3", "middle_block", "output_blocks", "out.",
                                          NULL};
    static const char *const after_middle[] = {"output_blocks", "out.", NULL}, *const none[] = {
                                                                                   NULL};
    const tally third = plan_of(ctx, model, 3, after_3),
                middle = plan_of(ctx, model, 5, after_middle);
    const tally last = plan_of(ctx, model, TINY_TAPS, none), whole = plan_of(ctx, model, 0, none);
    assert_int_equal(third.late, 0);
    assert_int_equal(middle.late, 0);
    assert_int_equal(plan_of(ctx, model, TINY_TAPS, after_middle).late > 0,
                     1); /* the names are those of the plan */
    assert_true(third.rows < middle.rows && middle.rows < last.rows && last.rows < whole.rows);
    assert_true(third.macs < middle.macs && middle.macs < last.macs && last.macs < whole.macs);
    for (int b = 0; b < TINY_TAPS; b++) {
        const duet_tap_row *tap = duet_model_tap(model, b);
        double macs = plan_of(ctx, model, tap->block, none).macs;
        /* the time embedding, which the list counts from the start */
        if (tap->block == 1) macs += 8 * 32 + 32 * 32;
        if (fabs(macs - tap->macs) > 1e-9 * macs)
            fail_msg("tap %d: the plan has %.0f MACs, the list says %.0f", tap->block, macs,
                     tap->macs);
    }
    assert_true(fabs(whole.macs - duet_model_macs(model)) < 1e-9 * whole.macs);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void a_tap_has_its_bits_whatever_else_is_read(void **unused) {
    (void)unused;
    static float all[IMAGES * MOST], one[IMAGES * MOST];
    duet_context *ctx = make_context(2, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    const duet_reader_options every = {
        .times = {.count = 1, .v = {20}}, .pools = {.count = 2, .v = {1, 2}}, .batch = 4};
    const int64_t width = read_rows(all, ctx, model, &every, IMAGES);
    int64_t at = 0;
    for (int b = 1; b <= TINY_TAPS; b++) {
        const duet_reader_options single = {.times = {.count = 1, .v = {20}},
                                            .taps = {.count = 1, .v = {b}},
                                            .pools = every.pools,
                                            .batch = 4};
        const int64_t own = read_rows(one, ctx, model, &single, IMAGES);
        for (int64_t i = 0; i < IMAGES; i++)
            assert_memory_equal(one + i * own, all + i * width + at, (size_t)own * sizeof *one);
        at += own;
    }
    assert_int_equal(at, width);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* ---- batches and threads ---- */

static void exact_bits_do_not_depend_on_batch_and_threads(void **unused) {
    (void)unused;
    static float want[IMAGES * MOST], have[IMAGES * MOST];
    int64_t width = 0;
    for (int64_t batch = 1; batch <= 8;
         batch = batch == 1 ? 3 : batch + 5) { /* 1, 3 (8 rows leave 2 in a padded batch), 8 */
        for (int threads = 1; threads <= 2; threads++) {
            const bool first = batch == 1 && threads == 1;
            const duet_reader_options options = {.times = {.count = 1, .v = {30}},
                                                 .pools = {.count = 2, .v = {1, 4}},
                                                 .batch = batch};
            duet_context *ctx = make_context(threads, true);
            duet_model *model = make_model(ctx, TINY_ARCH, 2);
            width = read_rows(first ? want : have, ctx, model, &options, IMAGES);
            if (!first) assert_memory_equal(have, want, (size_t)(IMAGES * width) * sizeof *have);
            duet_model_close(model);
            duet_context_free(ctx);
        }
    }
    /* Without it they may differ in rounding only. */
    duet_context *ctx = make_context(2, false);
    duet_model *model = make_model(ctx, TINY_ARCH, 2);
    const duet_reader_options options = {
        .times = {.count = 1, .v = {30}}, .pools = {.count = 2, .v = {1, 4}}, .batch = 5};
    assert_int_equal(read_rows(have, ctx, model, &options, IMAGES), width);
    double square = 0, most = 0;
    for (int64_t i = 0; i < IMAGES * width; i++) {
        square += (double)want[i] * (double)want[i];
        most = fmax(most, fabs((double)have[i] - (double)want[i]));
    }
    assert_true(most < TOLERANCE_FORWARD * sqrt(square / (double)(IMAGES * width)));
    duet_model_close(model);
    duet_context_free(ctx);
}

/* ---- noise ---- */

static void read_one(float *out, duet_context *ctx, duet_model *model, int64_t t, uint64_t seed,
                     int64_t id) {
    const duet_reader_options options = {.times = {.count = 1, .v = {t}},
                                         .taps = {.count = 1, .v = {5}},
                                         .noise_seed = seed,
                                         .batch = 2};
    duet_reader *reader = NULL;
    OK(duet_reader_open(ctx, &reader, "model", model, NULL, &options));
    OK(duet_reader_run(reader, images, &id, 1, &out));
    duet_reader_close(reader);
}

static void noise_belongs_to_seed_and_image(void **unused) {
    (void)unused;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 3);
    float a[16], b[16], rows[2 * 16], *out = rows;
    read_one(a, ctx, model, 40, 7, 5);
    read_one(b, ctx, model, 40, 7, 5);
    assert_memory_equal(a, b, sizeof a);
    read_one(b, ctx, model, 40, 8, 5);
    assert_memory_not_equal(a, b, sizeof a);
    read_one(b, ctx, model, 40, 7, 6);
    assert_memory_not_equal(a, b, sizeof a);
    read_one(b, ctx, model, 41, 7, 5);
    assert_memory_not_equal(a, b, sizeof a);
    /* The same image as the second of a batch. */
    const duet_reader_options options = {.times = {.count = 1, .v = {40}},
                                         .taps = {.count = 1, .v = {5}},
                                         .noise_seed = 7,
                                         .batch = 2};
    duet_reader *reader = NULL;
    uint8_t pair[2 * PIXELS];
    memcpy(pair, images + PIXELS, PIXELS);
    memcpy(pair + PIXELS, images, PIXELS);
    OK(duet_reader_open(ctx, &reader, "model", model, NULL, &options));
    OK(duet_reader_run(reader, pair, (int64_t[]){9, 5}, 2, &out));
    assert_memory_equal(rows + 16, a, sizeof a);
    duet_reader_close(reader);
    /* A clean image has none. */
    read_one(a, ctx, model, -1, 7, 5);
    read_one(b, ctx, model, -1, 8, 6);
    assert_memory_equal(a, b, sizeof a);
    read_one(b, ctx, model, 0, 7, 5);
    assert_memory_not_equal(a, b, sizeof a);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* y[H,W,O] = conv3x3(x[H,W,3]) + bias, weights OIHW: tap 1 of the network, in double. */
static void convolve(double *y, const duet_model *model, const double *x) {
    const int64_t weight = duet_slots_find(model->slots, "", "input_blocks.0.0.weight"),
                  bias = duet_slots_find(model->slots, "", "input_blocks.0.0.bias");
    assert_true(weight >= 0 && bias >= 0);
    const float *const w = model->slots->list[weight].own, *const b = model->slots->list[bias].own;
    for (int i = 0; i < SIZE * SIZE * 8; i++) {
        const int row = i / 8 / SIZE, column = i / 8 % SIZE, o = i % 8;
        double sum = (double)b[o];
        for (int k = 0; k < 27; k++) {
            const int r = row + k / 3 % 3 - 1, c = column + k % 3 - 1, in = k / 9;
            if (r < 0 || r >= SIZE || c < 0 || c >= SIZE) continue;
            sum += (double)w[o * 27 + k] * x[(r * SIZE + c) * 3 + in];
        }
        y[i] = sum;
    }
}

static void input_is_the_noised_image(void **unused) {
    (void)unused;
    duet_context *ctx = make_context(1, false);
    duet_model *model = make_model(ctx, TINY_ARCH, 4);
    duet_noise *noise = NULL;
    OK(duet_noise_new(&noise, duet_model_card(model)->noise));
    for (int64_t t = -1; t < 100; t += 50) {
        const duet_reader_options options = {.times = {.count = 1, .v = {t}},
                                             .taps = {.count = 1, .v = {1}},
                                             .pools = {.count = 1, .v = {SIZE}},
                                             .noise_seed = 11,
                                             .batch = 1};
        const duet_level level = duet_noise_level(noise, t);
        const int64_t id = 3;
        float eps[PIXELS], have[SIZE * SIZE * 8], *out = have;
        double x[PIXELS], want[SIZE * SIZE * 8], square = 0, most = 0;
        duet_reader *reader = NULL;
        duet_image_noise(eps, 11, id, PIXELS);
        for (int i = 0; i < PIXELS; i++)
            x[i] =
                level.alpha * (images[i] / 127.5 - 1) + (t < 0 ? 0 : level.sigma * (double)eps[i]);
        convolve(want, model, x);
        OK(duet_reader_open(ctx, &reader, "model", model, NULL, &options));
        assert_int_equal(duet_reader_columns(reader), 1);
        OK(duet_reader_run(reader, images, &id, 1, &out));
        for (int i = 0; i < SIZE * SIZE * 8; i++) {
            square += want[i] * want[i];
            most = fmax(most, fabs((double)have[i] - want[i]));
        }
        assert_true(most < TOLERANCE_FORWARD * sqrt(square / (SIZE * SIZE * 8)));
        duet_reader_close(reader);
    }
    duet_noise_free(noise);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* ---- pooling ---- */

static void pools_are_means_of_windows(void **unused) {
    (void)unused;
    duet_context *ctx = make_context(1, false);
    duet_model *model = make_model(ctx, TINY_ARCH, 5);
    const duet_reader_options options = {.times = {.count = 1, .v = {10}},
                                         .taps = {.count = 1, .v = {2}},
                                         .pools = {.count = 5, .v = {8, 1, 2, 3, 16}},
                                         .batch = 1};
    const int64_t id = 0;
    duet_reader *reader = NULL;
    static float map[64 * 8], one[8], two[4 * 8], three[9 * 8];
    float *out[] = {map, one, two, three};
    OK(duet_reader_open(ctx, &reader, "model", model, NULL, &options));
    assert_int_equal(duet_reader_columns(reader), 4); /* 16 is larger than the map */
    for (int c = 0; c < 4; c++) {
        duet_setting setting;
        int64_t dim;
        duet_reader_column(reader, c, &setting, &dim);
        assert_true(setting.tap == 2 && setting.pool == options.pools.v[c] &&
                    dim == 8 * setting.pool * setting.pool);
    }
    OK(duet_reader_run(reader, images, &id, 1, out));
    for (int c = 1; c < 4; c++) {
        const int p = (int)options.pools.v[c];
        for (int cell = 0; cell < p * p; cell++) {
            const int top = cell / p * SIZE / p, bottom = ((cell / p + 1) * SIZE + p - 1) / p;
            const int left = cell % p * SIZE / p, right = ((cell % p + 1) * SIZE + p - 1) / p;
            for (int k = 0; k < 8; k++) {
                double sum = 0;
                for (int r = top; r < bottom; r++)
                    for (int q = left; q < right; q++) sum += (double)map[(r * SIZE + q) * 8 + k];
                assert_true(fabs((double)out[c][cell * 8 + k] -
                                 sum / ((bottom - top) * (right - left))) < 1e-5);
            }
        }
    }
    duet_reader_close(reader);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* ---- what cannot be read ---- */

static void refuses_what_is_not_there(void **unused) {
    (void)unused;
    duet_context *ctx = make_context(1, false);
    duet_model *model = make_model(ctx, TINY_ARCH, 6);
    duet_reader *reader = NULL;
    duet_reader_options options = {
        .times = {.count = 1, .v = {100}}, .taps = {.count = 1, .v = {5}}, .batch = 2};
    FAILS(DUET_ARG, "t is 100; the levels of the model's noise are 0 to 99",
          duet_reader_open(ctx, &reader, "model", model, NULL, &options));
    options.times.v[0] = -2;
    FAILS(DUET_ARG, "t is -2", duet_reader_open(ctx, &reader, "model", model, NULL, &options));
    options.times.v[0] = 0;
    options.taps = (duet_int_list){.count = 2, .v = {5, 10}};
    FAILS(DUET_ARG, "no tap 10; the model has taps 1 to 9",
          duet_reader_open(ctx, &reader, "model", model, NULL, &options));
    options.taps.v[1] = 0;
    FAILS(DUET_ARG, "no tap 0", duet_reader_open(ctx, &reader, "model", model, NULL, &options));
    options.taps.count = 1;
    options.pools = (duet_int_list){.count = 1, .v = {5}};
    FAILS(DUET_ARG, "the pool must not be larger",
          duet_reader_open(ctx, &reader, "model", model, NULL, &options)); /* the map is 4x4 */
    options.pools.v[0] = 0;
    assert_int_not_equal(duet_reader_open(ctx, &reader, "model", model, NULL, &options), DUET_OK);
    assert_null(reader);
    options.pools.count = 0;
    float out[3 * 16], *into = out;
    OK(duet_reader_open(ctx, &reader, "model", model, NULL, &options));
    FAILS(DUET_ARG, "3 rows do not fit; the reader takes 1 to 2",
          duet_reader_run(reader, images, ids, 3, &into));
    FAILS(DUET_ARG, "0 rows", duet_reader_run(reader, images, ids, 0, &into));
    duet_reader_close(reader);
    duet_model_close(model);
    duet_context_free(ctx);
}

/* A class-conditional network is read with class 0. */
static void conditional_models_can_be_read(void **unused) {
    (void)unused;
    duet_context *ctx = make_context(1, false);
    duet_model *model = make_model(ctx, TINY_ARCH ",class_cond=true,num_classes=3", 6);
    float a[16];
    read_one(a, ctx, model, 3, 0, 0);
    for (int i = 0; i < 16; i++) assert_true(isfinite(a[i]));
    duet_model_close(model);
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_after_the_tap_is_run),
        cmocka_unit_test(a_tap_has_its_bits_whatever_else_is_read),
        cmocka_unit_test(exact_bits_do_not_depend_on_batch_and_threads),
        cmocka_unit_test(noise_belongs_to_seed_and_image),
        cmocka_unit_test(input_is_the_noised_image),
        cmocka_unit_test(pools_are_means_of_windows),
        cmocka_unit_test(refuses_what_is_not_there),
        cmocka_unit_test(conditional_models_can_be_read),
    };
    return cmocka_run_group_tests(tests, draw_images, NULL);
}
