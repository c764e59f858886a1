/* SPDX-License-Identifier: MIT
 * A generator: opened once, it gives any images in any calls, each the same as duet_sample alone
 * does, and plans nothing anew; the source over it gives each once, with number and label. */
#include "tiny_model.h"

#include <duet/sample.h>

#include "base/mem.h"

enum { IMAGE = 8 * 8 * 3, ALL = 7, CLASSES = 3 };
#define SAMPLER     "ddpm:steps=3"
#define CONDITIONAL TINY_ARCH ",class_cond=true,num_classes=3"

static void sample(duet_context *ctx, duet_model *model, int64_t first, int64_t count,
                   int64_t label, uint8_t *pixels) {
    const duet_sample_options options = {
        .sampler = SAMPLER, .count = count, .first = first, .seed = 9, .label = label};
    OK(duet_sample(ctx, model, &options, pixels));
}

static duet_generator *open_generator(duet_context *ctx, duet_model *model, int64_t batch) {
    duet_generator *generator = NULL;
    const duet_generator_options options = {.sampler = SAMPLER, .batch = batch};
    OK(duet_generator_open(ctx, &generator, model, &options));
    return generator;
}

static void any_calls_and_batches_give_the_images_of_sample(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, CONDITIONAL, 1);
    uint8_t want[ALL * IMAGE], got[ALL * IMAGE];
    sample(ctx, model, 0, ALL, -1, want);
    for (int64_t batch = 1; batch <= ALL + 1; batch++) {
        duet_generator *g = open_generator(ctx, model, batch);
        OK(duet_generator_run(g, 0, ALL, 9, NULL, got));
        assert_memory_equal(got, want, sizeof got);
        memset(got, 0, sizeof got); /* two calls, the later images first */
        OK(duet_generator_run(g, 4, ALL - 4, 9, NULL, got + 4 * IMAGE));
        OK(duet_generator_run(g, 0, 4, 9, NULL, got));
        assert_memory_equal(got, want, sizeof got);
        OK(duet_generator_run(g, 0, 0, 9, NULL, NULL));
        OK(duet_generator_run(g, 2, 1, 10, NULL, got)); /* another seed */
        assert_memory_not_equal(got, want + 2 * IMAGE, IMAGE);
        duet_generator_close(g);
    }
    duet_model_close(model);
    duet_context_free(ctx);
}

static void labels_are_taken(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, CONDITIONAL, 1);
    duet_generator *g = open_generator(ctx, model, 2);
    uint8_t want[3 * IMAGE], got[3 * IMAGE];
    const int32_t labels[] = {2, 0, 1}, wrong[] = {0, CLASSES, 0};
    for (int i = 0; i < 3; i++) sample(ctx, model, i, 1, labels[i], want + i * IMAGE);
    OK(duet_generator_run(g, 0, 3, 9, labels, got));
    assert_memory_equal(got, want, sizeof got);
    FAILS(DUET_ARG, "label 3", duet_generator_run(g, 0, 3, 9, wrong, got));
    FAILS(DUET_ARG, "cannot be negative", duet_generator_run(g, -1, 3, 9, NULL, got));
    OK(duet_generator_run(g, 0, 3, 9, labels, got)); /* a failure leaves it as it was */
    assert_memory_equal(got, want, sizeof got);
    duet_generator_close(g);
    duet_model_close(model);
    duet_context_free(ctx);
}

static int64_t blocks_of_run(duet_generator *g, uint8_t *pixels) {
    const int64_t before = duet_alloc_count();
    OK(duet_generator_run(g, 0, 1, 9, NULL, pixels));
    return duet_alloc_count() - before;
}

/* What a run allocates is the sampler's, far less than a plan with its session. */
static void nothing_is_planned_anew(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    uint8_t pixels[IMAGE];
    const int64_t before = duet_alloc_count();
    duet_generator *g = open_generator(ctx, model, 1);
    const int64_t opening = duet_alloc_count() - before;
    (void)blocks_of_run(g, pixels); /* the first run packs weights */
    const int64_t running = blocks_of_run(g, pixels);
    print_message("blocks: %lld to open, %lld to run\n", (long long)opening, (long long)running);
    assert_true(running <= 8 && running < opening / 4);
    assert_int_equal(blocks_of_run(g, pixels), running);
    duet_generator_close(g);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void what_cannot_be_opened(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    duet_model *model = make_model(ctx, TINY_ARCH, 1);
    duet_generator *g = NULL;
    FAILS(DUET_ARG, "no sampler 'walk'",
          duet_generator_open(ctx, &g, model, &(duet_generator_options){.sampler = "walk"}));
    FAILS(DUET_ARG, "cannot be negative",
          duet_generator_open(ctx, &g, model, &(duet_generator_options){.batch = -1}));
    assert_null(g);
    duet_model_close(model);
    duet_context_free(ctx);
}

static void a_source_gives_each_image_once(void **state) {
    (void)state;
    duet_context *ctx = make_context(1, true);
    for (int conditional = 0; conditional < 2; conditional++) {
        duet_model *model = make_model(ctx, conditional ? CONDITIONAL : TINY_ARCH, 1);
        uint8_t want[ALL * IMAGE];
        duet_source *source = NULL;
        duet_batch batch;
        int64_t rows = 0;
        const duet_sample_options options = {
            .sampler = SAMPLER, .count = ALL, .first = 5, .seed = 9, .batch = 3, .label = -1};
        sample(ctx, model, 5, ALL, -1, want);
        OK(duet_source_open_samples(ctx, &source, model, &options));
        const duet_source_info *info = duet_source_describe(source);
        assert_true(info->size == 8 && info->channels == 3 && info->count == ALL);
        while (more_of(source, &batch)) {
            assert_int_equal(batch.position, rows);
            assert_int_equal(batch.count, rows < 6 ? 3 : 1);
            for (int64_t i = 0; i < batch.count; i++, rows++) {
                assert_int_equal(batch.index[i], 5 + rows);
                assert_int_equal(batch.labels[i], conditional ? (5 + rows) % CLASSES : -1);
                assert_memory_equal(batch.pixels + i * IMAGE, want + rows * IMAGE, IMAGE);
            }
        }
        assert_int_equal(rows, ALL);
        duet_source_close(source);
        duet_model_close(model);
    }
    duet_context_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_calls_and_batches_give_the_images_of_sample),
        cmocka_unit_test(labels_are_taken),
        cmocka_unit_test(nothing_is_planned_anew),
        cmocka_unit_test(what_cannot_be_opened),
        cmocka_unit_test(a_source_gives_each_image_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
