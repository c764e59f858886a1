/* SPDX-License-Identifier: MIT
 * Cards and model files: the card comes back as it was, weights come back as their stored type has
 * them, and a file that is damaged, cut off, or something else is named with the next step. */
#include "tiny_model.h"

#include <duet/store.h>

#include "model/card.h"
#include "model/model.h"

#define PATH DUET_TEST_TMP "/case-model.safetensors"

static void fill_card(duet_model *model) {
    duet_card *card = duet_model_card(model);
    duet_copy_text(card->noise, sizeof card->noise, "linear:steps=200");
    duet_copy_text(card->predict, sizeof card->predict, "eps");
    duet_copy_text(card->name, sizeof card->name, "a \"name\" with \\ and \xC3\xBC");
    duet_copy_text(card->data, sizeof card->data, "synth");
    duet_copy_text(card->licence, sizeof card->licence, "MIT");
    duet_copy_text(card->preprocess.fit, sizeof card->preprocess.fit, "pad");
    card->ema = true;
    card->images = 5000000000;
    card->steps = 123;
    card->seconds = 12.25;
    card->recommended = (duet_recommendation){
        .settings = duet_settings_of(10, 9, 2), .top1 = 88.125, .strength = 0.01, .data = "set"};
    OK(duet_card_set_classes(model, (const char *const[]){"T-shirt/top", "\xE7\x8C\xAB", "c"}, 3));
}

static duet_model *tiny(uint64_t seed) {
    duet_model *model = make_model(NULL, TINY_ARCH, seed);
    fill_card(model);
    return model;
}

static void assert_same_card(const duet_card *a, const duet_card *b) {
    assert_string_equal(a->arch, b->arch);
    assert_string_equal(a->noise, b->noise);
    assert_string_equal(a->predict, b->predict);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->data, b->data);
    assert_string_equal(a->licence, b->licence);
    assert_string_equal(a->preprocess.fit, b->preprocess.fit);
    assert_true(a->preprocess.size == b->preprocess.size &&
                a->preprocess.channels == b->preprocess.channels);
    assert_true(a->ema == b->ema && a->images == b->images && a->steps == b->steps &&
                a->seconds == b->seconds);
    assert_int_equal(a->class_count, b->class_count);
    for (int i = 0; i < a->class_count; i++)
        assert_string_equal(a->class_names[i], b->class_names[i]);
    assert_int_equal(a->recommended.settings.count, b->recommended.settings.count);
    for (int i = 0; i < a->recommended.settings.count; i++)
        assert_true(
            duet_setting_equal(&a->recommended.settings.v[i], &b->recommended.settings.v[i]));
    if (a->recommended.settings.count == 0) return;
    assert_true(a->recommended.top1 == b->recommended.top1 &&
                a->recommended.strength == b->recommended.strength);
    assert_string_equal(a->recommended.data, b->recommended.data);
}

/* ---- the card ---- */

static void card_comes_back(void **unused) {
    (void)unused;
    duet_model *model = tiny(1);
    duet_arena *arena = NULL;
    OK(duet_arena_new(&arena));
    duet_settings *const settings = &duet_model_card(model)->recommended.settings;
    settings->v[1] = (duet_setting){.t = 50, .tap = 3, .pool = 1, .draws = 4, .flip = true};
    for (settings->count = 2; settings->count >= 0; settings->count--) {
        duet_card read = {0};
        char config[1024] = "", *text = NULL;
        OK(duet_card_print(&text, duet_model_card(model), duet_model_config(model)));
        OK(duet_card_parse(&read, config, arena, text));
        assert_same_card(&read, duet_model_card(model));
        assert_string_equal(config, duet_model_config(model));
        duet_card_text_free(text);
    }
    duet_arena_free(arena);
    duet_model_close(model);
}

static void card_takes_what_is_there(void **unused) {
    (void)unused;
    duet_arena *arena = NULL;
    duet_card card = {0};
    char config[1024] = "";
    OK(duet_arena_new(&arena));
    OK(duet_card_parse(
        &card, config, arena,
        "{\"future\":[1,{}],\"arch\":\"adm_unet\",\"images\":\"many\",\"classes\":[\"a\",7]}"));
    assert_string_equal(card.arch, "adm_unet");
    assert_true(card.images == 0 && card.recommended.settings.count == 0 && card.class_count == 2);
    assert_string_equal(card.class_names[1], "?");
    OK(duet_card_parse(&card, config, arena, "{\"recommended\":{\"t\":3,\"tap\":0,\"pool\":1}}"));
    assert_int_equal(card.recommended.settings.count, 0);
    FAILS(DUET_FORMAT, "the card is not JSON", duet_card_parse(&card, config, arena, ""));
    FAILS(DUET_FORMAT, "the card is not JSON", duet_card_parse(&card, config, arena, "{\"arch\":"));
    FAILS(DUET_FORMAT, "not a JSON object", duet_card_parse(&card, config, arena, "[1]"));
    FAILS(DUET_FORMAT, "duplicate",
          duet_card_parse(&card, config, arena, "{\"arch\":\"a\",\"arch\":\"b\"}"));
    duet_arena_free(arena);
}

