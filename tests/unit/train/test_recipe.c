/* SPDX-License-Identifier: MIT
 * Options of the training recipe that are off by default: with each, a run that is interrupted and
 * resumed has the bits of a whole one. */
#include "unit/data/fixtures.h"

#include <duet/store.h>
#include <duet/train.h>

#include "base/str.h"

#define DATA "synth:size=8,classes=3,train=40,test=4"
#define ARCH                                  \
    "adm_unet:num_channels=8,channel_mult=1/" \
    "2,num_res_blocks=1,attention_resolutions=4,num_heads=2,norm_groups=4,dropout=0.1"
enum { STEPS = 8, BATCH = 8, HALF = 4 };

typedef void (*change)(duet_train_options *o);

static duet_status train(const duet_train_options *o, const char *run, bool resume, int threads) {
    const duet_context_options options = {.threads = threads};
    duet_context *ctx = NULL;
    duet_dataset *dataset = NULL;
    duet_train_result result = {0};
    OK(duet_context_new(&ctx, &options));
    OK(duet_dataset_open(ctx, &dataset, DATA));
    const duet_status status = duet_train(ctx, &result, dataset, o, run, resume);
    if (status == DUET_OK) assert_true(result.loss < 3.0);
    duet_dataset_close(dataset);
    duet_context_free(ctx);
    return status;
}

static duet_train_options tiny(change with) {
    duet_train_options o;
    duet_params_default(&duet_train_params, &o);
    duet_copy_text(o.arch, sizeof o.arch, ARCH);
    duet_copy_text(o.lr, sizeof o.lr, "constant");
    o.batch = BATCH;
    o.steps = STEPS;
    o.seed = 5;
    with(&o);
    return o;
}

static void same_tensors(const char *run_a, const char *run_b, const char *file) {
    char path[DUET_PATH_SIZE];
    duet_store *one = NULL, *two = NULL;
    OK(duet_path_join(path, run_a, file));
    OK(duet_store_open(&one, path));
    OK(duet_path_join(path, run_b, file));
    OK(duet_store_open(&two, path));
    assert_int_equal(duet_store_count(one), duet_store_count(two));
    for (int64_t i = 0; i < duet_store_count(one); i++) {
        const duet_store_entry *e = duet_store_at(one, i);
        const size_t size = (size_t)duet_shape_count(&e->shape) * duet_dtype_size(e->dtype);
        if (memcmp(duet_store_data(one, e->name), duet_store_data(two, e->name), size) != 0)
            fail_msg("'%s' differs", e->name);
    }
    duet_store_close(one);
    duet_store_close(two);
}

/* A whole run on two threads; one of half as many steps on one thread, which is then extended. */
static void goes_on(change with, const char *const *files, int count) {
    char whole[DUET_PATH_SIZE], parts[DUET_PATH_SIZE];
    duet_train_options o = tiny(with);
    fresh_folder(whole, "whole");
    fresh_folder(parts, "parts");
    OK(train(&o, whole, false, 2));
    o.steps = HALF;
    OK(train(&o, parts, false, 1));
    o.steps = STEPS;
    OK(train(&o, parts, true, 1));
    for (int i = 0; i < count; i++) same_tensors(whole, parts, files[i]);
}

static const char *const ends[] = {"state-00000064.safetensors", "model-00000064.safetensors"};

static void with_muon(duet_train_options *o) {
    duet_copy_text(o->optim, sizeof o->optim, "muon");
    duet_copy_text(o->groups, sizeof o->groups, "middle_block.*=adamw:rate=0.001");
}

static void muon(void **state) {
    (void)state;
    goes_on(with_muon, ends, DUET_COUNT(ends));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(muon)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
