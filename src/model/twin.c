/* SPDX-License-Identifier: MIT
 * model/twin.c: writes the weights of a network under the names of another architecture by walking
 * through the blocks of both; see twin.h. */
#include "model/twin.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/arch/arch.h"

typedef struct twin {
    const duet_model *from;
    duet_model *to;
    bool to_adm;
    const adm_config *adm;
    int64_t copied; /* slots of `to` that are filled */
    duet_status status;
} twin;

typedef struct name {
    char text[256];
} name;

static name named(const char *format, ...) {
    name n;
    va_list args;
    va_start(args, format);
    vsnprintf(n.text, sizeof n.text, format, args);
    va_end(args);
    return n;
}

static const duet_slot *find(const duet_model *model, const char *text) {
    for (int64_t i = 0; i < model->slots->count; i++)
        if (strcmp(model->slots->list[i].name, text) == 0) return &model->slots->list[i];
    return NULL;
}

/* Copies row `from_row`, of `width` elements, of a tensor of `from` to row `to_row` of a tensor of
 * `to`. */
static void copy_row(const duet_slot *to, int64_t to_row, const duet_slot *from, int64_t from_row,
                     int64_t width) {
    const uint8_t *const data = duet_slot_data(from);
    duet_convert(to->own + to_row * width, DUET_F32,
                 data + from_row * width * (int64_t)duet_dtype_size(from->dtype), from->dtype,
                 width);
}

static void fail(twin *t, const char *text) {
    if (t->status == DUET_OK)
        t->status = duet_fail(DUET_UNSUPPORTED,
                              "tensor '%s' has no counterpart in the other architecture", text);
}

static void copy(twin *t, const name *adm, const name *unet) {
    const duet_slot *const to = find(t->to, t->to_adm ? adm->text : unet->text),
                           *const from = find(t->from, t->to_adm ? unet->text : adm->text);
    if (to == NULL && from == NULL) return; /* no bias, no skip connection */
    if (to == NULL || from == NULL || to->count != from->count) {
        fail(t, t->to_adm ? unet->text : adm->text);
        return;
    }
    copy_row(to, 0, from, 0, to->count);
    t->copied++;
}

static void layer(twin *t, name adm, name unet) {
    static const char *const ends[] = {"weight", "bias"};
    for (int i = 0; i < 2; i++) {
        const name a = named("%.240s.%s", adm.text, ends[i]),
                   u = named("%.240s.%s", unet.text, ends[i]);
        copy(t, &a, &u);
    }
}

static void residual(twin *t, name adm, name unet) {
    static const char *const parts[][2] = {
        {"in_layers.0", "norm1"},  {"in_layers.2", "conv1"},  {"emb_layers.1", "time_emb_proj"},
        {"out_layers.0", "norm2"}, {"out_layers.3", "conv2"}, {"skip_connection", "conv_shortcut"}};
    for (int i = 0; i < DUET_COUNT(parts); i++)
        layer(t, named("%.200s.%s", adm.text, parts[i][0]),
              named("%.200s.%s", unet.text, parts[i][1]));
}

/* Rows of qkv: part p (query, key, value) of head h is at h 3 D + p D, in the new order at p C + h
 * D; C = heads D. */
static void split_qkv(twin *t, const char *adm, const char *unet, const char *end) {
    static const char *const parts[] = {"to_q", "to_k", "to_v"};
    const duet_slot *const whole =
        find(t->to_adm ? t->to : t->from, named("%.200s.qkv.%s", adm, end).text);
    for (int p = 0; p < 3; p++) {
        const name text = named("%.200s.%s.%s", unet, parts[p], end);
        const duet_slot *const part = find(t->to_adm ? t->from : t->to, text.text);
        if (whole == NULL || part == NULL || whole->count != 3 * part->count) {
            fail(t, text.text);
            return;
        }
        const int64_t channels = part->shape.dim[0], width = part->count / channels;
        const int64_t head = t->adm->num_head_channels > 0 ? t->adm->num_head_channels
                                                           : channels / t->adm->num_heads;
        for (int64_t row = 0; row < channels; row++) {
            const int64_t at = t->adm->use_new_attention_order
                                   ? p * channels + row
                                   : row / head * 3 * head + p * head + row % head;
            if (t->to_adm)
                copy_row(whole, at, part, row, width);
            else
                copy_row(part, row, whole, at, width);
        }
        if (!t->to_adm) t->copied++;
    }
    if (t->to_adm) t->copied++;
}

static void attention(twin *t, name adm, name unet) {
    layer(t, named("%.200s.norm", adm.text), named("%.200s.group_norm", unet.text));
    split_qkv(t, adm.text, unet.text, "weight");
    split_qkv(t, adm.text, unet.text, "bias");
    layer(t, named("%.200s.proj_out", adm.text), named("%.200s.to_out.0", unet.text));
}

static bool attends(const twin *t, int level) {
    for (int i = 0; i < t->adm->attention_resolutions.count; i++)
        if (t->adm->attention_resolutions.v[i] == t->adm->image_size >> level) return true;
    return false;
}