static void names_must_be_text(void **unused) {
    (void)unused;
    duet_model *model = tiny(1);
    FAILS(DUET_ARG, "class 1",
          duet_card_set_classes(model, (const char *const[]){"a", "caf\xE9"}, 2));
    assert_int_equal(duet_model_card(model)->class_count, 3); /* as before */
    memcpy(duet_model_card(model)->name, "caf\xE9", 5);
    FAILS(DUET_FORMAT, "not UTF-8", duet_model_save(model, PATH, DUET_F32));
    duet_model_close(model);
}

/* A name that is put into a card by hand is written as data sets write it. */
static void no_class_is_left_out(void **unused) {
    (void)unused;
    char name[] = "caf\xE9", *text = NULL;
    duet_model *model = tiny(1);
    duet_model_card(model)->class_names[1] = name;
    OK(duet_card_print(&text, duet_model_card(model), duet_model_config(model)));
    assert_non_null(strstr(text, "\"classes\":[\"T-shirt/top\",\"caf\\\\xe9\",\"c\"]"));
    duet_card_text_free(text);
    duet_model_close(model);
}

/* ---- files ---- */

static void assert_same_weights(const duet_slot *have, const duet_slot *slot, bool half) {
    assert_string_equal(have->name, slot->name);
    assert_int_equal(have->count, slot->count);
    for (int64_t i = 0; i < slot->count; i++) {
        float want = slot->own[i];
        uint16_t stored;
        if (half) {
            duet_convert(&stored, DUET_F16, &want, DUET_F32, 1);
            duet_convert(&want, DUET_F32, &stored, DUET_F16, 1);
        }
        assert_memory_equal((const float *)duet_slot_data(have) + i, &want, sizeof want);
    }
}

static void weights_come_back(void **unused) {
    (void)unused;
    duet_model *model = tiny(2);
    for (int half = 0; half < 2; half++) {
        duet_model *read = NULL;
        OK(duet_model_save(model, PATH, half ? DUET_F16 : DUET_F32));
        OK(duet_model_open(NULL, &read, PATH));
        assert_same_card(duet_model_card(read), duet_model_card(model));
        assert_string_equal(duet_model_path(read), PATH);
        assert_string_equal(duet_model_config(read), duet_model_config(model));
        assert_int_equal(read->slots->list[0].lent != NULL,
                         !half); /* f32 weights stay in the mapped file */
        for (int64_t s = 0; s < model->slots->count; s++)
            assert_same_weights(&read->slots->list[s], &model->slots->list[s], half);
        assert_int_equal(duet_model_hash(read) == duet_model_hash(model), !half);
        duet_model_close(read);
    }
    duet_model_close(model);
}

/* Matrices and filters as bf16, read where the mapped file has them; what has one axis stays f32.
 * Saved again they are the same. */
static void bf16_weights_come_back(void **unused) {
    (void)unused;
    duet_model *model = tiny(4), *read = NULL, *again = NULL;
    OK(duet_model_save(model, PATH, DUET_BF16));
    OK(duet_model_open(NULL, &read, PATH));
    assert_int_equal(duet_model_stored(read), DUET_BF16);
    assert_int_equal(duet_model_stored(model), DUET_F32);
    for (int64_t s = 0; s < model->slots->count; s++) {
        const duet_slot *slot = &model->slots->list[s], *have = &read->slots->list[s];
        assert_non_null(have->lent);
        assert_int_equal(have->dtype, slot->shape.rank > 1 ? DUET_BF16 : DUET_F32);
        for (int64_t i = 0; i < slot->count; i++) {
            float want = slot->own[i], value;
            uint16_t stored;
            duet_convert(&stored, DUET_BF16, &want, DUET_F32, 1);
            if (have->dtype == DUET_BF16) duet_convert(&want, DUET_F32, &stored, DUET_BF16, 1);
            duet_convert(&value, DUET_F32,
                         (const uint8_t *)have->lent + (size_t)i * duet_dtype_size(have->dtype),
                         have->dtype, 1);
            assert_memory_equal(&value, &want, sizeof value);
        }
    }
    const uint64_t hash = duet_model_hash(read);
    OK(duet_model_save(read, PATH ".again", DUET_BF16));
    OK(duet_model_open(NULL, &again, PATH ".again"));
    assert_true(duet_model_hash(again) == hash && hash != duet_model_hash(model));
    remove(PATH ".again");
    duet_model_close(again);
    duet_model_close(read);
    duet_model_close(model);
}

