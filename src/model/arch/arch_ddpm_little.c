/* SPDX-License-Identifier: MIT
 * model/arch/arch_ddpm_little.c: the small U-Net of BrianPulfer/PapersReimplementations (ddpm),
 * which many tutorials copy: stages of three blocks LayerNorm(C,H,W), conv, SiLU, conv, SiLU
 * without residual connections; the time embedding is a table in the file and is added to each
 * stage's input. The last block does not apply its norm, although files have its weights. Taps b =
 * 1..7: the stages b1, b2, b3, b_mid, b4, b5, b_out. */
#include <stdio.h>

#include "base/error.h"
#include "model/foreign.h"
#include "model/model.h"
#include "model/nn.h"

typedef struct little_config {
    int64_t image_size, in_channels, base_channels, steps, time_channels;
} little_config;

static const duet_param params[] = {
    DUET_INT(little_config, image_size, "28", 12, 4096,
             "side of the images in pixels: 4 times an odd number"),
    DUET_INT(little_config, in_channels, "1", 1, 64, "channels of the images"),
    DUET_INT(little_config, base_channels, "10", 1, 4096, "channels of the first stage"),
    DUET_INT(little_config, steps, "1000", 1, 1 << 20, "rows of the table of time steps"),
    DUET_INT(little_config, time_channels, "100", 1, 1 << 16, "columns of the table of time steps"),
};

typedef struct builder {
    duet_graph *g;
    const little_config *c;
    duet_value time; /* [B,time_channels] */
    int block;       /* number of the next tap */
} builder;

/* LayerNorm over (C,H,W) is a group norm of one group of C H W channels and no space; gamma[C,H,W]
 * is stored in the order of NCHW. */
static duet_value layer_norm(duet_graph *g, duet_value x) {
    const int64_t B = duet_dim(g, x, 0), H = duet_dim(g, x, 1), W = duet_dim(g, x, 2),
                  C = duet_dim(g, x, 3), all = H * W * C;
    const size_t mark = duet_scope_push(g, "ln");
    duet_value gain[2];
    for (int i = 0; i < 2; i++) {
        const duet_init init = {.kind = i == 0 ? DUET_INIT_ONE : DUET_INIT_ZERO};
        gain[i] = duet_parameter(g, i == 0 ? "weight" : "bias", DUET_WEIGHT, init, 3,
                                 (int64_t[]){C, H, W});
        gain[i] = duet_transpose(g, duet_reshape(g, gain[i], 2, (int64_t[]){C, H * W}));
        gain[i] = duet_reshape(g, gain[i], 1, &all);
    }
    duet_value y = duet_reshape(g, x, 3, (int64_t[]){B, 1, all});
    y = duet_group_norm(g, y, gain[0], gain[1], 1, 1e-5);
    duet_scope_pop(g, mark);
    return duet_reshape(g, y, 4, (int64_t[]){B, H, W, C});
}

static duet_value block(const builder *b, int index, duet_value x, int64_t out, bool normalize) {
    duet_graph *const g = b->g;
    const size_t mark = duet_scope_push(g, "%d", index);
    if (normalize) x = layer_norm(g, x);
    x = duet_silu(g, duet_nn_conv2d(g, "conv1", x, out, 3, 1, 1, false));
    x = duet_silu(g, duet_nn_conv2d(g, "conv2", x, out, 3, 1, 1, false));
    duet_scope_pop(g, mark);
    return x;
}

/* Stage `name`, after the time embedding te<suffix>. */
static duet_value stage(builder *b, const char *suffix, const char *name, duet_value x,
                        int64_t first, int64_t second, int64_t third) {
    duet_graph *const g = b->g;
    const int64_t in = duet_dim(g, x, -1);
    size_t mark = duet_scope_push(g, "te%s", suffix);
    duet_value te = duet_silu(g, duet_nn_linear(g, "0", b->time, in, 0, false));
    te = duet_nn_linear(g, "2", te, in, 0, false);
    duet_scope_pop(g, mark);
    mark = duet_scope_push(g, "%s", name);
    x = duet_add_channels(g, x, te);
    x = block(b, 0, x, first, true);
    x = block(b, 1, x, second, true);
    x = block(b, 2, x, third, suffix[0] != '_' || suffix[1] != 'o');
    duet_scope_pop(g, mark);
    return duet_tap(g, b->block++, name, x);
}

