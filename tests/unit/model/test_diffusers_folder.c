/* SPDX-License-Identifier: MIT
 * Folders of diffusers: keys of config.json become options, or are refused by name; null in a
 * config.json is what the library makes of it, or refused by the name of its key; of a pipeline
 * with averaged weights beside the others (unet_ema) those are taken unless --weights says
 * otherwise, and files that EMAModel has written count as averaged. */
#include "unit/data/fixtures.h"

#include <jansson.h>

#include <duet/model.h>
#include <duet/store.h>

#include "base/mem.h"
#include "model/model.h"

#define GOLDEN DUET_SOURCE_DIR "/tests/golden/unet_ddpm"

static char root[DUET_PATH_SIZE];

static json_t *golden_config(void) {
    json_t *const config = json_load_file(GOLDEN "/config.json", 0, NULL);
    assert_non_null(config);
    return config;
}

/* root/inner: config.json, which is taken over, and the golden weights times `factor`. */
static void put_network(const char *inner, json_t *config, float factor) {
    static duet_store_item items[200];
    char path[DUET_PATH_SIZE], name[256];
    duet_store *store = NULL;
    duet_arena *arena = NULL;
    snprintf(name, sizeof name, "%s/config.json", inner);
    char *const text = json_dumps(config, 0);
    put_file(root, name, text, (int64_t)strlen(text));
    free(text);
    json_decref(config);
    OK(duet_arena_new(&arena));
    OK(duet_store_open(&store, GOLDEN "/diffusion_pytorch_model.safetensors"));
    const int64_t count = duet_store_count(store);
    assert_true(count <= DUET_COUNT(items));
    for (int64_t i = 0; i < count; i++) {
        const duet_store_entry *const entry = duet_store_at(store, i);
        const int64_t n = duet_shape_count(&entry->shape);
        float *const data = duet_arena_alloc(arena, n, sizeof *data);
        OK(duet_store_read(store, entry->name, DUET_F32, data));
        for (int64_t e = 0; e < n; e++) data[e] *= factor;
        items[i] = (duet_store_item){.name = entry->name,
                                     .dtype = DUET_F32,
                                     .stored = DUET_F32,
                                     .shape = entry->shape,
                                     .data = data};
    }
    snprintf(name, sizeof name, "%s/diffusion_pytorch_model.safetensors", inner);
    OK(duet_path_join(path, root, name));
    OK(duet_store_write(path, "safetensors", items, count, NULL, 0));
    duet_store_close(store);
    duet_arena_free(arena);
}

/* The first weight of root/inner, as it is opened. */
static float first_weight(const char *inner, const char *flags, duet_card *card) {
    char path[DUET_PATH_SIZE];
    duet_model *model = NULL;
    OK(duet_path_join(path, root, inner));
    OK(duet_model_open_as(NULL, &model, path, flags));
    const duet_slot *const slot = &model->slots->list[0];
    const float value = ((const float *)duet_slot_data(slot))[0];
    *card = *duet_model_card(model);
    duet_model_close(model);
    return value;
}

/* ---- null ---- */

static void null_is_what_the_library_makes_of_it(void **unused) {
    (void)unused;
    static const struct {
        const char *key, *option;
    } rows[] = {{"attn_norm_num_groups", "attn_norm_num_groups=0"},
                {"attention_head_dim", "attention_head_dim=0"},
                {"num_class_embeds", "num_class_embeds=0"},
                {"flip_sin_to_cos", "flip_sin_to_cos=false"},
                {"center_input_sample", "center_input_sample=false"},
                {"downsample_type", "downsample_type=conv"},
                {"upsample_type", "upsample_type=conv"},
                {"class_embed_type", "num_class_embeds=0"},
                {"time_embedding_dim", "num_class_embeds=0"}};
    char path[DUET_PATH_SIZE];
    fresh_folder(root, "diffusers-null");
    OK(duet_path_join(path, root, "net"));
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        json_t *const config = golden_config();
        duet_model *model = NULL;
        json_object_set_new(config, rows[i].key, json_null());
        put_network("net", config, 1.0f);
        OK(duet_model_open(NULL, &model, path));
        char wanted[96], all[1200];
        snprintf(wanted, sizeof wanted, ",%s,", rows[i].option);
        snprintf(all, sizeof all, ",%s,", duet_model_config(model));
        if (strstr(all, wanted) == NULL) fail_msg("no %s in %s", wanted, all);
        assert_string_equal(duet_model_card(model)->assumed, /* the golden one has this null, too */
                            "attention_head_dim (one head), noise, prediction, colours (-1 to 1)");
        duet_model_close(model);
    }
}