static void the_card_is_replaced_and_nothing_else(void **unused) {
    (void)unused;
    duet_model *model = tiny(3), *read = NULL;
    OK(duet_model_save(model, PATH, DUET_F16));
    OK(duet_model_open(NULL, &read, PATH));
    const uint64_t hash = duet_model_hash(read);
    duet_card *card = duet_model_card(read);
    card->recommended.settings.v[0].t = 77;
    duet_copy_text(card->licence, sizeof card->licence,
                   "a much longer licence text than there was before, so that everything moves");
    OK(duet_model_update_card(PATH, card));
    duet_model *again = NULL;
    OK(duet_model_open(NULL, &again, PATH));
    assert_same_card(duet_model_card(again), card);
    assert_true(duet_model_hash(again) == hash);
    duet_store *store = NULL;
    OK(duet_store_open(&store, PATH));
    assert_int_equal(duet_store_at(store, 0)->dtype, DUET_F16);
    duet_store_close(store);
    FAILS(DUET_NOT_FOUND, "no such",
          duet_model_update_card(DUET_TEST_TMP "/no such.safetensors", card));
    duet_model_close(again);
    duet_model_close(read);
    duet_model_close(model);
}

static void assert_refused(duet_status wanted, const char *path, const char *words) {
    duet_model *model = NULL;
    FAILS(wanted, words, duet_model_open(NULL, &model, path));
    assert_null(model);
}

static void put(const void *bytes, int64_t size) {
    FILE *file = fopen(PATH, "wb"); /* no fsync */
    assert_int_equal(fwrite(bytes, 1, (size_t)size, file), (size_t)size);
    fclose(file);
}

static void every_truncation_is_refused(void **unused) {
    (void)unused;
    duet_model *model = tiny(4);
    duet_bytes bytes = {0};
    OK(duet_model_save(model, PATH, DUET_F16));
    OK(duet_file_read(&bytes, PATH));
    for (int64_t size = 0; size < bytes.size; size += size < 12 ? 1 : 1 + bytes.size / 40) {
        duet_model *read = NULL;
        put(bytes.data, size);
        assert_int_not_equal(duet_model_open(NULL, &read, PATH), DUET_OK);
        assert_non_null(strstr(duet_error_message(), PATH));
        assert_null(read);
    }
    put(bytes.data, bytes.size - 1);
    assert_refused(DUET_FORMAT, PATH, "is the file cut off?");
    duet_bytes_free(&bytes);
    duet_model_close(model);
}

static void other_files_are_named(void **unused) {
    (void)unused;
    const float zero = 0;
    const duet_store_item item = {"weight", DUET_F32, DUET_F32, {.rank = 0}, &zero};
    char folder[DUET_PATH_SIZE];
    put("\x89PNG\r\n\x1a\n and so on", 19);
    assert_refused(DUET_FORMAT, PATH, "is a PNG image, not a model");
    put("", 0);
    assert_refused(DUET_FORMAT, PATH, "is empty");
    OK(duet_store_write(PATH, "safetensors", &item, 1, NULL, 0));
    assert_refused(DUET_FORMAT, PATH,
                   "holds 1 tensor (safetensors; the first is 'weight') but no duet card, and no "
                   "known architecture has them");
    OK(duet_store_write(PATH, "npz", &item, 1, NULL, 0));
    assert_refused(DUET_FORMAT, PATH, "(npz; the first is 'weight') but no duet card");
    OK(duet_store_write(PATH, "safetensors", &item, 1, &(duet_store_pair){"duet.state", "{}"}, 1));
    assert_refused(DUET_ARG, PATH, "a training state, not a model; load the 'model-");
    OK(duet_store_write(PATH, "safetensors", &item, 1, &(duet_store_pair){"duet.head", "{}"}, 1));
    assert_refused(DUET_ARG, PATH, "a head, not a model; load the run folder");
    assert_refused(DUET_NOT_FOUND, DUET_TEST_TMP "/nowhere", "no file or folder");
    fresh_folder(folder, "model-folder");
    assert_refused(DUET_NOT_FOUND, folder, "holds no model-");
}

