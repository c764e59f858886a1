#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""UNet2DModels of diffusers as its published pipelines have them, with random weights written by save_pretrained, against duet:
output, every tap and, with --gradient, every gradient.

  tools/parity/diffusers_unet.py build/release/duet-bench WORK [--only NAME,...] [--gradient]
"""
import argparse
import os
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


def make(options):
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
    parser.add_argument("--gradient", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    good = True
    for name in o.only.split(","):
        torch.manual_seed(1)
        net = common.fill(make(CASES[name]))
        path = os.path.join(o.work, name)
        net.save_pretrained(path)
        common.lift()
        good &= common.compare(o.bench, o.work, name, net, None, forward, path, gradient=o.gradient)
        shutil.rmtree(path)
    sys.exit(not good)


if __name__ == "__main__":
    main()