static void null_without_a_meaning_is_refused(void **unused) {
    (void)unused;
    static const char *const keys[] = {"norm_num_groups",
                                       "in_channels",
                                       "out_channels",
                                       "layers_per_block",
                                       "downsample_padding",
                                       "freq_shift",
                                       "norm_eps",
                                       "dropout",
                                       "resnet_time_scale_shift",
                                       "act_fn",
                                       "mid_block_type",
                                       "time_embedding_type",
                                       "block_out_channels",
                                       "mid_block_scale_factor"};
    char path[DUET_PATH_SIZE];
    fresh_folder(root, "diffusers-null");
    OK(duet_path_join(path, root, "net"));
    for (int i = 0; i < DUET_COUNT(keys); i++) {
        json_t *const config = golden_config();
        duet_model *model = NULL;
        json_object_set_new(config, keys[i], json_null());
        put_network("net", config, 1.0f);
        FAILS(DUET_UNSUPPORTED, keys[i], duet_model_open(NULL, &model, path));
    }
    json_t *const absent = golden_config(); /* a default is taken, and said */
    duet_model *model = NULL;
    json_object_del(absent, "norm_eps");
    put_network("net", absent, 1.0f);
    OK(duet_model_open(NULL, &model, path));
    assert_non_null(strstr(duet_model_card(model)->assumed, "norm_eps (1e-5)"));
    duet_model_close(model);
}

/* ---- keys ---- */

/* One key of the golden config.json, as JSON; NULL takes it out. */
static duet_status open_with(duet_model **out, const char *key, const char *value) {
    char path[DUET_PATH_SIZE];
    json_t *const config = golden_config();
    if (value == NULL)
        json_object_del(config, key);
    else
        json_object_set_new(config, key, json_loads(value, JSON_DECODE_ANY, NULL));
    put_network("net", config, 1.0f);
    OK(duet_path_join(path, root, "net"));
    return duet_model_open(NULL, out, path);
}

static void keys_become_options(void **unused) {
    (void)unused;
    static const struct {
        const char *key, *value, *option;
    } rows[] = {{"sample_size", "16", "sample_size=16"},
                {"sample_size", "[16, 16]", "sample_size=16"},
                {"norm_num_groups", "4", "norm_num_groups=4"},
                {"attn_norm_num_groups", "4", "attn_norm_num_groups=4"},
                {"attention_head_dim", "2", "attention_head_dim=2"},
                {"downsample_padding", "1", "downsample_padding=1"},
                {"freq_shift", "0", "freq_shift=0"},
                {"norm_eps", "0.001", "norm_eps=0.001"},
                {"dropout", "0.25", "dropout=0.25"},
                {"flip_sin_to_cos", "true", "flip_sin_to_cos=true"},
                {"center_input_sample", "true", "center_input_sample=true"},
                {"act_fn", "\"swish\"", "norm_num_groups=2"}};
    fresh_folder(root, "diffusers-keys");
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        duet_model *model = NULL;
        char wanted[96], all[1200];
        OK(open_with(&model, rows[i].key, rows[i].value));
        snprintf(wanted, sizeof wanted, ",%s,", rows[i].option);
        snprintf(all, sizeof all, ",%s,", duet_model_config(model));
        if (strstr(all, wanted) == NULL) fail_msg("no %s in %s", wanted, all);
        duet_model_close(model);
    }
}

/* What is missing has the library's default; where no tensor would contradict it, that is said. */
static void missing_keys_are_assumed(void **unused) {
    (void)unused;
    static const struct {
        const char *key, *words;
    } rows[] = {{"downsample_padding", "downsample_padding (1)"},
                {"freq_shift", "freq_shift (0)"},
                {"norm_eps", "norm_eps (1e-5)"},
                {"flip_sin_to_cos", "flip_sin_to_cos (true)"},
                {"center_input_sample", "center_input_sample (false)"},
                {"sample_size", "sample_size (32)"},
                {"act_fn", "act_fn (silu)"},
                {"time_embedding_type", "time_embedding_type (positional)"}};
    fresh_folder(root, "diffusers-keys");
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        duet_model *model = NULL;
        OK(open_with(&model, rows[i].key, NULL));
        if (strstr(duet_model_card(model)->assumed, rows[i].words) == NULL)
            fail_msg("no %s in %s", rows[i].words, duet_model_card(model)->assumed);
        duet_model_close(model);
    }
}

