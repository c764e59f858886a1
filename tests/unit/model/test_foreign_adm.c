/* SPDX-License-Identifier: MIT
 * The options of guided-diffusion's and improved-diffusion's networks from names and shapes alone:
 * every published configuration comes back as its flags say, under any prefix; of several sets of
 * weights the averaged ones are taken; files that are no network are explained. */
#include "unit/data/fixtures.h"

#include <math.h>

#include "base/mem.h"
#include "io/store/store.h"
#include "model/foreign.h"

/* The flags in the READMEs of both repositories, as options of adm_unet. */
static const struct {
    const char *name, *options, *noise;
} published[] = {
    {"64x64_diffusion",
     "image_size=64,num_channels=192,num_res_blocks=3,channel_mult=1/2/3/"
     "4,attention_resolutions=32/16/8,num_head_channels=64,"
     "use_scale_shift_norm=true,resblock_updown=true,learn_sigma=true,class_cond=true,use_new_"
     "attention_order=true",
     "cosine:steps=1000"},
    {"128x128_diffusion",
     "image_size=128,num_channels=256,num_res_blocks=2,channel_mult=1/1/2/3/"
     "4,attention_resolutions=32/16/8,num_heads=4,"
     "resblock_updown=true,learn_sigma=true,class_cond=true",
     "linear:steps=1000"},
    {"256x256_diffusion",
     "image_size=256,num_channels=256,num_res_blocks=2,channel_mult=1/1/2/2/4/"
     "4,attention_resolutions=32/16/8,num_head_channels=64,"
     "resblock_updown=true,learn_sigma=true,class_cond=true",
     "linear:steps=1000"},
    {"256x256_diffusion_uncond",
     "image_size=256,num_channels=256,num_res_blocks=2,channel_mult=1/1/2/2/4/"
     "4,attention_resolutions=32/16/8,num_head_channels=64,"
     "resblock_updown=true,learn_sigma=true",
     "linear:steps=1000"},
    {"512x512_diffusion",
     "image_size=512,num_channels=128,embed_channels=256,num_res_blocks=2,channel_mult=1/2/2/4/4/8/"
     "8,attention_resolutions=32/16/8,"
     "num_head_channels=64,resblock_updown=true,learn_sigma=true,class_cond=true",
     "linear:steps=1000"},
    {"imagenet64_uncond (improved)",
     "image_size=64,num_channels=128,num_res_blocks=3,channel_mult=1/2/3/"
     "4,attention_resolutions=16/8,num_heads=4,"
     "learn_sigma=true",
     "cosine:steps=4000"},
    {"cifar10_uncond (improved)",
     "image_size=32,num_channels=128,num_res_blocks=3,channel_mult=1/2/2/"
     "2,attention_resolutions=16/8,num_heads=4,"
     "learn_sigma=true",
     "cosine:steps=4000"},
    {"64_256_upsampler",
     "image_size=256,small_size=64,num_channels=192,num_res_blocks=2,channel_mult=1/1/2/2/4/"
     "4,attention_resolutions=32/16/8,num_heads=4,"
     "resblock_updown=true,learn_sigma=true,class_cond=true",
     "linear:steps=1000"},
    {"128_512_upsampler",
     "image_size=512,small_size=128,num_channels=192,num_res_blocks=2,channel_mult=1/1/2/2/4/"
     "4,attention_resolutions=32/16,"
     "num_head_channels=64,resblock_updown=true,learn_sigma=true,class_cond=true",
     "linear:steps=1000"},
    {"64x64_classifier",
     "image_size=64,num_channels=128,num_res_blocks=4,channel_mult=1/2/3/"
     "4,attention_resolutions=32/16/8,num_head_channels=64,"
     "resblock_updown=true,classifier_pool=attention",
     "cosine:steps=1000"},
    {"128x128_classifier",
     "image_size=128,num_channels=128,num_res_blocks=2,channel_mult=1/1/2/3/"
     "4,attention_resolutions=32/16/8,num_head_channels=64,"
     "resblock_updown=true,classifier_pool=attention",
     "linear:steps=1000"},
    {"256x256_classifier",
     "image_size=256,num_channels=128,num_res_blocks=2,channel_mult=1/1/2/2/4/"
     "4,attention_resolutions=32/16/8,num_head_channels=64,"
     "resblock_updown=true,classifier_pool=attention",
     "linear:steps=1000"},
    {"512x512_classifier",
     "image_size=512,num_channels=64,embed_channels=128,num_res_blocks=2,channel_mult=1/2/2/4/4/8/"
     "8,attention_resolutions=32/16/8,"
     "num_head_channels=64,resblock_updown=true,classifier_pool=attention",
     "linear:steps=1000"},
    {"classifier, means of all maps",
     "image_size=64,num_channels=64,num_res_blocks=2,channel_mult=1/2/3/4,attention_resolutions=32/"
     "16/8,num_head_channels=64,"
     "resblock_updown=true,classifier_pool=spatial_v2,num_classes=10",
     "cosine:steps=1000"},
    {"classifier, means of all maps, ReLU",
     "image_size=64,num_channels=64,num_res_blocks=2,channel_mult=1/2/3/4,attention_resolutions=32/"
     "16/8,"
     "num_head_channels=64,resblock_updown=true,classifier_pool=spatial,num_classes=10",
     "cosine:steps=1000"},
    {"cd_imagenet64 (consistency)",
     "image_size=64,num_channels=192,num_res_blocks=3,channel_mult=1/2/3/"
     "4,attention_resolutions=32/16/8,num_head_channels=64,"
     "resblock_updown=true,class_cond=true,use_new_attention_order=true,conv_attention=true",
     "karras:steps=1000"},
    {"cd_bedroom256 (consistency)",
     "image_size=256,num_channels=256,num_res_blocks=2,channel_mult=1/1/2/2/4/"
     "4,attention_resolutions=32/16/8,"
     "num_head_channels=64,resblock_updown=true,use_scale_shift_norm=false,use_new_attention_order="
     "true,conv_attention=true",
     "karras:steps=1000"},
    {"simple loss, added embedding",
     "image_size=32,num_channels=64,num_res_blocks=1,channel_mult=1/2/2,use_scale_shift_norm=false",
     "linear:steps=1000"},
};

