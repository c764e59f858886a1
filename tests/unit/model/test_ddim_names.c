/* SPDX-License-Identifier: MIT
 * DDPM's networks under the names of ermongroup/ddim: the names, hand-written; a list of states as
 * that program saves it opens as the network it is, with the averaged weights; one without filters
 * for downsampling is refused. */
#include "unit/data/fixtures.h"

#include <duet/model.h>
#include <duet/store.h>

#include "base/mem.h"
#include "model/arch/ddim_names.h"
#include "model/model.h"

enum { LEVELS = 3, MOST = 400 };

static const char spec[] =
    "diffusers_unet:sample_size=32,layers_per_block=1,block_out_channels=32/32/"
    "64,down_block_types=conv/attn/conv,up_block_types=conv/attn/conv,"
    "attention_head_dim=0,downsample_padding=0,freq_shift=1,norm_eps=1e-6,flip_sin_to_cos=false";

static void names(void **unused) {
    (void)unused;
    static const char *const pairs[][2] = {
        {"conv_in.bias", "conv_in.bias"},
        {"time_embedding.linear_2.weight", "temb.dense.1.weight"},
        {"down_blocks.0.resnets.1.time_emb_proj.bias", "down.0.block.1.temb_proj.bias"},
        {"down_blocks.1.attentions.0.to_out.0.weight", "down.1.attn.0.proj_out.weight"},
        {"down_blocks.1.downsamplers.0.conv.weight", "down.1.downsample.conv.weight"},
        {"mid_block.attentions.0.group_norm.weight", "mid.attn_1.norm.weight"},
        {"mid_block.resnets.1.conv2.weight", "mid.block_2.conv2.weight"},
        {"up_blocks.0.resnets.0.conv_shortcut.weight", "up.2.block.0.nin_shortcut.weight"},
        {"up_blocks.2.attentions.1.to_k.bias", "up.0.attn.1.k.bias"},
        {"up_blocks.1.upsamplers.0.conv.bias", "up.1.upsample.conv.bias"},
        {"conv_norm_out.weight", "norm_out.weight"},
        {"conv_out.weight", "conv_out.weight"}};
    char other[128];
    for (int i = 0; i < DUET_COUNT(pairs); i++) {
        assert_true(duet_ddim_name(other, sizeof other, pairs[i][0], LEVELS));
        assert_string_equal(other, pairs[i][1]);
    }
    static const char *const none[] = {"class_embedding.weight",
                                       "down_blocks.0",
                                       "down_blocks.0.resnets",
                                       "down_blocks.0.resnets.0",
                                       "up_blocks.x.resnets.0.conv1.weight",
                                       ""};
    for (int i = 0; i < DUET_COUNT(none); i++)
        assert_false(duet_ddim_name(other, sizeof other, none[i], LEVELS));
    assert_false(duet_ddim_name(other, sizeof other, "up_blocks.0.resnets.0.conv1.weight", 0));
    assert_false(duet_ddim_name(other, 12, "down_blocks.0.resnets.1.time_emb_proj.bias", LEVELS));
}

/* The model's weights times `factor` under their names; matrices of attention as filters. */
static int64_t fill(duet_store_item *items, duet_arena *arena, const duet_model *model,
                    const char *prefix, float factor, const char *without) {
    int64_t count = 0;
    for (int64_t i = 0; i < model->slots->count; i++) {
        const duet_slot *const slot = &model->slots->list[i];
        const float *const from = duet_slot_data(slot);
        float *const to = duet_arena_alloc(arena, slot->count, sizeof *to);
        char other[256];
        assert_true(duet_ddim_name(other, sizeof other, slot->name, LEVELS));
        if (without != NULL && strstr(other, without) != NULL) continue;
        for (int64_t e = 0; e < slot->count; e++) to[e] = factor * from[e];
        items[count] = (duet_store_item){.name = duet_arena_format(arena, "%s%s", prefix, other),
                                         .dtype = DUET_F32,
                                         .stored = DUET_F32,
                                         .shape = slot->shape,
                                         .data = to};
        if (strstr(other, "attn") != NULL && slot->shape.rank == 2)
            items[count].shape = (duet_shape){4, {slot->shape.dim[0], slot->shape.dim[1], 1, 1}};
        count++;
    }
    OK(duet_arena_status(arena));
    return count;
}

