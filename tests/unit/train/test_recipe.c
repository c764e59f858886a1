/* SPDX-License-Identifier: MIT
 * Options of the training recipe that are off by default: with each, a run that is interrupted and
 * resumed has the bits of a whole one. */
#include "unit/data/fixtures.h"

#include <math.h>

#include <duet/store.h>
#include <duet/train.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/model.h"
#include "train/snapshots.h"

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

/* ---- averages ---- */

static void with_power(duet_train_options *o) {
    duet_copy_text(o->ema, sizeof o->ema, "0.9+power:std=0.05+power:std=0.1");
}

static void power(void **state) {
    (void)state;
    static const char *const files[] = {"state-00000064.safetensors", "model-00000064.safetensors",
                                        "ema-00000016.safetensors", "ema-00000064.safetensors"};
    goes_on(with_power, files, DUET_COUNT(files));
}

static double distance(const duet_model *model, const duet_store *store, const char *kind,
                       double *length) {
    double sum = 0.0;
    *length = 0.0;
    for (int64_t k = 0; k < model->slots->count; k++) {
        const duet_slot *slot = &model->slots->list[k];
        const float *have = duet_slot_data(slot);
        char name[DUET_TEXT_SIZE];
        float *want = NULL;
        OK(duet_alloc(&want, slot->count, sizeof *want));
        snprintf(name, sizeof name, "%s/%s", kind, slot->name);
        OK(duet_store_read(store, name, DUET_F32, want));
        for (int64_t i = 0; i < slot->count; i++) {
            sum += pow((double)have[i] - (double)want[i], 2.0);
            *length += (double)want[i] * (double)want[i];
        }
        duet_release(want);
    }
    *length = sqrt(*length);
    return sqrt(sum);
}

static int count_files(const char *run, const char *prefix) {
    duet_listing listing = {0};
    int count = 0;
    OK(duet_folder_list(&listing, run));
    for (int64_t i = 0; i < listing.count; i++)
        count += strncmp(listing.name[i], prefix, strlen(prefix)) == 0;
    duet_listing_free(&listing);
    return count;
}

static void with_lengths(duet_train_options *o) {
    duet_copy_text(o->ema, sizeof o->ema, "power:std=0.05+power:std=0.1");
    o->steps = 43;
}

/* Of a run whose snapshots are of two lengths, a third is made that another run, with the same
 * weights, has followed; and one of the two is given back. */