static void wrong_keys_are_refused(void **unused) {
    (void)unused;
    static const struct {
        const char *key, *value, *words;
        duet_status status;
    } rows[] = {
        {"_class_name", "\"UNet2DConditionModel\"", "only UNet2DModel is read", DUET_UNSUPPORTED},
        {"in_channels", "3", "'conv_in.weight'", DUET_SHAPE},
        {"layers_per_block", "2", "is missing", DUET_FORMAT},
        {"norm_num_groups", "3", "does not divide", DUET_ARG},
        {"norm_num_groups", "2.0", "norm_num_groups in config.json is no whole number",
         DUET_FORMAT},
        {"norm_eps", "\"small\"", "norm_eps in config.json is no number", DUET_FORMAT},
        {"flip_sin_to_cos", "1", "flip_sin_to_cos in config.json is no true or false", DUET_FORMAT},
        {"downsample_type", "0", "downsample_type in config.json is no text", DUET_FORMAT},
        {"sample_size", "[8, 16]", "8 x 16", DUET_UNSUPPORTED},
        {"sample_size", "[8]", "not of two numbers", DUET_FORMAT},
        {"sample_size", "\"8\"", "no whole number", DUET_FORMAT},
        {"act_fn", "\"relu\"", "act_fn 'relu' is not run", DUET_UNSUPPORTED},
        {"act_fn", "7", "act_fn 7 is not run", DUET_UNSUPPORTED},
        {"time_embedding_type", "\"fourier\"", "'fourier' is not run", DUET_UNSUPPORTED},
        {"time_embedding_dim", "64", "time_embedding_dim 64 is not run", DUET_UNSUPPORTED},
        {"class_embed_type", "\"timestep\"", "'timestep' is not run", DUET_UNSUPPORTED},
        {"mid_block_scale_factor", "2", "other than 1", DUET_UNSUPPORTED},
        {"mid_block_scale_factor", "\"1\"", "other than 1", DUET_UNSUPPORTED},
        {"down_block_types", "[\"DownBlock2D\", \"SkipDownBlock2D\"]", "'SkipDownBlock2D'",
         DUET_UNSUPPORTED},
        {"up_block_types", "null", "up_block_types is missing, or no list", DUET_FORMAT}};
    fresh_folder(root, "diffusers-keys");
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        duet_model *model = NULL;
        FAILS(rows[i].status, rows[i].words, open_with(&model, rows[i].key, rows[i].value));
    }
}

/* ---- averaged weights ---- */

static void averaged_weights_of_a_pipeline_are_taken(void **unused) {
    (void)unused;
    duet_card card;
    char path[DUET_PATH_SIZE];
    duet_model *model = NULL;
    fresh_folder(root, "diffusers-ema");
    put_network("both/unet", golden_config(), 1.0f);
    put_network("both/unet_ema", golden_config(), 2.0f);
    put_network("plain/unet", golden_config(), 1.0f);
    put_network("alone/unet_ema", golden_config(), 2.0f);
    const float raw = first_weight("plain", NULL, &card);
    assert_true(raw != 0.0f);
    assert_false(card.ema);
    assert_string_equal(card.says, "");
    assert_true(first_weight("both", NULL, &card) == 2.0f * raw);
    assert_true(card.ema);
    assert_string_equal(card.says,
                        "weights 'unet', 'unet_ema', taken those of 'unet_ema' (--weights)");
    assert_true(first_weight("both", "--weights unet", &card) == raw);
    assert_false(card.ema);
    assert_true(first_weight("both", "--weights unet_ema", &card) == 2.0f * raw);
    assert_true(card.ema);
    assert_true(first_weight("alone", NULL, &card) == 2.0f * raw);
    assert_true(card.ema);
    OK(duet_path_join(path, root, "both"));
    OK(duet_model_open(NULL, &model, path));
    OK(duet_path_join(path, root, "both/unet_ema/diffusion_pytorch_model.safetensors"));
    assert_string_equal(duet_model_file(model), path);
    duet_model_close(model);
}

/* Its settings stand among those of the network. */
static void files_of_ema_model_are_averaged(void **unused) {
    (void)unused;
    duet_card card;
    json_t *const config = golden_config(), *const ema = json_pack(
                                                "{s:f,s:f,s:i,s:b,s:f,s:f,s:i}", "decay", 0.9999,
                                                "min_decay", 0.0, "optimization_step", 1000,
                                                "use_ema_warmup", 1, "inv_gamma", 1.0, "power",
                                                0.75, "update_after_step", 0);
    json_object_update(config, ema);
    json_decref(ema);
    fresh_folder(root, "diffusers-ema-model");
    put_network("net", config, 3.0f);
    put_network("raw", golden_config(), 1.0f);
    const float raw = first_weight("raw", NULL, &card);
    assert_false(card.ema);
    assert_true(first_weight("net", NULL, &card) == 3.0f * raw);
    assert_true(card.ema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_what_the_library_makes_of_it),
        cmocka_unit_test(null_without_a_meaning_is_refused),
        cmocka_unit_test(keys_become_options),
        cmocka_unit_test(missing_keys_are_assumed),
        cmocka_unit_test(wrong_keys_are_refused),
        cmocka_unit_test(averaged_weights_of_a_pipeline_are_taken),
        cmocka_unit_test(files_of_ema_model_are_averaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
