#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_diffusers.py DUET FOLDER: small UNet2DModels of the usual kinds with random weights, written by diffusers itself as folders
(safetensors and .bin, new and old attention names, with and without a scheduler), opened and run by duet; compares the outputs.
Needs PyTorch, diffusers and safetensors. FOLDER is for working files.

  python3 tests/oracle/compare_diffusers.py build/release/duet-bench WORK
"""
import json
import os
import subprocess
import sys

import torch
from diffusers import DDPMScheduler, UNet2DModel
from safetensors.torch import load_file, save_file

LIMIT = 5e-6  # of a fast pass; Winograd rounds about ten times as coarsely as direct convolution
OLDER = ((".to_q.", ".query."), (".to_k.", ".key."), (".to_v.", ".value."), (".to_out.0.", ".proj_attn."))
D, A, R = ("DownBlock2D", "UpBlock2D"), ("AttnDownBlock2D", "AttnUpBlock2D"), ("ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D")

# Channels are narrower than those of the real networks; everything else is as in their files.
CASES = {
    "ddpm-cifar10-32": dict(levels=(D, A, D, D), channels=(32, 64, 64, 64), sample_size=32, downsample_padding=0, freq_shift=1, flip_sin_to_cos=False,
                            attention_head_dim=None, norm_eps=1e-6, layers_per_block=2),
    "ddpm-celebahq-256": dict(levels=(D, D, D, A, D), channels=(32, 32, 64, 64, 64), sample_size=64, downsample_padding=0, freq_shift=1, flip_sin_to_cos=False,
                              attention_head_dim=None, norm_eps=1e-6, layers_per_block=1),
    "defaults": dict(levels=(D, A, A), channels=(32, 64, 96), sample_size=32, attention_head_dim=8, layers_per_block=2),
    "class-conditional": dict(levels=(D, A), channels=(32, 64), sample_size=16, num_class_embeds=10, resnet_time_scale_shift="scale_shift", attention_head_dim=16),
    "consistency": dict(levels=(R, A, A), channels=(32, 64, 64), sample_size=32, resnet_time_scale_shift="scale_shift", attention_head_dim=64,
                        downsample_type="resnet", upsample_type="resnet", num_class_embeds=7),
    "no-attention": dict(levels=(D, D), channels=(32, 64), sample_size=16, add_attention=False, in_channels=1, out_channels=1, norm_num_groups=16),
}


def make(name, options):
    options = dict(options)
    levels, channels = options.pop("levels"), options.pop("channels")
    torch.manual_seed(len(name))
    net = UNet2DModel(block_out_channels=channels, down_block_types=[level[0] for level in levels], up_block_types=[level[1] for level in reversed(levels)],
                      **options).eval()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return net


def rename(folder):
    path = os.path.join(folder, "diffusion_pytorch_model.safetensors")
    state = load_file(path)
    for new, old in OLDER:
        state = {key.replace(new, old): value for key, value in state.items()}
    save_file(state, path)


def check(program, folder, net, label):
    """duet-bench writes an input of its own and what the network gives for it."""
    file = os.path.join(folder, "check.safetensors")
    subprocess.run([program, "check", f"model={folder}", f"out={file}"], check=True)
    held = load_file(file)
    x, have = (held[key].permute(0, 3, 1, 2) for key in ("x", "output"))
    y = torch.zeros(len(x), dtype=torch.long) if net.config.num_class_embeds else None
    with torch.no_grad():
        want = net(x, held["net_t"], class_labels=y).sample
    error = ((have - want).norm() / want.norm()).item()
    print(f"{label:45s} relative error {error:.1e}")
    return error < LIMIT


def main():
    program, work = sys.argv[1:3]
    good = True
    for name, options in CASES.items():
        net = make(name, options)
        for kind in ("safetensors", "bin", "older", "pipeline"):
            folder = os.path.join(work, f"{name}-{kind}")
            network = os.path.join(folder, "unet") if kind == "pipeline" else folder
            net.save_pretrained(network, safe_serialization=kind != "bin")
            if kind == "older":
                rename(network)
            if kind == "pipeline":
                DDPMScheduler(beta_schedule="linear").save_pretrained(os.path.join(folder, "scheduler"))
                with open(os.path.join(folder, "model_index.json"), "w", encoding="utf-8") as file:
                    json.dump({"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"], "scheduler": ["diffusers", "DDPMScheduler"]}, file)
            good &= check(program, folder, net, f"{name}, {kind}")
    sys.exit(not good)


if __name__ == "__main__":
    main()