/* A file with the tensors of the spec and nothing else. */
static void fake_store(duet_store *store, duet_arena *arena, const duet_model *model,
                       const char *prefix) {
    for (int64_t i = 0; i < model->slots->count; i++) {
        duet_store_entry *const entry = &store->entries[store->count++];
        *entry = (duet_store_entry){
            .name = duet_arena_format(arena, "%s%s", prefix, model->slots->list[i].name),
            .shape = model->slots->list[i].shape};
    }
    OK(duet_arena_status(arena));
}

static void published_models_are_recognised(void **unused) {
    (void)unused;
    static const char *const prefixes[] = {"", "module.", "state_dict.model.diffusion."};
    for (int i = 0; i < DUET_COUNT(published); i++) {
        char spec[2048];
        duet_model *model = NULL, *guessed = NULL;
        duet_arena *arena = NULL;
        duet_guess guess;
        const duet_arch *arch = NULL;
        snprintf(spec, sizeof spec, "adm_unet:%s", published[i].options);
        OK(duet_arena_new(&arena));
        OK(duet_model_describe(&model, spec));
        duet_store store = {
            .entries = duet_arena_alloc(arena, model->slots->count, sizeof *store.entries)};
        fake_store(&store, arena, model, prefixes[i % DUET_COUNT(prefixes)]);
        OK(duet_foreign_guess(&arch, &guess, &store, NULL, NULL));
        assert_string_equal(arch->info.name, "adm_unet");
        assert_string_equal(guess.prefix, prefixes[i % DUET_COUNT(prefixes)]);
        snprintf(spec, sizeof spec, "adm_unet:%s", guess.config);
        OK(duet_model_describe(&guessed, spec));
        if (strcmp(guessed->config_text, model->config_text) != 0)
            fail_msg("%s:\n  have %s\n  want %s", published[i].name, guessed->config_text,
                     model->config_text);
        if (strcmp(guess.noise, published[i].noise) != 0)
            fail_msg("%s: noise %s", published[i].name, guess.noise);
        assert_true(strstr(guess.assumed, "image_size") != NULL);
        duet_model_close(model);
        duet_model_close(guessed);
        duet_arena_free(arena);
    }
}

/* published[model], with these flags, becomes `config` (words that must be in it), or fails with
 * the message. */
