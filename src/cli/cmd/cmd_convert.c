/* SPDX-License-Identifier: MIT
 * cli/cmd/cmd_convert.c: duet convert MODEL --out FILE|FOLDER: converts between the files of
 * guided-diffusion, diffusers and duet. */
#include <string.h>

#include <duet/model.h>
#include <duet/train.h>

#include "cli/cli.h"

typedef struct convert_options {
    char out[CLI_PATH], arch[DUET_TEXT_SIZE], dtype[DUET_TEXT_SIZE];
    double ema_length;
} convert_options;

static const duet_param params[] = {
    DUET_TEXT(convert_options, out, "", NULL,
              "what to write: a folder (diffusers), .safetensors (duet's, with the card), .pt "
              "(PyTorch) or .npz (numpy)"),
    DUET_TEXT(convert_options, arch, "", "|adm_unet|diffusers_unet",
              "in whose terms: guided-diffusion's or diffusers'; empty = a folder diffusers', a "
              "file the model's own"),
    DUET_TEXT(convert_options, dtype, "f32", "f32|f16|bf16", "type of the stored weights"),
    DUET_FLOAT(
        convert_options, ema_length, "0", 0, 0.288,
        "of a run trained with --ema power:…: weights averaged over this length (std, in parts "
        "of the run); 0 = as they are"),
};

static bool is_file(const char *path) {
    const char *const slash = strrchr(path, '/');
    return strchr(slash != NULL ? slash + 1 : path, '.') != NULL &&
           (slash == NULL || slash[1] != '\0');
}

static duet_status write_out(const duet_model *model, const convert_options *o) {
    const duet_dtype dtype = strcmp(o->dtype, "f16") == 0    ? DUET_F16
                             : strcmp(o->dtype, "bf16") == 0 ? DUET_BF16
                                                             : DUET_F32;
    return is_file(o->out) ? duet_model_save(model, o->out, dtype)
                           : duet_model_save_folder(model, o->out, dtype);
}

/* The model, or the one of another average, made of a run's snapshots. */
static duet_status open_model(cli_state *cli, duet_model **out, double length, double *error) {
    if (!(length > 0.0)) return cli_model_open(cli, out, cli->args[0]);
    const duet_status status = duet_train_average(cli->ctx, out, cli->args[0], length, error);
    if (status != DUET_OK) return status;
    cli_say(cli, "average of length %g; %.2g %% of its profile cannot be made of the snapshots\n",
            length, 100.0 * *error);
    return DUET_OK;
}

static duet_status run(cli_state *cli) {
    const convert_options *o = cli->options;
    double error = 0.0;
    duet_model *model = NULL, *twin = NULL;
    if (!o->out[0])
        return cli_wrong("no output; give --out FOLDER (diffusers) or FILE.safetensors, .pt, .npz");
    const char *const arch = o->arch[0] ? o->arch : is_file(o->out) ? "" : "diffusers_unet";
    duet_status status = cli_check_out(o->out, ".safetensors .pt .npz /");
    if (status == DUET_OK && !is_file(o->out) && strcmp(arch, "diffusers_unet") != 0)
        status =
            cli_wrong("a folder is diffusers'; for guided-diffusion's names give --out FILE.pt");
    if (status == DUET_OK) status = open_model(cli, &model, o->ema_length, &error);
    const bool same =
        status == DUET_OK && (!arch[0] || strcmp(arch, duet_model_card(model)->arch) == 0);
    if (status == DUET_OK && !same) status = duet_model_as(cli->ctx, &twin, model, arch);
    if (status == DUET_OK) status = write_out(same ? model : twin, o);
    if (status == DUET_OK) {
        const char *const written = duet_model_card(same ? model : twin)->arch;
        cli_say(cli, "model: %s (%s, %s)\n", o->out, written, o->dtype);
        json_t *said = json_pack("{s:o,s:s,s:s}", "model", cli_name(o->out), "arch", written,
                                 "dtype", o->dtype);
        if (o->ema_length > 0.0) {
            json_object_set_new(said, "ema_length", json_real(o->ema_length));
            json_object_set_new(said, "ema_error", json_real(error));
        }
        cli_json(cli, said);
    }
    duet_model_close(twin);
    duet_model_close(model);
    return status;
}

const cli_cmd duet_cmd_convert = {
    .info = {.name = "convert",
             .help = "between files of guided-diffusion, diffusers and duet",
             .params = DUET_TABLE(params, convert_options)},
    .usage = "MODEL --out FOLDER|FILE [options]",
    .details = "Of a file with several sets of weights the averaged one is taken; --weights NAME "
               "chooses another.\n"
               "  duet convert ema_0.9999_500000.pt --out unet/                           to "
               "diffusers: DDPMPipeline.from_pretrained\n"
               "  duet convert unet/ --arch adm_unet --out model.pt                       to "
               "guided-diffusion: load_state_dict\n"
               "  duet convert unet/ --out model.safetensors --dtype bf16                 one "
               "file, with a card\n"
               "  duet convert RUN --ema-length 0.05 --out short.safetensors              weights "
               "averaged over less of the run",

    .min_args = 1,
    .max_args = 1,
    .missing = "no model; give a file, a run folder or a folder of diffusers",
    .opens = true,
    .run = run,
};
