/* SPDX-License-Identifier: MIT
 * model/arch/ddim_names.c: see ddim_names.h. Sources: github.com/ermongroup/ddim,
 * models/diffusion.py and configs/. */
#include "model/arch/ddim_names.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Names inside a residual block, inside an attention, and outside of them. */
static const char *const parts[][2] = {{"norm1.", "norm1."},
                                       {"conv1.", "conv1."},
                                       {"norm2.", "norm2."},
                                       {"conv2.", "conv2."},
                                       {"time_emb_proj.", "temb_proj."},
                                       {"conv_shortcut.", "nin_shortcut."},
                                       {"group_norm.", "norm."},
                                       {"to_q.", "q."},
                                       {"to_k.", "k."},
                                       {"to_v.", "v."},
                                       {"to_out.0.", "proj_out."}};
static const char *const plain[][2] = {{"conv_in.", "conv_in."},
                                       {"time_embedding.linear_1.", "temb.dense.0."},
                                       {"time_embedding.linear_2.", "temb.dense.1."},
                                       {"mid_block.resnets.0.", "mid.block_1."},
                                       {"mid_block.resnets.1.", "mid.block_2."},
                                       {"mid_block.attentions.0.", "mid.attn_1."},
                                       {"conv_norm_out.", "norm_out."},
                                       {"conv_out.", "conv_out."}};

/* The scope and the other name of the part. */
static bool put(char *out, size_t size, const char *scope, const char *part) {
    for (int i = 0; i < DUET_COUNT(parts); i++)
        if (duet_starts_with(part, parts[i][0]))
            return snprintf(out, size, "%s%s%s", scope, parts[i][1], part + strlen(parts[i][0])) <
                   (int)size;
    return snprintf(out, size, "%s%s", scope, part) < (int)size; /* weight, bias */
}

/* "resnets.1.conv1.weight" of a level is "block.1.conv1.weight" there; levels of the way up are
 * counted from the top. */
static bool put_level(char *out, size_t size, const char *way, int level, const char *rest) {
    static const char *const kinds[][2] = {{"resnets.", "block."}, {"attentions.", "attn."}};
    char scope[64];
    for (int i = 0; i < DUET_COUNT(kinds); i++) {
        if (!duet_starts_with(rest, kinds[i][0])) continue;
        const char *const number = rest + strlen(kinds[i][0]);
        const size_t digits = strcspn(number, ".");
        if (number[digits] == '\0' || digits > 8) return false;
        snprintf(scope, sizeof scope, "%s.%d.%s%.*s.", way, level, kinds[i][1], (int)digits,
                 number);
        return put(out, size, scope, number + digits + 1);
    }
    if (duet_starts_with(rest, "downsamplers.0.conv."))
        return snprintf(out, size, "%s.%d.downsample.conv.%s", way, level, rest + 20) < (int)size;
    if (duet_starts_with(rest, "upsamplers.0.conv."))
        return snprintf(out, size, "%s.%d.upsample.conv.%s", way, level, rest + 18) < (int)size;
    return false;
}

bool duet_ddim_name(char *out, size_t size, const char *name, int levels) {
    int level = 0, length = 0;
    for (int i = 0; i < DUET_COUNT(plain); i++)
        if (duet_starts_with(name, plain[i][0]))
            return put(out, size, plain[i][1], name + strlen(plain[i][0]));
    if (sscanf(name, "down_blocks.%d.%n", &level, &length) == 1 && length > 0)
        return put_level(out, size, "down", level, name + length);
    if (levels > 0 && sscanf(name, "up_blocks.%d.%n", &level, &length) == 1 && length > 0)
        return put_level(out, size, "up", levels - 1 - level, name + length);
    return false;
}

bool duet_ddim_is(const duet_guess *guess) {
    return duet_foreign_has(guess, "down.0.block.0.temb_proj.weight");
}

/* ---- options ---- */

enum { MOST_LEVELS = 8 };

