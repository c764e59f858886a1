#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""UNet2DModels of diffusers as its published pipelines have them, with random weights written by save_pretrained, against duet:
output, every tap and, with --gradient, every gradient.

  tools/parity/diffusers_unet.py build/release/duet-bench WORK [--only NAME,...] [--gradient]
  tools/parity/diffusers_unet.py build/release/duet-bench WORK --random 50     small networks whose options are drawn
"""
import argparse
import os
import random
import shutil
import sys

import torch
from diffusers import UNet2DModel

import common

D, A, R = "DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"
UP = {D: "UpBlock2D", A: "AttnUpBlock2D", R: "ResnetUpsampleBlock2D"}
DDPM = dict(freq_shift=1, flip_sin_to_cos=False, attention_head_dim=None, norm_eps=1e-6, layers_per_block=2, downsample_padding=0)

# As in the config.json of the published models of that name.
CASES = {
    "ddpm-cifar10-32": dict(levels=(D, A, D, D), channels=(128, 256, 256, 256), sample_size=32, **DDPM),
    "ddpm-celebahq-256": dict(levels=(D, D, D, D, A, D), channels=(128, 128, 256, 256, 512, 512), sample_size=256, **DDPM),
    "consistency-imagenet64": dict(levels=(R, A, A, A), channels=(192, 384, 576, 768), sample_size=64, layers_per_block=3, attention_head_dim=64,
                                   num_class_embeds=1000, resnet_time_scale_shift="scale_shift", downsample_type="resnet", upsample_type="resnet", norm_eps=1e-5),
}


def draw(rng):
    """Options for a small network: every one that duet reads. Groups of norms have four channels or more: of fewer, or of few pixels,
    the variance decides over the digits, in PyTorch's f32 as in duet."""
    count = rng.randint(1, 4)
    groups, heads = rng.choice([4, 8]), rng.choice([None, 4, 8])
    return dict(sample_size=rng.choice([16, 24, 32]), in_channels=rng.choice([1, 3, 4]), out_channels=rng.choice([1, 3, 6]),
                center_input_sample=rng.random() < 0.3, freq_shift=rng.choice([0, 1]), flip_sin_to_cos=rng.random() < 0.5,
                down_block_types=[rng.choice(list(UP)) for _ in range(count)], up_block_types=[rng.choice(list(UP.values())) for _ in range(count)],
                block_out_channels=[32 * rng.randint(1, 3) for _ in range(count)], layers_per_block=rng.randint(1, 3), downsample_padding=rng.choice([0, 1]),
                downsample_type=rng.choice(["conv", "resnet"]), upsample_type=rng.choice(["conv", "resnet"]), attention_head_dim=heads,
                norm_num_groups=groups, attn_norm_num_groups=rng.choice([None, 4]), norm_eps=rng.choice([1e-5, 1e-6]),
                resnet_time_scale_shift=rng.choice(["default", "scale_shift"]), add_attention=rng.random() < 0.8,
                num_class_embeds=rng.choice([None, 7]), dropout=rng.choice([0.0, 0.1]))


def make(options):
    if "levels" not in options:
        return UNet2DModel(**options)
    options = dict(options)
    levels, channels = options.pop("levels"), options.pop("channels")
    return UNet2DModel(block_out_channels=channels, down_block_types=levels, up_block_types=[UP[level] for level in reversed(levels)], **options)


def forward(net, held):
    x = common.nchw(held["x"])
    y = torch.arange(len(x)) % net.config.num_class_embeds if net.config.num_class_embeds else None
    return net(x, held["net_t"], class_labels=y).sample


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("work")
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--gradient", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    good = True
    cases = {f"drawn-{k}": draw(random.Random(k)) for k in range(o.random)} or {name: CASES[name] for name in o.only.split(",")}
    for name, options in cases.items():
        common.settle()
        torch.manual_seed(1)
        net = common.fill(make(options))
        path = os.path.join(o.work, name)
        net.save_pretrained(path, safe_serialization=name[-1] != "7")
        common.lift()
        good &= common.compare(o.bench, o.work, name, net, None, forward, path, gradient=o.gradient)
        shutil.rmtree(path)
    sys.exit(not good)


if __name__ == "__main__":
    main()