static void a_folder_gives_its_newest(void **unused) {
    (void)unused;
    duet_model *old = tiny(5), *new = tiny(6), *read = NULL;
    char folder[DUET_PATH_SIZE], path[DUET_PATH_SIZE];
    fresh_folder(folder, "model-folder");
    OK(duet_path_join(path, folder, "model-00000900.safetensors"));
    OK(duet_model_save(old, path, DUET_F32));
    OK(duet_path_join(path, folder, "model-00001000.safetensors"));
    OK(duet_model_save(new, path, DUET_F32));
    OK(duet_model_open(NULL, &read, folder));
    assert_true(duet_model_hash(read) == duet_model_hash(new));
    assert_string_equal(duet_model_path(read), path);
    duet_model_close(old);
    duet_model_close(new);
    duet_model_close(read);
}

/* A file of the right tensors with this card; `skip` < 0: all of them. */
static void write_with(const duet_model *model, const char *card, int64_t skip) {
    duet_store_item items[256];
    int64_t count = 0;
    assert_true(model->slots->count <= 256);
    for (int64_t i = 0; i < model->slots->count; i++) {
        const duet_slot *slot = &model->slots->list[i];
        if (i != skip)
            items[count++] =
                (duet_store_item){slot->name, DUET_F32, DUET_F32, slot->shape, slot->own};
    }
    OK(duet_store_write(PATH, "safetensors", items, count, &(duet_store_pair){DUET_CARD_KEY, card},
                        1));
}

static void cards_and_tensors_must_agree(void **unused) {
    (void)unused;
    duet_model *model = tiny(7), *read = NULL;
    char card[2048], words[256];
#define CARD(arch, config, more) \
    (snprintf(card, sizeof card, "{\"arch\":\"%s\",\"config\":\"%s\"%s}", arch, config, more), card)
    const char *config = strchr(TINY_ARCH, ':') + 1;
    write_with(model, CARD("adm_unet", config, ""), -1);
    OK(duet_model_open(NULL, &read,
                       PATH)); /* the least a card needs; images are prepared for the network */
    assert_true(duet_model_card(read)->preprocess.size == 8 &&
                duet_model_card(read)->preprocess.channels == 3);
    duet_model_close(read);
    write_with(model, CARD("adm_unet", config, ",\"preprocess\":{\"size\":4,\"channels\":3}"), -1);
    assert_refused(DUET_FORMAT, PATH,
                   "prepares images of 4 x 4 with 3 channels, but the network takes 8 x 8 with 3");
    write_with(model, CARD("adm_unet", config, ",\"preprocess\":{\"size\":8,\"channels\":1}"), -1);
    assert_refused(DUET_FORMAT, PATH, "8 x 8 with 1 channels");
    for (int64_t skip = 0; skip < model->slots->count; skip += 13) {
        write_with(model, CARD("adm_unet", config, ""), skip);
        snprintf(words, sizeof words, "tensor '%s' is missing", model->slots->list[skip].name);
        assert_refused(DUET_FORMAT, PATH, words);
    }
    write_with(model,
               CARD("adm_unet",
                    "image_size=8,num_channels=16,channel_mult=1/"
                    "2,num_res_blocks=1,norm_groups=4,num_heads=2",
                    ""),
               -1);
    assert_refused(DUET_SHAPE, PATH, "but the card's configuration needs");
    write_with(model, CARD("adm_unet", "image_size=9,channel_mult=1/2", ""), -1);
    assert_refused(DUET_ARG, PATH, "image_size 9 cannot be halved");
    write_with(model, CARD("resnet9000", config, ""), -1);
    assert_refused(DUET_ARG, PATH, "resnet9000");
    write_with(model, "{\"arch\":", -1);
    assert_refused(DUET_FORMAT, PATH, "the card is not JSON");
    write_with(model, "{}", -1);
    assert_int_not_equal(duet_model_open(NULL, &read, PATH), DUET_OK);
#undef CARD
    duet_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(card_comes_back),
        cmocka_unit_test(card_takes_what_is_there),
        cmocka_unit_test(names_must_be_text),
        cmocka_unit_test(no_class_is_left_out),
        cmocka_unit_test(weights_come_back),
        cmocka_unit_test(bf16_weights_come_back),
        cmocka_unit_test(the_card_is_replaced_and_nothing_else),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(other_files_are_named),
        cmocka_unit_test(a_folder_gives_its_newest),
        cmocka_unit_test(cards_and_tensors_must_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
