/* SPDX-License-Identifier: MIT
 * Vision transformers under other programs' names, made from tests/golden/vit_dinov2.pt
 * (facebookresearch's names, registers, gated MLP, positions for 518 pixels): the same weights
 * under those of a training and of transformers; positions for images of another size. Values of
 * the network: test_recognisers. */
#include "unit/data/fixtures.h"

#include <math.h>

#include <duet/feature.h>
#include <duet/store.h>

#include "model/arch/vit_config.h"

#define GOLDEN DUET_SOURCE_DIR "/tests/golden/vit_dinov2.pt"
#define PATH   DUET_TEST_TMP "/renamed.safetensors"
enum { MOST = 100 };

typedef struct renamed {
    duet_arena *arena;
    duet_store_item item[MOST];
    int64_t count;
} renamed;

static void add(renamed *out, const char *name, const duet_store_entry *entry, const float *data,
                int64_t rows) {
    duet_shape shape = entry->shape;
    if (rows > 0) shape.dim[0] = rows;
    assert_true(out->count < MOST);
    out->item[out->count++] = (duet_store_item){.name = duet_arena_text(out->arena, name),
                                                .dtype = DUET_F32,
                                                .stored = DUET_F32,
                                                .shape = shape,
                                                .data = data};
}

static void add_chunked(renamed *out, const duet_store_entry *entry, const float *data) {
    char name[256];
    const bool block = strncmp(entry->name, "blocks.", 7) == 0;
    snprintf(name, sizeof name, "teacher.backbone.%s%s", block ? "blocks.0." : "",
             entry->name + (block ? 7 : 0));
    add(out, name, entry, data, 0);
}

static void add_of_transformers(renamed *out, const duet_store_entry *entry, const float *data) {
    static const char *const words[][2] = {
        {"cls_token", "embeddings.cls_token"},
        {"mask_token", "embeddings.mask_token"},
        {"register_tokens", "embeddings.register_tokens"},
        {"pos_embed", "embeddings.position_embeddings"},
        {"patch_embed.proj", "embeddings.patch_embeddings.projection"},
        {"attn.proj", "attention.output.dense"},
        {"ls1.gamma", "layer_scale1.lambda1"},
        {"ls2.gamma", "layer_scale2.lambda1"},
        {"mlp.w12", "mlp.weights_in"},
        {"mlp.w3", "mlp.weights_out"}};
    static const char *const parts[] = {"query", "key", "value"};
    const bool block = strncmp(entry->name, "blocks.", 7) == 0,
               norm = strncmp(entry->name, "norm.", 5) == 0;
    const char *rest = entry->name + (block ? 7 : norm ? 5 : 0), *qkv = strstr(rest, "attn.qkv.");
    const char *const before = block ? "encoder.layer." : norm ? "layernorm." : "";
    const int64_t rows = entry->shape.dim[0] / 3, size = duet_shape_count(&entry->shape) / 3;
    char name[256];
    for (int k = 0; k < 3 && qkv != NULL; k++) {
        snprintf(name, sizeof name, "%s%.*sattention.attention.%s.%s", before, (int)(qkv - rest),
                 rest, parts[k], qkv + strlen("attn.qkv."));
        add(out, name, entry, data + k * size, rows);
    }
    if (qkv != NULL) return;
    snprintf(name, sizeof name, "%s%s", before, rest);
    for (int i = 0; i < DUET_COUNT(words); i++) {
        const char *const at = strstr(rest, words[i][0]);
        if (at != NULL)
            snprintf(name, sizeof name, "%s%.*s%s%s", before, (int)(at - rest), rest, words[i][1],
                     at + strlen(words[i][0]));
    }
    add(out, name, entry, data, 0);
}

static void write_renamed(void (*rename_one)(renamed *, const duet_store_entry *, const float *)) {
    renamed out = {.count = 0};
    duet_store *store = NULL;
    OK(duet_arena_new(&out.arena));
    OK(duet_store_open(&store, GOLDEN));
    for (int64_t i = 0; i < duet_store_count(store); i++) {
        const duet_store_entry *const entry = duet_store_at(store, i);
        float *const data =
            duet_arena_alloc(out.arena, duet_shape_count(&entry->shape), sizeof *data);
        OK(duet_store_read(store, entry->name, DUET_F32, data));
        rename_one(&out, entry, data);
    }
    OK(duet_store_write(PATH, "safetensors", out.item, out.count, NULL, 0));
    duet_store_close(store);
    duet_arena_free(out.arena);
}

static void assert_same_weights(const char *path, const duet_model *want) {
    duet_model *model = NULL;
    OK(duet_model_open(NULL, &model, path));
    assert_string_equal(duet_model_config(model), duet_model_config(want));
    assert_int_equal(model->slots->count, want->slots->count);
    for (int64_t i = 0; i < model->slots->count; i++) {
        const duet_slot *const a = &model->slots->list[i], *const b = &want->slots->list[i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->count, b->count);
        assert_memory_equal(duet_slot_data(a), duet_slot_data(b), (size_t)a->count * sizeof(float));
    }
    duet_model_close(model);
}

