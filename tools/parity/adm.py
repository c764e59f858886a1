#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The networks of guided-diffusion, improved-diffusion and consistency_models with random weights, written by torch.save from the
authors' code, against duet: output, every tap, and with --gradient every gradient.

  tools/parity/adm.py build/release/duet-bench WORK --guided FOLDER --improved FOLDER --consistency FOLDER [--only NAME,...] [--full]

The folders are checkouts of the three repositories. Without --full the networks have 64 channels in the first level instead of the
published number; everything else is as published, so that what no tensor tells (sizes of images, heads) is assumed rightly or seen
here. consistency_models computes attention in half precision on GPUs; here the same formula in float64 stands in its place."""
import argparse
import os
import sys

import torch

import common


def guided(size, channels, **more):
    from guided_diffusion.script_util import create_model
    options = dict(learn_sigma=True, attention_resolutions="32,16,8", num_head_channels=64, use_scale_shift_norm=True, resblock_updown=True)
    options.update(more)
    blocks = options.pop("blocks", 2)
    return create_model(size, channels, blocks, **options)


def upsampler(large, small, channels, **more):
    from guided_diffusion.script_util import sr_create_model
    options = dict(num_channels=channels, num_res_blocks=2, learn_sigma=True, class_cond=True, use_checkpoint=False, attention_resolutions="32,16,8",
                   num_heads=4, num_head_channels=-1, num_heads_upsample=-1, use_scale_shift_norm=True, dropout=0.0, resblock_updown=True, use_fp16=False)
    options.update(more)
    return sr_create_model(large, small, **options)


def classifier(size, channels, depth=2, pool="attention"):
    from guided_diffusion.script_util import create_classifier
    return create_classifier(size, False, channels, depth, "32,16,8", True, True, pool)


def improved(size, channels):
    from improved_diffusion import script_util
    return script_util.create_model(size, channels, 3, learn_sigma=True, class_cond=False, use_checkpoint=False, attention_resolutions="16,8", num_heads=4,
                                    num_heads_upsample=-1, use_scale_shift_norm=True, dropout=0.0)


def consistency(size, channels, mult, blocks, classes, shift):
    from cm import unet
    from guided_diffusion.unet import QKVAttention
    unet.QKVFlashAttention = lambda channels, heads: QKVAttention(heads)
    return unet.UNetModel(image_size=size, in_channels=3, model_channels=channels, out_channels=3, num_res_blocks=blocks,
                          attention_resolutions=tuple(size // s for s in (32, 16, 8)), channel_mult=mult, num_classes=classes, num_head_channels=64,
                          use_scale_shift_norm=shift, resblock_updown=True)


# name: (channels as published, make)
CASES = {
    "iddpm-cifar10": (128, lambda c: improved(32, c)),
    "iddpm-imagenet64": (128, lambda c: improved(64, c)),
    "adm-64": (192, lambda c: guided(64, c, blocks=3, class_cond=True, use_new_attention_order=True)),
    "adm-128": (256, lambda c: guided(128, c, class_cond=True, num_heads=4, num_head_channels=-1)),
    "adm-256": (256, lambda c: guided(256, c, class_cond=True)),
    "adm-256-uncond": (256, lambda c: guided(256, c)),
    "adm-512": (256, lambda c: guided(512, c, class_cond=True)),
    "upsampler-64-256": (192, lambda c: upsampler(256, 64, c)),
    "upsampler-128-512": (192, lambda c: upsampler(512, 128, c, attention_resolutions="32,16", num_heads=1, num_head_channels=64)),
    "classifier-64": (128, lambda c: classifier(64, c, depth=4)),
    "classifier-128": (128, lambda c: classifier(128, c)),
    "classifier-256": (128, lambda c: classifier(256, c)),
    "classifier-512": (128, lambda c: classifier(512, c)),
    "classifier-64-adaptive": (128, lambda c: classifier(64, c, pool="adaptive")),
    "classifier-64-spatial": (128, lambda c: classifier(64, c, pool="spatial")),
    "classifier-64-spatial_v2": (128, lambda c: classifier(64, c, pool="spatial_v2")),
    "consistency-64": (192, lambda c: consistency(64, c, (1, 2, 3, 4), 3, 1000, True)),
    "consistency-bedroom256": (256, lambda c: consistency(256, c, (1, 1, 2, 2, 4, 4), 2, None, False)),
}


def taps(net):
    found = {f"input_blocks.{i}": block for i, block in enumerate(net.input_blocks)}
    found["middle_block"] = net.middle_block
    found.update({f"output_blocks.{i}": block for i, block in enumerate(getattr(net, "output_blocks", []))})
    return found


def forward(net, held):
    """duet takes the small picture enlarged, so the class below SuperResModel is called."""
    x = common.nchw(held["x"])
    more = {}
    if getattr(net, "num_classes", None) is not None:
        more["y"] = torch.arange(len(x)) % net.num_classes
    if "low_res" in held:
        from guided_diffusion.unet import UNetModel
        return UNetModel.forward(net, torch.cat([x, common.nchw(held["low_res"])], 1), held["net_t"], **more)
    return net(x, held["net_t"], **more)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("work")
    for name in ("guided", "improved", "consistency"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--gradient", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    o = parser.parse_args()
    sys.path[:0] = [o.guided, o.improved, o.consistency]
    torch.set_num_threads(o.threads)
    common.lift()
    good = True
    for name in o.only.split(","):
        channels, make = CASES[name]
        torch.manual_seed(1)
        net = common.fill(make(channels if o.full else 64))
        path = os.path.join(o.work, name + ".pt")
        common.save(net, path)
        good &= common.compare(o.bench, o.work, name, net, taps(net), forward, path, gradient=o.gradient)
        os.remove(path)
    sys.exit(not good)


if __name__ == "__main__":
    main()