static duet_value time_embedding(const builder *b, duet_value t) {
    duet_graph *const g = b->g;
    const little_config *const c = b->c;
    const size_t mark = duet_scope_push(g, "time_embed");
    const duet_value table = duet_parameter(g, "weight", DUET_CONSTANT,
                                            (duet_init){.kind = DUET_INIT_NORMAL, .scale = 0.7}, 2,
                                            (int64_t[]){c->steps, c->time_channels});
    duet_scope_pop(g, mark);
    return duet_linear(g, duet_timestep_weights(g, t, c->steps), duet_transpose(g, table),
                       DUET_NONE);
}

static void build(duet_graph *g, const void *config, const duet_model_inputs *in, duet_value *out) {
    const little_config *const c = config;
    const int64_t n = c->base_channels;
    builder b = {.g = g, .c = c, .block = 1};
    b.time = time_embedding(&b, in->net_t);
    const duet_value out1 = stage(&b, "1", "b1", in->x, n, n, n);
    const duet_value out2 = stage(
        &b, "2", "b2", duet_nn_conv2d(g, "down1", out1, n, 4, 2, 1, false), 2 * n, 2 * n, 2 * n);
    const duet_value out3 =
        stage(&b, "3", "b3", duet_nn_conv2d(g, "down2", out2, 2 * n, 4, 2, 1, false), 4 * n, 4 * n,
              4 * n);
    duet_value h = duet_silu(g, duet_nn_conv2d(g, "down3.0", out3, 4 * n, 2, 1, 0, false));
    h = duet_nn_conv2d(g, "down3.2", h, 4 * n, 4, 2, 1, false);
    h = stage(&b, "_mid", "b_mid", h, 2 * n, 2 * n, 4 * n);
    h = duet_silu(g, duet_nn_conv_transpose2d(g, "up1.0", h, 4 * n, 4, 2, 1));
    h = duet_nn_conv_transpose2d(g, "up1.2", h, 4 * n, 2, 1, 0);
    h = stage(&b, "4", "b4", duet_concat(g, out3, h), 4 * n, 2 * n, 2 * n);
    h = stage(&b, "5", "b5",
              duet_concat(g, out2, duet_nn_conv_transpose2d(g, "up2", h, 2 * n, 4, 2, 1)), 2 * n, n,
              n);
    h = stage(&b, "_out", "b_out",
              duet_concat(g, out1, duet_nn_conv_transpose2d(g, "up3", h, n, 4, 2, 1)), n, n, n);
    *out = duet_nn_conv2d(g, "conv_out", h, c->in_channels, 3, 1, 1, false);
}

static duet_status check(const void *config) {
    const little_config *const c = config;
    if (c->image_size % 8 == 4) return DUET_OK;
    return duet_fail(
        DUET_ARG,
        "image_size %lld is not 4 times an odd number, as this network needs; 28 is usual",
        (long long)c->image_size);
}

static void shape(const void *config, duet_arch_shape *out) {
    const little_config *const c = config;
    *out =
        (duet_arch_shape){.size = c->image_size,
                          .in_channels = c->in_channels,
                          .out_channels = c->in_channels,
                          .parts = {{"unet", DUET_BIT(X) | DUET_BIT(NET_T), DUET_BIT(RAW), build}},
                          .part_count = 1};
}

static duet_status infer(duet_guess *guess) {
    const duet_shape *const norm = duet_foreign_shape(guess, "b1.0.ln.weight", 3),
                            *const first = duet_foreign_shape(guess, "b1.0.conv1.weight", 4);
    const duet_shape *const table = duet_foreign_shape(guess, "time_embed.weight", 2);
    if (norm == NULL || first == NULL || table == NULL)
        return DUET_FORMAT; /* the message is already set */
    snprintf(guess->config, sizeof guess->config,
             "image_size=%lld,in_channels=%lld,base_channels=%lld,steps=%lld,time_channels=%lld",
             (long long)norm->dim[1], (long long)first->dim[1], (long long)first->dim[0],
             (long long)table->dim[0], (long long)table->dim[1]);
    snprintf(guess->noise, sizeof guess->noise, "linear:steps=%lld,beta_start=0.0001,beta_end=0.02",
             (long long)table->dim[0]);
    snprintf(guess->predict, sizeof guess->predict, "eps");
    duet_foreign_assume(guess, "noise, prediction, norm eps (1e-5), activation (SiLU)");
    duet_foreign_assume(guess, "colours (-1 to 1)");
    return DUET_OK;
}

const duet_arch duet_arch_ddpm_little = {
    .info = {.name = "ddpm_little",
             .help = "small U-Net of a DDPM tutorial (BrianPulfer)",
             .params = DUET_TABLE(params, little_config)},
    .check = check,
    .shape = shape,
    .signature = "b1.0.ln.weight",
    .infer = infer,
    .idle = {"b_out.2.ln."},
};