static void other_names_are_the_same(void **state) {
    (void)state;
    duet_model *want = NULL;
    OK(duet_model_open(NULL, &want, GOLDEN));
    write_renamed(add_chunked);
    assert_same_weights(PATH, want);
    write_renamed(add_of_transformers);
    assert_same_weights(PATH, want);
    duet_model_close(want);
}

static void what_is_assumed_is_told(void **state) {
    (void)state;
    duet_model *model = NULL;
    OK(duet_model_open(NULL, &model, GOLDEN));
    const duet_card *const card = duet_model_card(model);
    assert_int_equal(card->preprocess.size, 224);
    assert_string_equal(card->preprocess.fit, "imagenet_cubic");
    assert_true(card->preprocess.mean[0] == 0.485);
    assert_non_null(strstr(card->assumed, "image_size (224), positions (antialias)"));
    assert_non_null(strstr(duet_model_config(model),
                           "patch=14,in_channels=3,width=8,depth=2,heads=1,hidden=16,classes=0,"
                           "fc_norm=false,registers=2,layer_scale=true,gated=true"));
    duet_model_close(model);
}

/* Flags: the size of the positions' images needs no resampling, another way gives other values;
 * features are read as without flags. */
static void flags_choose_the_size(void **state) {
    (void)state;
    const duet_reader_options options = {.settings = duet_settings_of(-1, 3, 1)};
    static const char *const flags[] = {"--heads 1", "--positions plain", "--image_size 42"};
    static uint8_t pixels[224 * 224 * 3];
    const int64_t index = 0;
    float rows[3][8], *row = NULL;
    duet_context *ctx = NULL;
    duet_model *model = NULL;
    duet_reader *reader = NULL;
    for (int i = 0; i < DUET_COUNT(pixels); i++) pixels[i] = (uint8_t)(37 * i % 251);
    OK(duet_context_new(&ctx, &(duet_context_options){.threads = 1, .exact = true}));
    for (int k = 0; k < 3; k++) {
        row = rows[k];
        OK(duet_model_open_as(ctx, &model, GOLDEN, flags[k]));
        OK(duet_reader_open(ctx, &reader, "model", model, NULL, &options));
        OK(duet_reader_run(reader, pixels, &index, 1, &row));
        duet_reader_close(reader);
        duet_model_close(model);
        for (int i = 0; i < 8; i++) assert_true(isfinite(row[i]));
    }
    assert_true(memcmp(rows[0], rows[1], sizeof rows[0]) != 0);
    OK(duet_model_open_as(ctx, &model, GOLDEN, "--image_size 518"));
    assert_int_equal(duet_model_tap(model, 1)->height, 37);
    duet_model_close(model);
    FAILS(DUET_ARG, "takes no noise; leave --diffusion_steps out",
          duet_model_open_as(ctx, &model, GOLDEN, "--diffusion_steps 9"));
    FAILS(DUET_ARG, "give --registers 2", duet_model_open_as(ctx, &model, GOLDEN, "--registers 3"));
    duet_context_free(ctx);
}

/* PyTorch's interpolate of 5 x 5 positions (37 i mod 19 - 9) for 3 x 3, by scale_factor 3.1 / 5
 * where there is an offset; first and last of the nine. */
static void positions_are_resampled(void **state) {
    (void)state;
    static const struct {
        const char *way;
        double want[4];
    } ways[] = {
        {"antialias", {-1.3244967, 4.1692295, -3.0615385, 0.8941997}},
        {"plain", {-3.0867596, 4.8333340, -2.8703723, 0.9513029}},
        {"offset", {-3.4618406, 5.2274532, -4.2941246, 0.3207659}},
    };
    const duet_shape have = {.rank = 3, .dim = {1, 26, 2}}, odd = {.rank = 3, .dim = {1, 25, 2}};
    float in[52] = {7, 8}, out[20];
    for (int i = 0; i < 50; i++) in[2 + i] = (float)(37 * i % 19 - 9);
    for (int k = 0; k < DUET_COUNT(ways); k++) {
        vit_config c = {.image_size = 6, .patch = 2, .width = 2, .class_position = true};
        snprintf(c.positions, sizeof c.positions, "%s", ways[k].way);
        OK(duet_vit_reshape(&c, "pos_embed", &have, in, out));
        assert_true(out[0] == 7 && out[1] == 8); /* the class token's */
        for (int i = 0; i < 4; i++)
            assert_true(fabs((double)out[i < 2 ? 2 + i : 16 + i] - ways[k].want[i]) < 1e-5);
        assert_int_equal(duet_vit_reshape(&c, "pos_embed", &odd, NULL, NULL), DUET_SHAPE);
        assert_int_equal(duet_vit_reshape(&c, "cls_token", &have, NULL, NULL), DUET_SHAPE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_names_are_the_same), cmocka_unit_test(what_is_assumed_is_told),
        cmocka_unit_test(flags_choose_the_size), cmocka_unit_test(positions_are_resampled)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
