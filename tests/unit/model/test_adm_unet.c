/* SPDX-License-Identifier: MIT
 * The architecture adm_unet: impossible options are refused by name, taps are numbered as in the
 * literature with the shapes of their blocks, and the untrained network of the baselines has no
 * zero layer. */
#include "tiny_model.h"

#include "model/model.h"

static const struct {
    const char *options, *message;
} impossible[] = {
    {"image_size=30,channel_mult=1/2/2", "image_size 30 cannot be halved 2 times"},
    {"image_size=32,channel_mult=1/1/1/1/1/1/1", "image_size 32 cannot be halved 6 times"},
    {"image_size=4096,channel_mult=1/1/1/1/1/1/1/1/1", "channel_mult has 9 levels"},
    {"image_size=2", "image_size"},
    {"channel_mult=1/0", "channel_mult"},
    {"num_channels=60", "norm_groups 32 does not divide the 60 channels of level 0"},
    {"num_channels=24,norm_groups=16,channel_mult=2/3",
     "norm_groups 16 does not divide the 72 channels of level 1"},
    {"num_channels=64,num_heads=5", "num_heads 5 does not divide the 128 channels of level 2"},
    {"num_channels=64,num_head_channels=48",
     "num_head_channels 48 does not divide the 128 channels of level 2"},
    {"num_channels=64,channel_mult=1/3,num_head_channels=48,attention_resolutions=32",
     "num_head_channels 48 does not divide the 64 channels of level 0"},
    {"attention_resolutions=12", "attention_resolutions has 12"},
    {"attention_resolutions=4", "attention_resolutions has 4"}, /* three levels of 32: 32, 16, 8 */
    {"num_heads=0", "num_heads"},
    {"norm_groups=0", "norm_groups"},
    {"num_res_blocks=0", "num_res_blocks"},
    {"dropout=1", "dropout"},
    {"dropout=nan", "dropout"},
    {"num_chanels=32", "did you mean 'num_channels'"},
    {"use_scale_shift_norm=maybe", "use_scale_shift_norm"},
};

static void impossible_options_are_named(void **unused) {
    (void)unused;
    for (int i = 0; i < DUET_COUNT(impossible); i++) {
        char spec[DUET_TEXT_SIZE];
        duet_model *model = NULL;
        snprintf(spec, sizeof spec, "adm_unet:%s", impossible[i].options);
        const duet_status status = duet_model_new(NULL, &model, spec, 0);
        if (status != DUET_ARG || strstr(duet_error_message(), impossible[i].message) == NULL)
            fail_msg("%s: %s, '%s'", impossible[i].options, duet_status_name(status),
                     status == DUET_OK ? "" : duet_error_message());
        assert_null(model);
    }
    duet_model *model = NULL;
    FAILS(DUET_ARG, "did you mean 'adm_unet'", duet_model_new(NULL, &model, "adm_unt", 0));
}

/* Edges of what is possible are accepted. */
static void possible_options_build(void **unused) {
    (void)unused;
    static const char *const options[] = {
        "image_size=4,channel_mult=1,num_channels=4,norm_groups=4,num_heads=1,num_res_blocks=1",
        "image_size=16,channel_mult=1/1/1/1/"
        "1,num_channels=4,norm_groups=2,num_heads=2,num_res_blocks=1", /* down to one pixel */
        "image_size=8,channel_mult=2/"
        "1,num_channels=8,norm_groups=8,num_head_channels=4,attention_resolutions=8/"
        "4,num_res_blocks=1",
        "image_size=8,channel_mult=1/"
        "2,num_channels=8,norm_groups=4,resblock_updown=true,learn_sigma=true,num_res_blocks=1",
        "image_size=8,channel_mult=1/"
        "2,num_channels=8,norm_groups=4,use_scale_shift_norm=false,class_cond=true,num_classes=5",
    };
    for (int i = 0; i < DUET_COUNT(options); i++) {
        char spec[DUET_TEXT_SIZE];
        duet_model *model = NULL;
        snprintf(spec, sizeof spec, "adm_unet:%s", options[i]);
        OK(duet_model_new(NULL, &model, spec, 0));
        duet_model *again = NULL; /* what it says of itself builds the same */
        char config[2048];
        snprintf(config, sizeof config, "adm_unet:%s", duet_model_config(model));
        OK(duet_model_new(NULL, &again, config, 0));
        assert_true(duet_model_hash(again) == duet_model_hash(model));
        assert_string_equal(duet_model_config(again), duet_model_config(model));
        duet_model_close(again);
        duet_model_close(model);
    }
}

/* Two levels, two residual blocks each: blocks 0 and 1-2 at 16x16, 3 (down) and 4-5 at 8x8, the
 * middle, and back. */
