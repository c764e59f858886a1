/* SPDX-License-Identifier: MIT
 * study/rivals.c: the rows of a comparison, in its order: one entry a row. Sizes and settings are
 * those of docs/data/rivals.csv that did best, of the same number of searched ones for each. */
#include <stdio.h>
#include <string.h>

#include <duet/compare.h>

#include "base/error.h"
#include "base/str.h"
#include "model/model.h"
#include "train/trainer.h"

typedef struct rival {
    const char *name, *help, *reader, *task, *optim, *augment;
    int64_t batch;
    bool labels;
    /* Its architecture for images of side S; nothing written = the task's. */
    void (*arch)(char *out, size_t size, int64_t S, int channels);
} rival;

/* How often S can be halved down to `least`, at most `most` times. */
static int halvings(int64_t S, int64_t least, int most) {
    int count = 0;
    while (count < most && S % 2 == 0 && S / 2 >= least) {
        S /= 2;
        count++;
    }
    return count;
}

static void unet(char *out, size_t size, int64_t S, int channels) {
    char spec[DUET_SPEC_SIZE];
    duet_preset_arch(spec, S, channels);
    duet_format(out, size, "%s", spec);
}

static const char *const mult[] = {"1", "1", "1/2", "1/2/4", "1/2/4/4"};

static void bigbigan(char *out, size_t size, int64_t S, int channels) {
    const int levels = halvings(S, 4, 4);
    (void)channels;
    duet_format(out, size, "bigbigan:channels=32,channel_mult=%s,latents=%d", mult[levels],
                24 * (levels + 1));
}

static void patchvae(char *out, size_t size, int64_t S, int channels) {
    (void)channels;
    duet_format(out, size, "patchvae:scale=%d", S > 32 ? 8 : 4);
}

static void vae(char *out, size_t size, int64_t S, int channels) {
    (void)channels;
    duet_format(out, size, "vae:channel_mult=%s", mult[halvings(S, 7, 3) + 1]);
}

static void mae(char *out, size_t size, int64_t S, int channels) {
    (void)channels;
    duet_format(out, size, "mae:patch=%d", S > 32 ? 8 : 4);
}

#define ENCODER "resnet:small=true,blocks=2/2/2,base=32"
static void encoder(char *out, size_t size, int64_t S, int channels) {
    (void)S, (void)channels;
    duet_format(out, size, ENCODER);
}
static void encoder_without_labels(char *out, size_t size, int64_t S, int channels) {
    (void)S, (void)channels;
    duet_format(out, size, ENCODER ",classes=0");
}

static const rival rivals[] = {
    {"diffusion", "U-Net that denoises", NULL, "denoise", "", NULL, 32, false, unet},
    {"bigbigan", "generator and encoder against a joint discriminator", NULL, "gan",
     "adamw:rate=0.001,beta1=0,beta2=0.999,weight_decay=0", NULL, 64, false, bigbigan},
    {"patchvae", "autoencoder of parts", NULL, "patchvae", "adamw:rate=0.001", NULL, 64, false,
     patchvae},
    {"vae", "plain variational autoencoder", NULL, "vae", "adamw:rate=0.001", NULL, 32, false, vae},
    {"simclr", "two views of an image find each other", NULL, "simclr", "",
     "flip+resized_crop:least=0.15+brightness", 128, false, encoder_without_labels},
    {"mae", "hidden patches are restored", NULL, "mae", "muon", "flip+resized_crop", 64, false,
     mae},
    {"supervised", "the encoder of simclr, with labels", NULL, "classify", "", "flip+crop", 64,
     true, encoder},
    {"unet_labels", "the U-Net up to its middle, with labels", NULL, "", "", "flip+crop", 32, true,
     unet},
    {"random", "the U-Net with random weights", "random", "", "", NULL, 0, false, unet},
    {"pixels", "raw pixels", "pixels", "", "", NULL, 0, false, unet},
};
_Static_assert(sizeof rivals / sizeof *rivals == DUET_RIVALS, "DUET_RIVALS is their number");

/* The U-Net's middle block is read, on clean images, by an MLP that is trained with it. */
static duet_status label_unet(duet_train_options *o) {
    duet_model *model = NULL;
    int tap = 0;
    DUET_TRY(duet_model_describe(&model, o->arch));
    for (int i = 0; i < duet_model_tap_count(model); i++)
        if (strcmp(duet_model_tap(model, i)->name, "middle_block") == 0)
            tap = duet_model_tap(model, i)->block;
    duet_model_close(model);
    duet_format(o->task, sizeof o->task,
                "joint:setting=(t=0,tap=%d,pool=1),head=(mlp:hidden=128),share=0,smoothing=0", tap);
    return DUET_OK;
}

/* Does the architecture take images of this size? */
static duet_status check(const duet_train_options *o, int64_t size, int channels) {
    duet_model *model = NULL;
    char spec[2 * DUET_SPEC_SIZE];
    duet_format(spec, sizeof spec, "%s%cimage_size=%lld,in_channels=%d", o->arch,
                strchr(o->arch, ':') != NULL ? ',' : ':', (long long)size, channels);
    if (strstr(o->arch, "image_size") != NULL) return DUET_OK;
    const duet_status status = duet_model_describe(&model, spec);
    duet_model_close(model);
    return status;
}

const char *duet_rival_name(int index) {
    return index >= 0 && index < DUET_RIVALS ? rivals[index].name : NULL;
}

duet_status duet_rival_of(duet_rival *out, int index, int64_t size, int channels) {
    if (index < 0 || index >= DUET_RIVALS)
        return duet_fail(DUET_NOT_FOUND, "there are %d rows of a comparison", DUET_RIVALS);
    const rival *const r = &rivals[index];
    *out = (duet_rival){.name = r->name, .help = r->help, .reader = r->reader, .labels = r->labels};
    duet_train_options *const o = &out->train;
    duet_params_default(&duet_train_params, o);
    r->arch(o->arch, sizeof o->arch, size, channels);
    duet_copy_text(o->task, sizeof o->task, r->task);
    duet_copy_text(o->optim, sizeof o->optim, r->optim);
    duet_copy_text(o->augment, sizeof o->augment, r->augment != NULL ? r->augment : "");
    o->size = size;
    if (r->batch > 0) o->batch = r->batch;
    if (strcmp(r->name, "unet_labels") == 0) DUET_TRY(label_unet(o));
    const duet_status status = check(o, size, channels);
    if (status != DUET_OK) duet_error_frame("row '%s'", r->name);
    return status;
}
