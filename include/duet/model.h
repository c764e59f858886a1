/* SPDX-License-Identifier: MIT
 * duet/model.h: a model is an architecture with its configuration, weights and a card. The card is
 * what the file says about itself, so that it cannot be run with wrong flags: architecture, noise,
 * prediction, preprocessing, class names, recommended settings, training. It travels in the
 * safetensors metadata under the key "duet.card" (JSON). */
#ifndef DUET_MODEL_H
#define DUET_MODEL_H

#include <duet/preprocess.h>
#include <duet/registry.h>
#include <duet/setting.h>
#include <duet/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

extern const duet_family duet_family_arch; /* all architectures */

typedef struct duet_recommendation {
    duet_settings settings; /* none = nothing is recommended */
    double top1;     /* validation accuracy in percent where they were chosen; NaN without labels */
    double strength; /* of the head there */
    char head[DUET_TEXT_SIZE]; /* spec; "" = linear */
    char data[DUET_TEXT_SIZE];
} duet_recommendation;

typedef struct duet_card {
    char arch[DUET_TEXT_SIZE];    /* "adm_unet" */
    char noise[DUET_TEXT_SIZE];   /* spec, "linear:steps=1000,beta_start=0.0001,beta_end=0.02" */
    char predict[DUET_TEXT_SIZE]; /* spec, "eps" */
    duet_preprocess preprocess;
    char name[DUET_TEXT_SIZE];
    char data[DUET_TEXT_SIZE]; /* what it was trained on */
    char licence[DUET_TEXT_SIZE];
    /* of a file of another program: which program made it, and how; "" = unknown */
    char origin[DUET_TEXT_SIZE];
    /* numbers and texts stored beside its tensors: "epoch 30; best_prec1 91.78" */
    char says[DUET_TEXT_SIZE];
    /* what a file of another program does not say and was assumed: "image_size (64), noise"; "" =
     * nothing */
    char assumed[1024];
    /* share of the training images whose class was withheld: the network's last class is none; 0 =
     * all its classes are classes */
    double drop;
    char sampler[DUET_TEXT_SIZE]; /* spec, by which it draws unless told otherwise; "" = any */
    bool ema;                     /* the weights are an exponential moving average over training */
    int64_t images, steps;        /* images seen in training */
    double seconds;               /* of training */
    int class_count;              /* names of the data set's classes; not labels used in training */
    char **class_names;           /* owned by the model */
    duet_recommendation recommended;
} duet_card;

typedef struct duet_tap_row {
    int block;        /* b = 1..n as in the literature */
    const char *name; /* "input_blocks.4" */
    int64_t channels, height, width;
    int64_t parameters; /* parameters of everything up to here */
    double macs;        /* multiply-adds of one image up to here */
} duet_tap_row;

typedef struct duet_model duet_model; /* network, weights, card */

/* A new, initialised model: spec of the family `arch`
 * ("adm_unet:image_size=28,num_channels=32,channel_mult=1/2/2"). The arch of the card is set; the
 * caller fills in the rest. */
DUET_NODISCARD duet_status duet_model_new(duet_context *ctx, duet_model **out,
                                          const char *arch_spec, uint64_t seed);
/* path: a model file, or a run folder (its newest model). The message says what a file that is not
 * a model is, and which file to load. */
DUET_NODISCARD duet_status duet_model_open(duet_context *ctx, duet_model **out, const char *path);
/* The same for a file of another program, with flags as in guided-diffusion's scripts, for what its
 * tensors do not show ("--num_heads 4 --noise_schedule cosine"; NULL = none). */
DUET_NODISCARD duet_status duet_model_open_as(duet_context *ctx, duet_model **out, const char *path,
                                              const char *flags);
bool duet_model_flag(const char *name); /* whether it is such a flag ("num_heads") */
void duet_model_close(duet_model *model);
/* The same network and card with new random weights, every layer non-zero: the baseline
 * `random`. */
DUET_NODISCARD duet_status duet_model_random(duet_context *ctx, duet_model **out,
                                             const duet_model *model, uint64_t seed);
/* Writes the weights as `dtype` (F32, F16 or BF16; with BF16, tensors of rank 1 stay f32) and the
 * card. The file is replaced atomically. A path that ends in .pt or .npz gets PyTorch's or numpy's
 * format, with the names that the architecture's authors use, and the card where those programs
 * ignore it (a further file of the archive; its comment). */
DUET_NODISCARD duet_status duet_model_save(const duet_model *model, const char *path,
                                           duet_dtype dtype);