static void taps_are_numbered_blocks(void **unused) {
    (void)unused;
    static const struct {
        const char *name;
        int64_t channels, size;
    } want[] = {
        {"input_blocks.0", 8, 16},   {"input_blocks.1", 8, 16},  {"input_blocks.2", 8, 16},
        {"input_blocks.3", 8, 8},    {"input_blocks.4", 24, 8},  {"input_blocks.5", 24, 8},
        {"middle_block", 24, 8},     {"output_blocks.0", 24, 8}, {"output_blocks.1", 24, 8},
        {"output_blocks.2", 24, 16}, {"output_blocks.3", 8, 16}, {"output_blocks.4", 8, 16},
        {"output_blocks.5", 8, 16},
    };
    duet_model *model = NULL;
    OK(duet_model_new(NULL, &model,
                      "adm_unet:image_size=16,num_channels=8,channel_mult=1/"
                      "3,num_res_blocks=2,norm_groups=4,num_heads=2",
                      0));
    assert_int_equal(duet_model_tap_count(model), DUET_COUNT(want));
    const duet_tap_row *before = NULL;
    for (int i = 0; i < DUET_COUNT(want); i++) {
        const duet_tap_row *tap = duet_model_tap(model, i);
        assert_int_equal(tap->block, i + 1);
        assert_string_equal(tap->name, want[i].name);
        assert_true(tap->channels == want[i].channels && tap->height == want[i].size &&
                    tap->width == want[i].size);
        assert_true(before == NULL ||
                    (tap->parameters > before->parameters && tap->macs > before->macs));
        before = tap;
    }
    assert_true(before->parameters < duet_model_parameters(model) &&
                before->macs < duet_model_macs(model));
    /* The first tap needs the first convolution and the time embedding, which is built before it.
     */
    const duet_tap_row *first = duet_model_tap(model, 0);
    assert_int_equal(first->parameters, (3 * 9 * 8 + 8) + (8 * 32 + 32) + (32 * 32 + 32));
    duet_model_close(model);
}

/* ADM-256's published count (guided-diffusion's 256x256 unconditional: 37 blocks, 19 is the middle)
 * without its memory. */
static void blocks_count_as_in_the_literature(void **unused) {
    (void)unused;
    duet_model *model = NULL;
    OK(duet_model_new(NULL, &model,
                      "adm_unet:image_size=256,num_channels=4,channel_mult=1/1/2/2/4/"
                      "4,num_res_blocks=2,attention_resolutions=32/16/8,"
                      "num_head_channels=4,norm_groups=4,resblock_updown=true,learn_sigma=true",
                      0));
    assert_int_equal(duet_model_tap_count(model), 37);
    assert_string_equal(duet_model_tap(model, 18)->name, "middle_block");
    assert_int_equal(duet_model_tap(model, 18)->height, 8);
    duet_model_close(model);
}

static int zero_tensors(const duet_model *model, const char *suffix) {
    int zero = 0;
    for (int64_t i = 0; i < model->slots->count; i++) {
        const duet_slot *slot = &model->slots->list[i];
        bool any = !duet_ends_with(slot->name, suffix);
        for (int64_t k = 0; k < slot->count; k++) any |= slot->own[k] != 0.0f;
        zero += !any;
    }
    return zero;
}

static void the_baseline_has_no_zero_layer(void **unused) {
    (void)unused;
    duet_model *fresh = NULL, *random = NULL, *again = NULL, *other = NULL;
    OK(duet_model_new(NULL, &fresh, TINY_ARCH, 3));
    duet_copy_text(duet_model_card(fresh)->noise, DUET_TEXT_SIZE, "linear");
    duet_copy_text(duet_model_card(fresh)->name, DUET_TEXT_SIZE, "some name");
    duet_model_card(fresh)->recommended =
        (duet_recommendation){.settings = duet_settings_of(1, 2, 1)};
    OK(duet_card_set_classes(fresh, (const char *const[]){"a", "b"}, 2));
    /* zero_module: the last convolutions of blocks, and of the network */
    assert_true(zero_tensors(fresh, ".weight") > 0);
    OK(duet_model_random(NULL, &random, fresh, 5));
    OK(duet_model_random(NULL, &again, fresh, 5));
    OK(duet_model_random(NULL, &other, fresh, 6));
    assert_int_equal(zero_tensors(random, ".weight"), 0);
    assert_string_equal(duet_model_card(random)->noise, "linear");
    assert_string_equal(duet_model_card(random)->name, "some name");
    assert_int_equal(duet_model_card(random)->class_count, 2);
    assert_string_equal(duet_model_card(random)->class_names[1], "b");
    assert_int_equal(duet_model_card(random)->recommended.settings.count,
                     0); /* that was another network's */
    assert_true(duet_model_hash(random) == duet_model_hash(again));
    assert_true(duet_model_hash(random) != duet_model_hash(other) &&
                duet_model_hash(random) != duet_model_hash(fresh));
    assert_string_equal(duet_model_config(random), duet_model_config(fresh));
    duet_model_close(fresh);
    duet_model_close(random);
    duet_model_close(again);
    duet_model_close(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_options_are_named),
        cmocka_unit_test(possible_options_build),
        cmocka_unit_test(taps_are_numbered_blocks),
        cmocka_unit_test(blocks_count_as_in_the_literature),
        cmocka_unit_test(the_baseline_has_no_zero_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
