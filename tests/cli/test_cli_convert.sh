#!/bin/sh
# duet convert: a run as a folder of diffusers and back has the same bits and draws the same picture; what has no counterpart is refused by
# the name of its option; of several sets of weights one is chosen.
. "$2/tests/cli/common.sh"

tiny_run run
ok convert run --out own.safetensors
ok convert run --out folder
says diffusers_unet f32
for file in model_index.json unet/config.json unet/diffusion_pytorch_model.safetensors scheduler/scheduler_config.json; do
    [ -f "folder/$file" ] || fail "folder/$file is missing"
done
grep -q '"AttnDownBlock2D"' folder/unet/config.json || fail "the level with attention is not named"
ok info folder
says diffusers_unet 'predict     eps'
ok convert folder --arch adm_unet --out back.safetensors --json
object model arch dtype
for model in own folder back; do
    [ -e "$model" ] || model=$model.safetensors
    ok sample "$model" --sampler ddim:steps=3 --count 2 --seed 5 --out "$(basename "$model" .safetensors).npz"
done
cmp -s own.npz folder.npz || fail "the folder draws other images"
cmp -s own.npz back.npz || fail "back from the folder it draws other images"
ok convert run --out run.pt
ok convert folder --arch adm_unet --out again.pt
for model in run.pt again.pt; do
    ok sample $model --sampler ddim:steps=3 --count 2 --seed 5 --out $model.npz
    cmp -s own.npz $model.npz || fail "$model draws other images"
done
for dtype in f16 bf16; do
    ok convert run --out "$dtype" --dtype $dtype
    ok info "$dtype"
    says "stored as   $dtype"
done
# an average of another length, of snapshots
ok train --data "$data" --arch "$arch" --steps 9 --batch 8 --threads 1 --ema 0.9+power:std=0.05+power:std=0.1 --out lengths
ok convert lengths --ema-length 0.07 --out length.safetensors --json
object model arch dtype ema_length ema_error
ok info length.safetensors
says 'EMA weights'
cmp -s length.safetensors "$(ls lengths/model-*)" && fail 'an average of another length is the model'
wrong 1 'holds no power averages' convert run --ema-length 0.07 --out none.safetensors
wrong 1 'is no run folder' convert length.safetensors --ema-length 0.07 --out none.safetensors
wrong 1 "'std'" train --data "$data" --arch "$arch" --steps 1 --ema power:std=1 --out wrong
wrong 2 'give --out' convert run
wrong 2 "a folder is diffusers'" convert run --arch adm_unet --out other
wrong 1 'not empty' convert run --out folder
wrong 1 'cannot be written in the terms of diffusers_unet' convert "$source/tests/golden/resnet_basic.pt" --out other
wrong 1 'freq_shift=1' convert "$source/tests/golden/unet_ddpm" --arch adm_unet --out other.pt
ok export run --licence 'CC-BY-4.0' --out licensed.safetensors
ok info licensed.safetensors
says 'licence     CC-BY-4.0'
# schedulers of diffusers: what the noise is, and which are not run
cp -r "$source/tests/golden/unet_ddpm" theirs && chmod -R u+w theirs
scheduler() { printf '{"_class_name": "%s"%s}' "$1" "$2" >theirs/scheduler_config.json; }
scheduler PNDMScheduler ', "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "prediction_type": "v_prediction"'
ok info theirs
says 'noise       scaled_linear:steps=1000,beta_start=0.00085,beta_end=0.012' 'predict     v'
ok convert theirs --out scaled
grep -q '"scaled_linear"' scaled/scheduler/scheduler_config.json || fail "scaled_linear is not written"
scheduler CMStochasticIterativeScheduler ', "sigma_max": 40'
ok info theirs
says 'karras:steps=1000,low=0.002,high=40' 'edm:data=0.5,low=0.002'
ok sample theirs --sampler consistency:steps=2 --count 1 --out leap.png
ok convert theirs --out leaps
grep -q ConsistencyModelPipeline leaps/model_index.json || fail "the pipeline of consistency models is not named"
grep -q '"sigma_max": 40' leaps/scheduler/scheduler_config.json || fail "sigma_max is not written"
scheduler EDMEulerScheduler ', "sigma_min": 0.01, "prediction_type": "v_prediction"'
ok info theirs
says 'edm:steps=1000,low=0.01,high=80,rho=7,data=0.5,time=0.25' 'predict     edm:data=0.5,negative=true'
ok sample theirs --sampler dpmpp_2m:steps=3,spacing=karras --count 1 --out edm.png
ok convert theirs --out edm
grep -q '"EDMEulerScheduler"' edm/model_index.json || fail "EDM's scheduler is not named"
grep -q '"prediction_type": "v_prediction"' edm/scheduler/scheduler_config.json || fail "the sign is not written"
scheduler FlowMatchEulerDiscreteScheduler ', "shift": 3'
ok info theirs
says 'flow:steps=1000,shift=3,time=1000' 'predict     flow'
ok sample theirs --sampler euler:steps=3,spacing=trailing --count 1 --out flow.png
ok convert theirs --out flow
grep -q '"shift": 3' flow/scheduler/scheduler_config.json || fail "the shift is not written"
scheduler UniPCMultistepScheduler ', "use_flow_sigmas": true, "flow_shift": 2, "prediction_type": "flow_prediction"'
ok info theirs
says 'flow:steps=1000,shift=2,time=1000' 'predict     flow'
scheduler DDIMScheduler ', "beta_schedule": "linear", "rescale_betas_zero_snr": true, "prediction_type": "v_prediction"'
ok info theirs
says 'linear:steps=1000,beta_start=0.0001,beta_end=0.02,zero_snr=true'
ok sample theirs --sampler ddim:steps=3,spacing=trailing --count 1 --out zero.png
ok convert theirs --out zero
grep -q '"rescale_betas_zero_snr": true' zero/scheduler/scheduler_config.json || fail "zero_snr is not written"
scheduler LCMScheduler ''
ok info theirs
says 'scaled_linear:steps=1000,beta_start=0.00085,beta_end=0.012'
scheduler DDPMScheduler ', "trained_betas": [0.01, 0.02, 0.03, 0.04]'
ok info theirs
says 'linear:steps=4,beta_start=4e-05,beta_end=0.00016'
scheduler DDPMScheduler ', "trained_betas": [0.01, 0.02, 0.03, 0.05]'
wrong 1 'trained_betas are 4 numbers' info theirs
scheduler ScoreSdeVeScheduler ''
wrong 1 "the noise of 'ScoreSdeVeScheduler'" info theirs
scheduler DDPMScheduler ', "beta_schedule": "sigmoid"'
ok info theirs
says 'sigmoid:steps=1000,beta_start=0.0001,beta_end=0.02'
scheduler DDIMScheduler ', "beta_schedule": "laplace"'
wrong 1 "beta_schedule 'laplace'" info theirs
[ ! -e other ] && [ ! -e other.pt ] || fail "a refused conversion left something behind"
finish