static const struct {
    int model;
    const char *flags, *words;
    duet_status status;
} pasted[] = {
    {0,
     "--attention_resolutions 32,16,8 --class_cond True --diffusion_steps 1000 --dropout 0.1 "
     "--image_size 64 --learn_sigma True --noise_schedule cosine "
     "--num_channels 192 --num_head_channels 64 --num_res_blocks 3 --resblock_updown True "
     "--use_new_attention_order True --use_fp16 True "
     "--use_scale_shift_norm True",
     "num_head_channels=64", DUET_OK},
    {3,
     "--attention_resolutions 32,16,8 --class_cond False --diffusion_steps 1000 --image_size 256 "
     "--learn_sigma True --noise_schedule linear "
     "--num_channels 256 --num_head_channels 64 --num_res_blocks 2 --resblock_updown True "
     "--use_fp16 True --use_scale_shift_norm True",
     "image_size=256", DUET_OK},
    {6,
     "--image_size 32 --num_channels 128 --num_res_blocks 3 --learn_sigma True --dropout 0.3 "
     "--diffusion_steps 4000 --noise_schedule cosine",
     "dropout=0.3", DUET_OK},
    {6, "--image_size 64 --num_heads 8", "attention_resolutions=32/16", DUET_OK},
    {6, "--num_heads=8", "num_heads=8", DUET_OK},
    {6, "--num_channels 64",
     "is [512,128] in the file and would be [256,64]; give --num_channels 128", DUET_ARG},
    {6, "--class_cond True",
     "'label_emb.weight' would be [1000,512], and is not in the file; give --class_cond false",
     DUET_ARG},
    {0, "--class_cond False",
     "'label_emb.weight' of the file, [1000,768], would have no place; give --class_cond true",
     DUET_ARG},
    {6, "--channel_mult 1,2,2", "is not in the file; give --channel_mult 1,2,2,2", DUET_ARG},
    {6, "--noise_schedule sqrt", "must be linear or cosine", DUET_ARG},
    {6, "--rescale_timesteps True", "does not run such networks", DUET_UNSUPPORTED},
    {6, "--num_heads five", "num_heads", DUET_ARG},
    {7, "--large_size 128 --small_size 32", "image_size=128,", DUET_OK},
    {7, "--large_size 128 --small_size 32", "attention_resolutions=16/8/4", DUET_OK},
    {7, "--small_size 0", "does not fit the file", DUET_ARG},
    {6, "--colour red", "no flag '--colour'", DUET_ARG},
};

static void pasted_flags_are_checked(void **unused) {
    (void)unused;
    for (int i = 0; i < DUET_COUNT(pasted); i++) {
        char spec[2048];
        duet_model *model = NULL;
        duet_arena *arena = NULL;
        duet_guess guess;
        const duet_arch *arch = NULL;
        snprintf(spec, sizeof spec, "adm_unet:%s", published[pasted[i].model].options);
        OK(duet_arena_new(&arena));
        OK(duet_model_describe(&model, spec));
        duet_store store = {
            .entries = duet_arena_alloc(arena, model->slots->count, sizeof *store.entries)};
        fake_store(&store, arena, model, "");
        OK(duet_foreign_guess(&arch, &guess, &store, NULL, NULL));
        const duet_status status = duet_foreign_flags(arch, &guess, pasted[i].flags);
        const char *const text = status == DUET_OK ? guess.config : duet_error_message();
        if (status != pasted[i].status || strstr(text, pasted[i].words) == NULL)
            fail_msg("'%s': %s, %s", pasted[i].flags, duet_status_name(status), text);
        if (status == DUET_OK) assert_string_equal(guess.noise, published[pasted[i].model].noise);
        duet_model_close(model);
        duet_arena_free(arena);
    }
}

/* The taps of the unconditional network of 256 pixels as the literature numbers them: b, channels
 * and side. */
static void taps_of_256_pixels(void **unused) {
    (void)unused;
    static const struct {
        int last, channels, side;
    } rows[] = {{3, 256, 256}, {6, 256, 128},  {7, 256, 64},   {9, 512, 64},   {12, 512, 32},
                {13, 512, 16}, {15, 1024, 16}, {21, 1024, 8},  {24, 1024, 16}, {25, 1024, 32},
                {27, 512, 32}, {30, 512, 64},  {31, 512, 128}, {33, 256, 128}, {37, 256, 256}};
    char spec[2048];
    duet_model *model = NULL;
    snprintf(spec, sizeof spec, "adm_unet:%s", published[3].options);
    OK(duet_model_describe(&model, spec));
    assert_int_equal(duet_model_parameters(model), 552814086);
    assert_int_equal(duet_model_tap_count(model), 37);
    for (int b = 1, row = 0; b <= 37; b++) {
        const duet_tap_row *const tap = duet_model_tap(model, b - 1);
        char name[64];
        while (rows[row].last < b) row++;
        /* halves before the next level's channels */
        if (b == 10) assert_int_equal(tap->height, 32);
        if (tap->block != b || tap->channels != rows[row].channels ||
            tap->height != rows[row].side || tap->width != rows[row].side)
            fail_msg("tap %d has block %d, %d channels, side %d", b, tap->block, (int)tap->channels,
                     (int)tap->height);
        snprintf(name, sizeof name,
                 b <= 18   ? "input_blocks.%d"
                 : b == 19 ? "middle_block"
                           : "output_blocks.%d",
                 b <= 18 ? b - 1 : b - 20);
        assert_string_equal(tap->name, name);
    }
    assert_true(fabs(duet_model_macs(model) - 1.119e12) < 2e9);
    duet_model_close(model);
}