/* The same network expressed in another architecture: "diffusers_unet" (names, shapes and options
 * of UNet2DModel) for one of "adm_unet" (guided-diffusion), and back. DUET_UNSUPPORTED names the
 * option that has no counterpart there. */
DUET_NODISCARD duet_status duet_model_as(duet_context *ctx, duet_model **out,
                                         const duet_model *model, const char *arch);
/* A folder as diffusers writes pipelines: model_index.json, unet/ (config.json and safetensors,
 * which has the card too) and scheduler/. For models of the architecture diffusers_unet whose noise
 * is linear or cosine. The folder must be new or empty. */
DUET_NODISCARD duet_status duet_model_save_folder(const duet_model *model, const char *folder,
                                                  duet_dtype dtype);
/* Replaces the card in a model file; the bytes of the weights are unchanged. Atomic. */
DUET_NODISCARD duet_status duet_model_update_card(const char *path, const duet_card *card);

duet_card *duet_model_card(duet_model *model); /* borrowed; change it, then save */
DUET_NODISCARD duet_status duet_card_set_classes(duet_model *model, const char *const *names,
                                                 int count);
/* the file or folder it was opened from; "" for a new model */
const char *duet_model_path(const duet_model *model);
/* the file of its weights, also where path is a folder */
const char *duet_model_file(const duet_model *model);
uint64_t duet_model_hash(const duet_model *model); /* of configuration and weights */
int64_t duet_model_parameters(const duet_model *model);
/* type of most weights in its file; f32 for a new model */
duet_dtype duet_model_stored(const duet_model *model);
/* classes that images can be asked for; 0 = it is not conditional */
int64_t duet_model_conditions(const duet_model *model);
/* why it cannot generate images ("it is a classifier of …"); NULL where it can */
const char *duet_model_refusal(const duet_model *model);
/* draws its images from a prior, without a sampler: its spec, "prior"; NULL = it does not */
const char *duet_model_prior(const duet_model *model);
/* what it draws by unless told otherwise: "prior", or what its card says; NULL = any sampler */
const char *duet_model_sampler(const duet_model *model);
/* takes no noise: its features are read at t = -1 */
bool duet_model_recogniser(const duet_model *model);
/* classes of its own classifier, whose logits are the last tap; 0 = none */
int64_t duet_model_logits(const duet_model *model);
/* The setting of what a recogniser calls its features, which metrics of images compare: the mean
 * over the map of the tap before the logits, of the last one where there are none. False: the model
 * takes noise, and has a recommendation at most. */
bool duet_model_feature_setting(const duet_model *model, duet_setting *out);
/* The setting of the features that keep the place in the image, as sFID compares them; false: the
 * architecture has none by convention (Inception has). */
bool duet_model_spatial_setting(const duet_model *model, duet_setting *out);
/* its file is of another program and has no card that could be changed */
bool duet_model_foreign(const duet_model *model);
/* Side of the small images that it enlarges (duet/edit.h); 0 = it is none of this kind. */
int64_t duet_model_low_res(const duet_model *model);
double duet_model_macs(const duet_model *model); /* of one image, whole pass */
int duet_model_tap_count(const duet_model *model);
const duet_tap_row *duet_model_tap(const duet_model *model,
                                   int index); /* 0..count-1, in order of b */
/* The configuration as spec text. */
const char *duet_model_config(const duet_model *model);

/* A run for the results of `command` on the file of a model: PARENT/NNNNN-<command>-<file> with a
 * run.json that says so. The path goes to out. */
DUET_NODISCARD duet_status duet_run_new_of(char out[4096], const char *parent, const char *command,
                                           const duet_model *model, const char *file);

/* Kernels, time and bytes of one forward pass (info --plan): calls row() for each node that runs.
 * Times are medians of a few passes after a first one, which packs the weights. */
typedef struct duet_model_plan_row {
    const char *op, *scope, *kernel, *impl;
    double flops, seconds;
    int64_t bytes;
    bool fallback; /* slow reference code */
    bool tuned;    /* the kernel was chosen by measurement */
} duet_model_plan_row;
typedef struct duet_model_plan_memory { /* bytes of a session, besides the weights */
    int64_t total, activations, scratch,
        packed; /* packed: weights in the layout of the kernels, kept between runs */
} duet_model_plan_memory;
DUET_NODISCARD duet_status duet_model_plan(duet_context *ctx, duet_model *model, int64_t batch,
                                           int tap,
                                           void (*row)(const duet_model_plan_row *row, void *user),
                                           void *user, duet_model_plan_memory *memory);

#ifdef __cplusplus
}
#endif
#endif
