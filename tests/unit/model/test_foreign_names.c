/* SPDX-License-Identifier: MIT
 * Averaged weights under names that are not the network's: a list without names (torch_ema's
 * shadow_params), and names without dots (the model_ema of latent diffusion). They are taken with
 * their values, where every one of them fits; else the others are, and what is left out is said. */
#include "tiny_model.h"

#include "base/mem.h"
#include "model/model.h"

enum { MOST = 400 };
#define PATH DUET_TEST_TMP "/foreign-names.pt"

typedef struct file {
    duet_arena *arena;
    duet_store_item item[MOST];
    int64_t count;
} file;

static void add(file *f, const char *name, const duet_shape *shape, const float *from,
                float factor) {
    const int64_t n = duet_shape_count(shape);
    float *const data = duet_arena_alloc(f->arena, n, sizeof *data);
    assert_true(f->count < MOST);
    assert_non_null(data);
    for (int64_t i = 0; i < n; i++) data[i] = factor * (from != NULL ? from[i] : 1.0f);
    f->item[f->count++] = (duet_store_item){
        .name = name, .dtype = DUET_F32, .stored = DUET_F32, .shape = *shape, .data = data};
}

typedef enum naming { AS_IT_IS, NUMBERED, WITHOUT_DOTS } naming;

/* The weights times `factor`, but `without` of them. */
static void add_weights(file *f, const duet_model *model, const char *prefix, const char *inner,
                        naming how, float factor, int64_t without) {
    for (int64_t i = 0; i < model->slots->count - without; i++) {
        const duet_slot *const slot = &model->slots->list[i];
        char *name = how == NUMBERED
                         ? duet_arena_format(f->arena, "%s%lld", prefix, (long long)i)
                         : duet_arena_format(f->arena, "%s%s%s", prefix, inner, slot->name);
        assert_non_null(name);
        char *to = name + strlen(prefix);
        for (const char *c = to; how == WITHOUT_DOTS && *c != '\0'; c++)
            if (*c != '.') *to++ = *c;
        if (how == WITHOUT_DOTS) *to = '\0';
        add(f, name, &slot->shape, duet_slot_data(slot), factor);
    }
}

/* By how much the weights of the opened file are those of the model; the same for all of them. */
static float factor_of(const duet_model *model, const char *flags, duet_card *card) {
    duet_model *open = NULL;
    OK(duet_model_open_as(NULL, &open, PATH, flags));
    assert_int_equal(open->slots->count, model->slots->count);
    float factor = 0.0f;
    for (int64_t i = 0; i < model->slots->count; i++) {
        const duet_slot *const slot = &model->slots->list[i];
        const float *const want = duet_slot_data(slot), *const have =
                                                            duet_slot_data(&open->slots->list[i]);
        assert_string_equal(open->slots->list[i].name, slot->name);
        if (factor == 0.0f && want[0] != 0.0f) factor = have[0] / want[0];
        for (int64_t e = 0; e < slot->count; e++) assert_true(have[e] == factor * want[e]);
    }
    *card = *duet_model_card(open);
    duet_model_close(open);
    return factor;
}

static void begin(file *f, duet_model **model) {
    *f = (file){.count = 0};
    OK(duet_arena_new(&f->arena));
    *model = make_model(NULL, TINY_ARCH, 5);
}

static void end(file *f, duet_model *model) {
    duet_model_close(model);
    duet_arena_free(f->arena);
}

