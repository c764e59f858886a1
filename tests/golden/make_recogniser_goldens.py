#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/<name>.pt, narrow networks of torchvision's and timm's own blocks with random weights, and recognisers.npz with their
taps for images of the pattern 37 i mod 251, read by tests/unit/model/test_recognisers.c. From the repository's root:

  python3 tests/golden/make_recogniser_goldens.py   (PyTorch, torchvision, timm, numpy; seconds)
"""
import os
import sys

import numpy as np
import torch
from timm.layers import SwiGLUPacked
from timm.models.vision_transformer import VisionTransformer as TimmViT
from timm.models.vision_transformer import checkpoint_filter_fn
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.models.vision_transformer import VisionTransformer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "parity"))
import resnet as resnet_parity  # noqa: E402
import vit as vit_parity  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALVES = (0.5,) * 3, (0.5,) * 3


class ResNet(nn.Module):
    def __init__(self, block, base=4, blocks=(1, 2, 1), classes=5):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, base, 7, 2, 3, bias=False), nn.BatchNorm2d(base)
        self.relu, self.maxpool = nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        width = base
        for stage, count in enumerate(blocks):
            layers = []
            for i in range(count):
                planes, stride = base << stage, 2 if stage and not i else 1
                side = None
                if stride > 1 or width != planes * block.expansion:
                    side = nn.Sequential(nn.Conv2d(width, planes * block.expansion, 1, stride, bias=False), nn.BatchNorm2d(planes * block.expansion))
                layers.append(block(width, planes, stride, side))
                width = planes * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.layer4 = nn.Sequential()
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def pixels(size, colours):
    """[1,3,S,S] as the network gets it."""
    v = torch.tensor([37 * i % 251 for i in range(size * size * 3)], dtype=torch.float64).reshape(1, size, size, 3) / 255
    mean, std = (torch.tensor(c, dtype=torch.float64) for c in colours)
    return ((v - mean) / std).permute(0, 3, 1, 2).float()


def quarters(t):
    return nn.functional.adaptive_avg_pool2d(t.permute(0, 3, 1, 2), min(2, t.shape[1])).permute(0, 2, 3, 1).numpy()


def resnet(block):
    net = ResNet(block).eval()
    resnet_parity.randomize(net)
    return net, resnet_parity.taps(net, pixels(224, IMAGENET))


def vit(kind):
    if kind == "timm":
        net = TimmViT(img_size=24, patch_size=8, embed_dim=32, depth=2, num_heads=1, mlp_ratio=2, num_classes=5).eval()
        blocks, norm = net.blocks, net.norm
    else:
        net = VisionTransformer(24, 8, 2, 1, 32, 64, num_classes=5).eval()
        blocks, norm = net.encoder.layers, net.encoder.ln
    vit_parity.randomize(net)
    return net, vit_parity.taps(net, pixels(24, HALVES if kind == "timm" else IMAGENET), blocks, norm, True)


def dinov2():
    """The names of facebookresearch's files with registers, positions of 37 x 37 patches, read at 224 pixels; the MLP is gated."""
    def make(size):
        return TimmViT(img_size=size, patch_size=14, embed_dim=8, depth=2, num_heads=1, mlp_ratio=4, num_classes=0, init_values=1.0, reg_tokens=2,
                       no_embed_class=True, mlp_layer=SwiGLUPacked, act_layer=nn.SiLU).eval()
    whole, net = make(518), make(224)
    vit_parity.randomize(whole)
    state = {"mask_token": torch.zeros(1, 8)}
    for name, value in whole.state_dict().items():
        if name == "pos_embed":
            value = torch.cat([torch.full_like(value[:, :1], 0.25), value], 1)
        if name == "cls_token":
            value = value - 0.25
        for ours, theirs in (("reg_token", "register_tokens"), ("mlp.fc1", "mlp.w12"), ("mlp.fc2", "mlp.w3")):
            name = name.replace(ours, theirs)
        state[name] = value.half()
    net.load_state_dict(checkpoint_filter_fn({name: value.float() for name, value in state.items()}, net))
    found, x = {}, pixels(224, IMAGENET)
    for k, module in enumerate((*net.blocks, net.norm)):
        module.register_forward_hook(lambda _m, _i, out, k=k: found.__setitem__(k, out))
    with torch.no_grad():
        net(x)
    taps = [found[k][:, 3:].reshape(1, 16, 16, 8) for k in range(2)] + [found[2][:, :1, None]]
    return state, taps


def main():
    held = {}
    for seed, (name, make) in enumerate({"resnet_basic": lambda: resnet(BasicBlock), "resnet_bottleneck": lambda: resnet(Bottleneck),
                                         "vit_timm": lambda: vit("timm"), "vit_torchvision": lambda: vit("torchvision")}.items()):
        torch.manual_seed(seed)
        net, taps = make()
        torch.save(net.state_dict(), os.path.join(HERE, name + ".pt"))
        for i, t in enumerate(taps): # the means of a map's quarters: small files
            held[f"{name}.{i + 1}"] = quarters(t)
    torch.manual_seed(4)
    state, taps = dinov2()
    torch.save(state, os.path.join(HERE, "vit_dinov2.pt"))
    for i, t in enumerate(taps):
        held[f"vit_dinov2.{i + 1}"] = quarters(t)
    np.savez_compressed(os.path.join(HERE, "recognisers.npz"), **held)


if __name__ == "__main__":
    main()