static int count(const duet_guess *guess, const char *format) {
    char name[64];
    int n = 0;
    for (;; n++) {
        snprintf(name, sizeof name, format, n); /* one of the two below */
        if (n == 64 || !duet_foreign_has(guess, name)) return n;
    }
}

static const char *kind(const duet_guess *guess, const char *way, int level) {
    char name[64];
    snprintf(name, sizeof name, "%s.%d.attn.0.norm.weight", way, level);
    return duet_foreign_has(guess, name) ? "attn" : "conv";
}

/* Channels and type of each level on the way down, and on the way up, the lowest first. */
static duet_status put_levels(duet_str *out, const duet_guess *guess, int levels) {
    char name[64];
    duet_str_add(out, ",block_out_channels=");
    for (int i = 0; i < levels; i++) {
        snprintf(name, sizeof name, "down.%d.block.0.conv1.weight", i);
        const duet_shape *const conv = duet_foreign_shape(guess, name, 4);
        if (conv == NULL) return DUET_FORMAT;
        duet_str_format(out, "%s%lld", i ? "/" : "", (long long)conv->dim[0]);
    }
    duet_str_add(out, ",down_block_types=");
    for (int i = 0; i < levels; i++)
        duet_str_format(out, "%s%s", i ? "/" : "", kind(guess, "down", i));
    duet_str_add(out, ",up_block_types=");
    for (int i = levels - 1; i >= 0; i--)
        duet_str_format(out, "%s%s", i + 1 < levels ? "/" : "", kind(guess, "up", i));
    return DUET_OK;
}

/* The image size is in no tensor; these are the authors' sizes: CIFAR-10, CelebA, LSUN. */
static int usual_size(int levels) {
    return levels <= 4 ? 32 : levels == 5 ? 64 : 256;
}

duet_status duet_ddim_infer(duet_guess *guess) {
    duet_status status = DUET_OK;
    duet_str text = {0};
    const int levels = count(guess, "down.%d.block.0.norm1.weight"),
              blocks = count(guess, "down.0.block.%d.norm1.weight");
    const duet_shape *const in = duet_foreign_shape(guess, "conv_in.weight", 4),
                            *const out =
                                in != NULL ? duet_foreign_shape(guess, "conv_out.weight", 4) : NULL;
    if (out == NULL) return DUET_FORMAT;
    if (levels < 1 || levels > MOST_LEVELS || blocks < 1)
        return duet_fail(DUET_FORMAT,
                         "%d levels of %d residual blocks are not a network of this kind", levels,
                         blocks);
    if (levels > 1 && !duet_foreign_has(guess, "down.0.downsample.conv.weight"))
        return duet_fail(DUET_UNSUPPORTED, "it downsamples without filters (resamp_with_conv "
                                           "false), which this version does not run");
    duet_str_format(&text,
                    "sample_size=%d,in_channels=%lld,out_channels=%lld,layers_per_block=%d,"
                    "attention_head_dim=0,downsample_padding=0,freq_shift=1,norm_eps=1e-6,"
                    "flip_sin_to_cos=false,add_attention=%s",
                    usual_size(levels), (long long)in->dim[1], (long long)out->dim[0], blocks,
                    duet_foreign_has(guess, "mid.attn_1.norm.weight") ? "true" : "false");
    DUET_DO(put_levels(&text, guess, levels));
    DUET_DO(duet_str_status(&text));
    if (!duet_copy_text(guess->config, sizeof guess->config, text.text))
        DUET_FAIL(DUET_FORMAT, "its options are longer than this version takes");
    snprintf(guess->noise, sizeof guess->noise, "linear:steps=1000");
    snprintf(guess->predict, sizeof guess->predict, "eps");
    duet_foreign_assume(guess, "sample_size (%d), attention_head_dim (one head)",
                        usual_size(levels));
    duet_foreign_assume(guess, "norm_num_groups (32), norm_eps (1e-6), activation (SiLU)");
    duet_foreign_assume(guess, "noise, prediction, colours (-1 to 1)");
done:
    duet_str_free(&text);
    return status;
}