static void lists_without_names_are_taken(void **unused) {
    (void)unused;
    static file f;
    duet_model *model = NULL;
    duet_card card;
    begin(&f, &model);
    add_weights(&f, model, "model.", "", AS_IT_IS, 1.0f, 0);
    add_weights(&f, model, "ema.shadow_params.", "", NUMBERED, 2.0f, 0);
    OK(duet_store_write(PATH, "torch_zip", f.item, f.count, NULL, 0));
    assert_true(factor_of(model, NULL, &card) == 2.0f);
    assert_true(card.ema);
    assert_string_equal(card.says, "weights 'model.', 'ema.shadow_params.', taken those of "
                                   "'ema.shadow_params.' (--weights)");
    assert_true(factor_of(model, "--weights model", &card) == 1.0f);
    assert_false(card.ema);
    /* the list alone */
    const int64_t half = f.count / 2;
    OK(duet_store_write(PATH, "torch_zip", f.item + half, half, NULL, 0));
    duet_model *open = NULL;
    FAILS(DUET_FORMAT, "averaged weights without their names", duet_model_open(NULL, &open, PATH));
    /* of another network: one tensor has another shape */
    f.item[f.count - 1].shape = (duet_shape){1, {1}};
    OK(duet_store_write(PATH, "torch_zip", f.item, f.count, NULL, 0));
    assert_true(factor_of(model, NULL, &card) == 1.0f);
    assert_false(card.ema);
    end(&f, model);
}

static void names_without_dots_are_taken(void **unused) {
    (void)unused;
    static const char *const outer[] = {"", "state_dict."};
    static file f;
    for (int k = 0; k < DUET_COUNT(outer); k++) {
        duet_model *model = NULL;
        duet_card card;
        char plain[64], averaged[64], says[512];
        begin(&f, &model);
        snprintf(plain, sizeof plain, "%smodel.", outer[k]);
        snprintf(averaged, sizeof averaged, "%smodel_ema.", outer[k]);
        add_weights(&f, model, plain, "diffusion_model.", AS_IT_IS, 1.0f, 0);
        add(&f, k ? "state_dict.model_ema.decay" : "model_ema.decay", &(duet_shape){1, {1}}, NULL,
            0.9999f);
        add(&f, k ? "state_dict.model_ema.num_updates" : "model_ema.num_updates",
            &(duet_shape){1, {1}}, NULL, 7.0f);
        add_weights(&f, model, averaged, "diffusion_model.", WITHOUT_DOTS, 2.0f, 0);
        OK(duet_store_write(PATH, "torch_zip", f.item, f.count, NULL, 0));
        assert_true(factor_of(model, NULL, &card) == 2.0f);
        assert_true(card.ema);
        snprintf(says, sizeof says,
                 "weights '%sdiffusion_model.', '%sdiffusion_model.', taken those of "
                 "'%sdiffusion_model.' (--weights)",
                 plain, averaged, averaged);
        assert_string_equal(card.says, says);
        assert_true(factor_of(model, "--weights model", &card) == 1.0f);
        assert_false(card.ema);
        end(&f, model);
    }
}

/* One that does not fit, and none of them is trusted. */
static void names_that_do_not_fit_are_left_out(void **unused) {
    (void)unused;
    static file f;
    for (int k = 0; k < 2; k++) {
        duet_model *model = NULL;
        duet_card card;
        char says[256];
        begin(&f, &model);
        const int64_t count = model->slots->count;
        add_weights(&f, model, "model.", "diffusion_model.", AS_IT_IS, 1.0f, 0);
        add_weights(&f, model, "model_ema.", "diffusion_model.", WITHOUT_DOTS, 2.0f, 0);
        if (k == 0)
            f.item[f.count - 1].name = "model_ema.diffusion_modelelsewhere";
        else
            f.item[f.count - 1].shape = (duet_shape){1, {1}};
        OK(duet_store_write(PATH, "torch_zip", f.item, f.count, NULL, 0));
        assert_true(factor_of(model, NULL, &card) == 1.0f);
        assert_false(card.ema);
        snprintf(says, sizeof says, "left out %lld tensors that are not part of it ('model_ema.",
                 (long long)count);
        if (!strstr(card.says, says)) fail_msg("no '%s' in '%s'", says, card.says);
        end(&f, model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_without_names_are_taken),
        cmocka_unit_test(names_without_dots_are_taken),
        cmocka_unit_test(names_that_do_not_fit_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