/* Classifiers are read, not sampled from; networks for super-resolution need a small image. */
static void readers_only_say_so(void **unused) {
    (void)unused;
    static const struct {
        const char *options, *words;
    } rows[] = {
        {"image_size=16,num_channels=32,num_res_blocks=1,channel_mult=1/1,classifier_pool=adaptive",
         "a classifier of noisy images"}};
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        char spec[512];
        duet_model *model = NULL;
        snprintf(spec, sizeof spec, "adm_unet:%s", rows[i].options);
        OK(duet_model_describe(&model, spec));
        FAILS(DUET_UNSUPPORTED, rows[i].words, duet_model_check(model, DUET_DENOISES));
        duet_model_close(model);
    }
    duet_model *enlarges = NULL;
    OK(duet_model_describe(&enlarges, "adm_unet:image_size=16,num_channels=32,num_res_blocks=1,"
                                      "channel_mult=1/1,small_size=4"));
    OK(duet_model_check(enlarges, DUET_DENOISES));
    assert_int_equal(duet_model_low_res(enlarges), 4);
    assert_non_null(strstr(duet_model_refusal(enlarges), "duet edit MODEL small.png"));
    duet_model_close(enlarges);
}

static void averaged_weights_are_preferred(void **unused) {
    (void)unused;
    duet_model *model = NULL;
    duet_arena *arena = NULL;
    duet_guess guess;
    const duet_arch *arch = NULL;
    OK(duet_arena_new(&arena));
    OK(duet_model_describe(
        &model, "adm_unet:image_size=32,num_channels=32,num_res_blocks=1,channel_mult=1/2"));
    duet_store store = {
        .entries = duet_arena_alloc(arena, 2 * model->slots->count, sizeof *store.entries)};
    fake_store(&store, arena, model, "model.");
    fake_store(&store, arena, model, "model_ema.");
    OK(duet_foreign_guess(&arch, &guess, &store, NULL, NULL));
    assert_string_equal(guess.prefix, "model_ema.");
    duet_model_close(model);
    duet_arena_free(arena);
}

static void other_files_are_explained(void **unused) {
    (void)unused;
    duet_store_entry moments[] = {{.name = "state.0.exp_avg", .shape = {1, {3}}}},
                     others[] = {{.name = "encoder.embed", .shape = {1, {3}}}};
    duet_store_entry cut[] = {{.name = "input_blocks.0.0.weight", .shape = {4, {32, 3, 3, 3}}}};
    duet_guess guess;
    const duet_arch *arch = NULL;
    const struct duet_store_member format = {.info = {.name = "torch_zip"}};
    duet_store store = {.format = &format, .entries = moments, .count = 1};
    FAILS(DUET_ARG, "optimiser", duet_foreign_guess(&arch, &guess, &store, NULL, NULL));
    store.entries = others;
    FAILS(DUET_FORMAT, "'encoder.embed'", duet_foreign_guess(&arch, &guess, &store, NULL, NULL));
    store.entries = cut;
    FAILS(DUET_FORMAT, "it looks like a model of the architecture 'adm_unet'",
          duet_foreign_guess(&arch, &guess, &store, NULL, NULL));
    store.count = 0;
    FAILS(DUET_FORMAT, "it holds no tensor", duet_foreign_guess(&arch, &guess, &store, NULL, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(published_models_are_recognised),
                                       cmocka_unit_test(pasted_flags_are_checked),
                                       cmocka_unit_test(averaged_weights_are_preferred),
                                       cmocka_unit_test(taps_of_256_pixels),
                                       cmocka_unit_test(readers_only_say_so),
                                       cmocka_unit_test(other_files_are_explained)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
