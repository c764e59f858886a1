#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares adm_unet.py with openai/guided-diffusion itself, in float64, over many option sets:
    compare_guided_diffusion.py <folder of a guided-diffusion checkout>
Outputs and gradients must agree to 1e-12 of the tensor's RMS. guided-diffusion fixes 32 groups and casts to float32 in
places; both are lifted from outside."""
import itertools
import sys

import torch

from adm_unet import Config, Unet, Weights

LIMIT = 1e-12


def lift(folder):
    """Its module `unet` with every cast to float32 made one to float64."""
    sys.path.insert(0, folder)
    from guided_diffusion import nn, unet
    torch.float32 = torch.float64
    torch.Tensor.float = torch.Tensor.double
    return nn, unet


def theirs(modules, c, weights):
    nn, unet = modules
    unet.normalization = lambda channels: nn.GroupNorm32(c.norm_groups, channels)
    model = unet.UNetModel(
        image_size=c.image_size, in_channels=c.in_channels, model_channels=c.num_channels, out_channels=c.out_channels,
        num_res_blocks=c.num_res_blocks, attention_resolutions=tuple(c.image_size // s for s in c.attention_resolutions),
        channel_mult=c.channel_mult, num_classes=c.num_classes if c.class_cond else None, num_heads=c.num_heads,
        num_head_channels=c.num_head_channels, use_scale_shift_norm=c.use_scale_shift_norm, resblock_updown=c.resblock_updown,
        use_new_attention_order=c.use_new_attention_order).double()
    model.load_state_dict({name: w.detach() for name, w in weights.tensors.items()}, strict=True)
    return model


def error(have, want):
    return float(((have - want).abs().max() / want.square().mean().sqrt()).detach())


def compare(modules, c):
    random = torch.Generator().manual_seed(1)
    x = torch.randn(2, c.in_channels, c.image_size, c.image_size, generator=random, dtype=torch.float64)
    t = torch.tensor([37, 912])
    y = torch.tensor([3, 0]) if c.class_cond else None
    weights = Weights(seed=2)
    ours = Unet(c, weights).forward(x, t, y)
    ours.square().mean().backward()
    model = theirs(modules, c, weights)
    out = model(x, t, y)
    out.square().mean().backward()
    typical = sorted(float(p.grad.square().mean().sqrt()) for p in model.parameters())[len(weights.tensors) // 2]
    worst = error(ours, out)
    for name, p in model.named_parameters():
        scale = max(float(p.grad.square().mean().sqrt()), 1e-3 * typical)
        worst = max(worst, float((weights.tensors[name].grad - p.grad).abs().max()) / scale)
    return worst


def main():
    modules = lift(sys.argv[1])
    worst = 0.0
    count = 0
    for new, shift, updown, sigma, classes, per_head in itertools.product((False, True), repeat=6):
        for extra in ({}, {"channel_mult": (1, 2, 2), "num_res_blocks": 2, "attention_resolutions": (8,)}):
            c = Config(use_new_attention_order=new, use_scale_shift_norm=shift, resblock_updown=updown, learn_sigma=sigma,
                       class_cond=classes, num_head_channels=4 if per_head else -1, **extra)
            here = compare(modules, c)
            count += 1
            worst = max(worst, here)
            if not here <= LIMIT:
                sys.exit(f"{c.spec()}: they differ by {here:.2e}, more than {LIMIT:g}")
    print(f"{count} option sets, the worst difference is {worst:.2e}")


if __name__ == "__main__":
    main()