static void a_list_of_states_opens(void **unused) {
    (void)unused;
    static duet_store_item items[MOST];
    duet_model *model = NULL, *back = NULL;
    duet_arena *arena = NULL;
    OK(duet_arena_new(&arena));
    OK(duet_model_new(NULL, &model, spec, 3));
    const int64_t once = fill(items, arena, model, "0.module.", 2.0f, NULL);
    const int64_t count = once + fill(items + once, arena, model, "4.", 1.0f, NULL);
    assert_true(count <= MOST);
    OK(duet_store_write(DUET_TEST_TMP "/ckpt.pt", "torch_zip", items, count, NULL, 0));
    OK(duet_model_open(NULL, &back, DUET_TEST_TMP "/ckpt.pt"));
    assert_string_equal(back->config_text, model->config_text);
    assert_string_equal(duet_model_card(back)->noise, "linear:steps=1000");
    assert_true(duet_model_card(back)->ema);
    for (int64_t i = 0; i < model->slots->count; i++) {
        const duet_slot *const a = &model->slots->list[i], *const b = &back->slots->list[i];
        assert_string_equal(a->name, b->name);
        assert_memory_equal(duet_slot_data(a), duet_slot_data(b), (size_t)a->count * sizeof(float));
    }
    duet_model_close(back);
    OK(duet_model_open_as(NULL, &back, DUET_TEST_TMP "/ckpt.pt", "--weights 0 --sample_size 64"));
    assert_false(duet_model_card(back)->ema);
    assert_int_equal(duet_model_card(back)->preprocess.size, 64);
    assert_true(((const float *)duet_slot_data(&back->slots->list[0]))[0] ==
                2.0f * ((const float *)duet_slot_data(&model->slots->list[0]))[0]);
    duet_model_close(back);
    back = NULL;
    FAILS(
        DUET_ARG,
        "'conv_in.weight' is [32,3,3,3] in the file and would be [32,1,3,3]; give --in_channels 3",
        duet_model_open_as(NULL, &back, DUET_TEST_TMP "/ckpt.pt",
                           "--in_channels 1")); /* not the first one that has another name there */
    duet_model_close(model);
    duet_arena_free(arena);
}

static void others_are_refused(void **unused) {
    (void)unused;
    static const struct {
        const char *without, *words;
    } rows[] = {{"downsample", "resamp_with_conv"},
                {"conv_out", "'conv_out.weight' is missing"},
                {"up.1.block.1.conv2.bias", "'up_blocks.1.resnets.1.conv2.bias' is missing"}};
    static duet_store_item items[MOST];
    for (int i = 0; i < DUET_COUNT(rows); i++) {
        duet_model *model = NULL, *back = NULL;
        duet_arena *arena = NULL;
        OK(duet_arena_new(&arena));
        OK(duet_model_new(NULL, &model, spec, 3));
        const int64_t count = fill(items, arena, model, "", 1.0f, rows[i].without);
        OK(duet_store_write(DUET_TEST_TMP "/less.pt", "torch_zip", items, count, NULL, 0));
        assert_int_not_equal(duet_model_open(NULL, &back, DUET_TEST_TMP "/less.pt"), DUET_OK);
        if (strstr(duet_error_message(), rows[i].words) == NULL)
            fail_msg("no '%s' in: %s", rows[i].words, duet_error_message());
        duet_model_close(model);
        duet_arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(names),
                                       cmocka_unit_test(a_list_of_states_opens),
                                       cmocka_unit_test(others_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