static void other_lengths(void **state) {
    (void)state;
    char run[DUET_PATH_SIZE], followed[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    duet_train_options o = tiny(with_lengths);
    duet_context *ctx = NULL;
    duet_model *model = NULL;
    duet_store *store = NULL;
    double error = 1.0, length = 0.0;
    fresh_folder(run, "lengths");
    fresh_folder(followed, "followed");
    OK(train(&o, run, false, 1));
    assert_int_equal(count_files(run, "ema-"), 11); /* of steps 4, 8, … 40, 43 */
    duet_copy_text(o.ema, sizeof o.ema, "0.9+power:std=0.075");
    OK(train(&o, followed, false, 1));
    OK(duet_path_join(path, followed, "state-00000344.safetensors"));
    OK(duet_store_open(&store, path));
    OK(duet_context_new(&ctx, NULL));
    OK(duet_train_average(ctx, &model, run, 0.075, &error));
    assert_true(error > 1e-4 && error < 0.012);
    assert_true(distance(model, store, "ema.1", &length) < 1e-3 * length);
    assert_true(distance(model, store, "weight", &length) > 3e-3 * length);
    duet_model_close(model);
    duet_store_close(store);
    OK(duet_path_join(path, run, "state-00000344.safetensors"));
    OK(duet_store_open(&store, path));
    OK(duet_train_average(ctx, &model, run, 0.1, &error));
    assert_true(error < 1e-5);
    assert_true(distance(model, store, "ema.1", &length) < 1e-5 * length);
    assert_true(duet_model_card(model)->steps == 43 && duet_model_card(model)->ema);
    duet_model_close(model);
    duet_store_close(store);
    OK(duet_path_join(path, run, "ema-00000064.safetensors"));
    FAILS(DUET_ARG, "averages of a training", duet_model_open(ctx, &model, path));
    duet_context_free(ctx);
}

static void with_plain(duet_train_options *o) {
    duet_copy_text(o->ema, sizeof o->ema, "0.9");
}

static void no_snapshots(void **state) {
    (void)state;
    char run[DUET_PATH_SIZE];
    duet_train_options o = tiny(with_plain);
    duet_context *ctx = NULL;
    duet_model *model = NULL;
    double error = 0.0;
    fresh_folder(run, "plain");
    OK(train(&o, run, false, 1));
    assert_int_equal(count_files(run, "ema-"), 0);
    OK(duet_context_new(&ctx, NULL));
    FAILS(DUET_ARG, "no power averages", duet_train_average(ctx, &model, run, 0.1, &error));
    FAILS(DUET_ARG, "at most 0.288", duet_train_average(ctx, &model, run, 0.3, &error));
    duet_context_free(ctx);
}

/* A damaged snapshot is noticed. */
static void damaged_snapshot(void **state) {
    (void)state;
    char run[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    duet_train_options o = tiny(with_power);
    duet_context *ctx = NULL;
    duet_model *model = NULL;
    duet_bytes bytes = {0};
    double error = 0.0;
    fresh_folder(run, "damaged");
    OK(train(&o, run, false, 1));
    OK(duet_path_join(path, run, "ema-00000032.safetensors"));
    OK(duet_file_read(&bytes, path));
    ((uint8_t *)(uintptr_t)bytes.data)[bytes.size - 9] ^= 1;
    OK(duet_file_write(path, bytes.data, bytes.size));
    duet_bytes_free(&bytes);
    OK(duet_context_new(&ctx, NULL));
    FAILS(DUET_FORMAT, "ema-00000032", duet_train_average(ctx, &model, run, 0.1, &error));
    duet_context_free(ctx);
}

static void wrong_averages(void **state) {
    (void)state;
    static const struct {
        const char *ema, *words;
    } bad[] = {{"1", "'decay'"},
               {"power:std=0.5", "'std'"},
               {"mean", "mean"},
               {"+", "names no average"},
               {"0.9+0.9+0.9+0.9+0.9", "at most 4"}};
    char run[DUET_PATH_SIZE];
    duet_train_options o = tiny(with_plain);
    fresh_folder(run, "wrong");
    for (int i = 0; i < DUET_COUNT(bad); i++) {
        duet_copy_text(o.ema, sizeof o.ema, bad[i].ema);
        FAILS(DUET_ARG, bad[i].words, train(&o, run, false, 1));
    }
}

static void spacing(void **state) {
    (void)state;
    for (int64_t steps = 1; steps < 3000; steps++) {
        const int64_t apart = duet_snapshots_apart(steps), count = steps / apart;
        assert_true(count <= DUET_SNAPSHOTS && (steps < 8 || count >= DUET_SNAPSHOTS / 2));
    }
}

/* ---- magnitude-preserving layers ---- */

static void with_preserving(duet_train_options *o) {
    duet_copy_text(o->arch, sizeof o->arch, ARCH ",magnitude_preserving=true");
    duet_copy_text(o->optim, sizeof o->optim, "adamw:rate=0.01");
    duet_copy_text(o->ema, sizeof o->ema, "0");
}

static void with_preserving_bf16(duet_train_options *o) {
    with_preserving(o);
    duet_copy_text(o->precision, sizeof o->precision, "bf16");
    duet_copy_text(o->recompute, sizeof o->recompute, "blocks");
}

static void with_preserving_muon(duet_train_options *o) {
    with_preserving(o);
    duet_copy_text(o->optim, sizeof o->optim, "muon:rate=0.01");
}

static void preserving(void **state) {
    (void)state;
    goes_on(with_preserving, ends, DUET_COUNT(ends));
    goes_on(with_preserving_bf16, ends, DUET_COUNT(ends));
    goes_on(with_preserving_muon, ends, DUET_COUNT(ends));
}

/* After training every row of a matrix has root mean square 1; the gains have left 0. */
static void rows_keep_their_length(void **state) {
    (void)state;
    char run[DUET_PATH_SIZE];
    duet_train_options o = tiny(with_preserving);
    duet_context *ctx = NULL;
    duet_model *model = NULL;
    int64_t rows = 0, gains = 0;
    fresh_folder(run, "rows");
    OK(train(&o, run, false, 1));
    OK(duet_context_new(&ctx, NULL));
    OK(duet_model_open(ctx, &model, run));
    for (int64_t k = 0; k < model->slots->count; k++) {
        const duet_slot *slot = &model->slots->list[k];
        const float *w = duet_slot_data(slot);
        const int64_t size = slot->count / slot->shape.dim[0];
        for (int64_t r = 0; slot->shape.rank >= 2 && r < slot->shape.dim[0]; r++, rows++) {
            double sum = 0.0;
            for (int64_t e = 0; e < size; e++)
                sum += (double)w[r * size + e] * (double)w[r * size + e];
            assert_true(fabs(sqrt(sum / (double)size) - 1.0) < 2e-4);
        }
        if (slot->shape.rank >= 2) continue;
        assert_true(slot->count == 1 && w[0] != 0.0F);
        gains++;
    }
    assert_true(rows > 400 && gains == 11); /* a gain a residual block, and the last */
    duet_model_close(model);
    duet_context_free(ctx);
}

static void refused(void **state) {
    (void)state;
    duet_model *model = NULL;
    FAILS(DUET_ARG, "classifier_pool=adaptive",
          duet_model_describe(&model, ARCH
                              ",image_size=8,classifier_pool=adaptive,magnitude_preserving=true"));
    FAILS(DUET_ARG, "conv_attention",
          duet_model_describe(&model,
                              ARCH ",image_size=8,conv_attention=true,magnitude_preserving=true"));
    /* there are no groups */
    OK(duet_model_describe(&model, "adm_unet:num_channels=12,norm_groups=5,channel_mult=1/2,"
                                   "magnitude_preserving=true"));
    duet_model_close(model);
}

/* ---- augmentation that is told, dropout ---- */

static void with_geometric(duet_train_options *o) {
    duet_copy_text(o->augment, sizeof o->augment, "crop:pad=1+geometric:p=0.5");
    duet_copy_text(o->ema, sizeof o->ema, "0");
}

static void with_geometric_preserving(duet_train_options *o) {
    with_geometric(o);
    with_preserving(o);
    o->accumulate = 2;
}

/* The network gets a place for the conditions, which training fills; a given one must fit, or there
 * is none. */
static void geometric(void **state) {
    (void)state;
    char run[DUET_PATH_SIZE];
    duet_train_options o = tiny(with_geometric);
    duet_context *ctx = NULL;
    duet_model *model = NULL;
    goes_on(with_geometric, ends, DUET_COUNT(ends));
    goes_on(with_geometric_preserving, ends, DUET_COUNT(ends));
    snprintf(run, sizeof run, "%s/whole", DUET_TEST_TMP);
    OK(duet_context_new(&ctx, NULL));
    OK(duet_model_open(ctx, &model, run));
    assert_int_equal(model->shape.augment_dim, 13);
    const int64_t at = duet_slots_find(model->slots, "", "augment_emb.weight");
    const float *w = duet_slot_data(&model->slots->list[at]);
    double moved[13] = {0}; /* by condition; quarter turns and shifts are not drawn by default */
    for (int64_t i = 0; i < model->slots->list[at].count; i++) moved[i % 13] += fabs((double)w[i]);
    for (int k = 0; k < 13; k++) assert_true((moved[k] > 0.0) == (k < 2 || k > 5));
    duet_model_close(model);
    duet_context_free(ctx);
    fresh_folder(run, "misfit");
    duet_copy_text(o.arch, sizeof o.arch, ARCH ",augment_dim=5");
    FAILS(DUET_ARG, "tells 13 numbers, but the network takes 5", train(&o, run, false, 1));
    duet_copy_text(o.arch, sizeof o.arch, ARCH ",augment_dim=0");
    OK(train(&o, run, false, 1));
}

static void with_dropout(duet_train_options *o) {
    duet_copy_text(o->arch, sizeof o->arch, ARCH ",resblock_updown=true");
}

static void with_dropout_bf16(duet_train_options *o) {
    with_dropout(o);
    duet_copy_text(o->precision, sizeof o->precision, "bf16");
    duet_copy_text(o->recompute, sizeof o->recompute, "blocks");
}

/* Masks are drawn again in a recompute: the bits are the same. */
static void dropout(void **state) {
    (void)state;
    char run[DUET_PATH_SIZE], again[DUET_PATH_SIZE];
    duet_train_options o = tiny(with_dropout);
    fresh_folder(run, "kept");
    fresh_folder(again, "recomputed");
    OK(train(&o, run, false, 1));
    duet_copy_text(o.recompute, sizeof o.recompute, "blocks");
    OK(train(&o, again, false, 1));
    same_tensors(run, again, ends[0]);
    goes_on(with_dropout_bf16, ends, DUET_COUNT(ends));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(muon),
                                       cmocka_unit_test(power),
                                       cmocka_unit_test(other_lengths),
                                       cmocka_unit_test(no_snapshots),
                                       cmocka_unit_test(damaged_snapshot),
                                       cmocka_unit_test(wrong_averages),
                                       cmocka_unit_test(spacing),
                                       cmocka_unit_test(preserving),
                                       cmocka_unit_test(rows_keep_their_length),
                                       cmocka_unit_test(refused),
                                       cmocka_unit_test(geometric),
                                       cmocka_unit_test(dropout)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
