#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vit.py DUET-BENCH FOLDER: vision transformers of timm and torchvision with random weights, saved by torch.save, opened and run by duet;
compares the class token, the logits and the patches behind every block. Needs PyTorch, torchvision, timm and safetensors. FOLDER is
for working files; ViT-L takes 1.3 GB there.

  python3 tools/parity/vit.py build/release/duet-bench WORK
"""
import os
import subprocess
import sys

import timm
import torch
import torchvision
from safetensors.torch import load_file

LIMIT = 1e-5


def randomize(net):
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.add_(torch.randn_like(p) * (0.02 if p.dim() > 1 else 0.1))


def maps(tokens):
    side = int((tokens.shape[1] - 1) ** 0.5)
    return tokens[:, 1:].reshape(len(tokens), side, side, -1)


def taps(net, x, blocks, norm, logits):
    """In duet's order: patches behind each block, class token behind the last norm, logits."""
    found = {}
    hooks = [m.register_forward_hook(lambda _m, _i, out, k=k: found.__setitem__(k, out)) for k, m in enumerate([*blocks, norm])]
    with torch.no_grad():
        out = net(x)
    for hook in hooks:
        hook.remove()
    held = [maps(found[k]) for k in range(len(blocks))]
    if not isinstance(norm, torch.nn.Identity):
        held.append(found[len(blocks)][:, :1, None])
    else: # fc_norm: the class token is read as it is
        held.append(found[len(blocks) - 1][:, :1, None])
    return held + ([out[:, None, None]] if logits else [])


def check(program, work, name, make):
    torch.manual_seed(len(name))
    net, blocks, norm, logits, state = make()
    path, file = os.path.join(work, name + ".pth"), os.path.join(work, name + ".check")
    torch.save(state, path)
    subprocess.run([program, "check", f"model={path}", f"out={file}", "exact=true"], check=True, stdout=subprocess.DEVNULL)
    held = load_file(file)
    want = taps(net, held["read.x"].permute(0, 3, 1, 2), blocks, norm, logits)
    errors = [((held[f"read.{i + 1}"].reshape(t.shape) - t).norm() / t.norm()).item() for i, t in enumerate(want)]
    os.remove(path)
    print(f"{name:24s} {len(errors):3d} taps, worst relative rms {max(errors):.1e}, last {errors[-1]:.1e}", flush=True)
    return max(errors) < LIMIT


def of_timm(name, wrap=lambda state: state, **options):
    def make():
        net = timm.create_model(name, pretrained=False, **options).eval()
        randomize(net)
        return net, net.blocks, net.norm, options.get("num_classes", 1000) > 0, wrap(net.state_dict())
    return make


def of_torchvision(name):
    def make():
        net = getattr(torchvision.models, name)().eval()
        randomize(net)
        return net, net.encoder.layers, net.encoder.ln, True, net.state_dict()
    return make


def as_mae(state):
    return {"model": {**state, "mask_token": torch.zeros(1, 1, 512), "decoder_pos_embed": torch.zeros(1, 197, 512)}}


def as_dino(state):
    return {side: {"module.backbone." + k: v * scale for k, v in state.items()} for side, scale in (("student", 0.5), ("teacher", 1.0))}


CASES = {
    "timm-tiny": of_timm("vit_tiny_patch16_224"), "timm-small": of_timm("vit_small_patch16_224"), "timm-base": of_timm("vit_base_patch16_224"),
    "timm-base-fc_norm": of_timm("vit_base_patch16_224", global_pool="avg", class_token=True, fc_norm=True),
    "mae-base": of_timm("vit_base_patch16_224", as_mae, num_classes=0), "dino-small-8": of_timm("vit_small_patch8_224", as_dino, num_classes=0),
    "torchvision-b-16": of_torchvision("vit_b_16"), "timm-large": of_timm("vit_large_patch16_224"),
}

if __name__ == "__main__":
    sys.exit(not all([check(sys.argv[1], sys.argv[2], name, make) for name, make in CASES.items() if not sys.argv[3:] or name in sys.argv[3:]]))