static void down(twin *t) {
    const int levels = t->adm->channel_mult.count, blocks = (int)t->adm->num_res_blocks;
    for (int level = 0, n = 1; level < levels; level++, n++) {
        for (int i = 0; i < blocks; i++, n++) {
            residual(t, named("input_blocks.%d.0", n),
                     named("down_blocks.%d.resnets.%d", level, i));
            if (attends(t, level))
                attention(t, named("input_blocks.%d.1", n),
                          named("down_blocks.%d.attentions.%d", level, i));
        }
        if (level + 1 == levels) break;
        if (t->adm->resblock_updown)
            residual(t, named("input_blocks.%d.0", n),
                     named("down_blocks.%d.downsamplers.0", level));
        else
            layer(t, named("input_blocks.%d.0.op", n),
                  named("down_blocks.%d.downsamplers.0.conv", level));
    }
}

static void up(twin *t) {
    const int levels = t->adm->channel_mult.count, blocks = (int)t->adm->num_res_blocks;
    for (int block = 0, n = 0; block < levels; block++) {
        const int level = levels - 1 - block;
        for (int i = 0; i <= blocks; i++, n++) {
            residual(t, named("output_blocks.%d.0", n), named("up_blocks.%d.resnets.%d", block, i));
            if (attends(t, level))
                attention(t, named("output_blocks.%d.1", n),
                          named("up_blocks.%d.attentions.%d", block, i));
        }
        const int place = attends(t, level) ? 2 : 1; /* in the last output block of the level */
        if (level == 0) break;
        if (t->adm->resblock_updown)
            residual(t, named("output_blocks.%d.%d", n - 1, place),
                     named("up_blocks.%d.upsamplers.0", block));
        else
            layer(t, named("output_blocks.%d.%d.conv", n - 1, place),
                  named("up_blocks.%d.upsamplers.0.conv", block));
    }
}

static duet_status copy_weights(twin *t) {
    const name none = named("label_emb.weight"), class = named("class_embedding.weight");
    layer(t, named("time_embed.0"), named("time_embedding.linear_1"));
    layer(t, named("time_embed.2"), named("time_embedding.linear_2"));
    copy(t, &none, &class);
    layer(t, named("input_blocks.0.0"), named("conv_in"));
    down(t);
    residual(t, named("middle_block.0"), named("mid_block.resnets.0"));
    attention(t, named("middle_block.1"), named("mid_block.attentions.0"));
    residual(t, named("middle_block.2"), named("mid_block.resnets.1"));
    up(t);
    layer(t, named("out.0"), named("conv_norm_out"));
    layer(t, named("out.2"), named("conv_out"));
    if (t->status == DUET_OK && t->copied != t->to->slots->count)
        t->status = duet_fail(DUET_UNSUPPORTED,
                              "%lld of %lld tensors have a counterpart in the other architecture",
                              (long long)t->copied, (long long)t->to->slots->count);
    return t->status;
}

static duet_status describe_twin(duet_model **out, const duet_model *model, bool to_adm) {
    _Alignas(16) uint8_t config[DUET_CONFIG_SIZE] = {0};
    const duet_arch *const arch = to_adm ? &duet_arch_adm_unet : &duet_arch_diffusers_unet;
    char text[1024], spec[DUET_TEXT_SIZE + sizeof text];
    DUET_TRY(to_adm ? duet_twin_adm((adm_config *)(void *)config, model->config)
                    : duet_twin_unet((unet_config *)(void *)config, model->config));
    duet_arch_print(arch, config, text);
    snprintf(spec, sizeof spec, "%s:%s", arch->info.name, text);
    return duet_model_describe(out, spec);
}

/* What the card says about the weights stays true, but taps are numbered differently, so the
 * recommendation is dropped. */
static duet_status copy_card(duet_model *to, const duet_model *from) {
    char arch[DUET_TEXT_SIZE];
    memcpy(arch, to->card.arch, sizeof arch);
    to->card = from->card;
    memcpy(to->card.arch, arch, sizeof arch);
    to->card.class_names = NULL;
    to->card.class_count = 0;
    to->card.recommended.settings.count = 0;
    to->stored = from->stored;
    return duet_card_set_classes(to, (const char *const *)from->card.class_names,
                                 from->card.class_count);
}

duet_status duet_model_as(duet_context *ctx, duet_model **out, const duet_model *model,
                          const char *arch) {
    duet_status status = DUET_OK;
    duet_model *made = NULL;
    const bool to_adm = strcmp(arch, "adm_unet") == 0;
    (void)ctx;
    if (!to_adm && strcmp(arch, "diffusers_unet") != 0)
        return duet_fail(DUET_ARG,
                         "'%s' cannot be expressed in another architecture; only adm_unet and "
                         "diffusers_unet can",
                         arch);
    if (model->arch != (to_adm ? &duet_arch_diffusers_unet : &duet_arch_adm_unet))
        return duet_fail(DUET_UNSUPPORTED,
                         "a network of the architecture '%s' cannot be written in the terms of %s",
                         model->card.arch, arch);
    DUET_DO(describe_twin(&made, model, to_adm));
    DUET_DO(duet_slots_alloc(made->slots));
    twin t = {
        .from = model, .to = made, .to_adm = to_adm, .adm = to_adm ? made->config : model->config};
    DUET_DO(copy_weights(&t));
    duet_slots_touch(made->slots, -1);
    DUET_DO(copy_card(made, model));
    *out = made;
    made = NULL;
done:
    duet_model_close(made);
    return status;
}
