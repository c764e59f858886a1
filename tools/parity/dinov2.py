#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""dinov2.py DUET FOLDER: transformers of DINOv2 as timm builds them, with random weights, saved under timm's, facebookresearch's and
transformers' names and read by `duet features` at 224 and 518 pixels: the class token behind the norm and the patches behind the last block against
PyTorch. Positions of 518 pixels are resampled for 224 by timm's code, or by the formula of facebookresearch's interpolate_pos_encoding.
Needs PyTorch, timm, Pillow and numpy.

  python3 tools/parity/dinov2.py build/release/duet WORK
"""
import os
import re
import subprocess
import sys

import numpy as np
import timm
import torch
from timm.models.vision_transformer import checkpoint_filter_fn

LIMIT, COUNT = 1e-4, 2
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def make(name, size, **options):
    return timm.create_model(name, pretrained=False, img_size=size, num_classes=0, **options).eval()


def randomize(net):
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(torch.randn_like(p) * (0.5 if name.endswith("gamma") else 0.05 if p.dim() > 1 else 0.1))
            if "norm" in name and name.endswith("weight"):
                p.add_(1)


def authors(state):
    """facebookresearch's names; positions of registers' files begin with the class token's, which timm has added to the token."""
    out = {"mask_token": torch.zeros(1, state["cls_token"].shape[2])}
    for name, value in state.items():
        if name == "reg_token":
            name = "register_tokens"
        if name == "pos_embed" and "reg_token" in state:
            value = torch.cat([torch.full_like(value[:, :1], 0.25), value], 1)
        if name == "cls_token" and "reg_token" in state:
            value = value - 0.25
        if state["blocks.0.mlp.fc1.weight"].shape[0] != state["blocks.0.mlp.fc2.weight"].shape[1]:
            name = name.replace("mlp.fc1", "mlp.w12").replace("mlp.fc2", "mlp.w3")
        out[name] = value
    return out


def training(state):
    """A checkpoint of their training: chunks of blocks, heads beside the backbone."""
    out = {}
    for name, value in authors(state).items():
        block = re.match(r"blocks\.(\d+)\.", name)
        out["backbone." + (f"blocks.{int(block[1]) // 3}.{name[7:]}" if block else name)] = value
    return {"teacher": {**out, "dino_head.mlp.0.weight": torch.zeros(8, 8)}, "iteration": 5}


def transformers(state):
    out = {}
    for name, value in authors(state).items():
        name = re.sub(r"^blocks\.", "encoder.layer.", name)
        for ours, theirs in (("cls_token", "embeddings.cls_token"), ("mask_token", "embeddings.mask_token"), ("register_tokens", "embeddings.register_tokens"),
                             ("pos_embed", "embeddings.position_embeddings"), ("patch_embed.proj", "embeddings.patch_embeddings.projection"),
                             ("attn.proj", "attention.output.dense"), ("ls1.gamma", "layer_scale1.lambda1"), ("ls2.gamma", "layer_scale2.lambda1"),
                             ("mlp.w12", "mlp.weights_in"), ("mlp.w3", "mlp.weights_out")):
            name = name.replace(ours, theirs)
        name = re.sub(r"^norm\.", "layernorm.", name)
        if "attn.qkv" not in name:
            out[name] = value
            continue
        for part, third in zip(("query", "key", "value"), value.chunk(3)):
            out[name.replace("attn.qkv", "attention.attention." + part)] = third.clone()
    return out


def offset(state, side):
    """interpolate_pos_encoding with interpolate_offset 0.1 and without antialiasing, which are its defaults."""
    pos, grid = state["pos_embed"], int((state["pos_embed"].shape[1] - 1) ** 0.5)
    patches = pos[:, 1:].reshape(1, grid, grid, -1).permute(0, 3, 1, 2)
    scale = float(side + 0.1) / grid
    patches = torch.nn.functional.interpolate(patches, mode="bicubic", antialias=False, scale_factor=(scale, scale))
    assert patches.shape[-2:] == (side, side)
    return {**state, "pos_embed": torch.cat([pos[:, :1], patches.permute(0, 2, 3, 1).reshape(1, side * side, -1)], 1)}


def want(net, pictures):
    found = {}
    hook = net.blocks[-1].register_forward_hook(lambda _m, _i, out: found.__setitem__("patches", out[:, net.num_prefix_tokens:]))
    x = torch.from_numpy(((pictures / 255.0 - MEAN) / STD).transpose(0, 3, 1, 2)).float()
    with torch.no_grad():
        found["class"] = net.forward_features(x)[:, 0]
    hook.remove()
    return {name: value.flatten(1).numpy() for name, value in found.items()}


def have(program, work, model, data, size, setting):
    out = os.path.join(work, "rows.npz")
    subprocess.run([program, "features", model, "--data", data, "--split", "test", "--image_size", str(size), *setting, "--out", out, "--fresh", "--exact"],
                   check=True, stdout=subprocess.DEVNULL)
    with np.load(out) as rows:
        return rows["X"]


def rms(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def check(program, work, label, name, save, size, resample=None, **options):
    torch.manual_seed(len(label) + size)
    whole = make(name, 518, **options)
    randomize(whole)
    state, path = whole.state_dict(), os.path.join(work, "dinov2.pth")
    torch.save(save(state), path)
    net = make(name, size, **options)
    net.load_state_dict(resample(state, size // 14) if resample else checkpoint_filter_fn(dict(state), net))
    pictures = np.random.default_rng(size).integers(0, 256, (COUNT, size, size, 3), dtype=np.uint8)
    data = os.path.join(work, f"pictures{size}.npz")
    np.savez(data, images_test=pictures, labels_test=np.zeros(COUNT, np.int64))
    expected, side = want(net, pictures), size // 14
    errors = {"class": rms(have(program, work, path, data, size, []), expected["class"])}
    if side <= 64:
        setting = ["--setting", f"tap={len(net.blocks)},pool={side}"]
        errors["patches"] = rms(have(program, work, path, data, size, setting), expected["patches"])
    print(f"{label:42s} {size} pixels: " + ", ".join(f"{k} {e:.1e}" for k, e in errors.items()), flush=True)
    return max(errors.values()) < LIMIT


def plain(state):
    return state


SMALL, REGISTERS, GIANT = "vit_small_patch14_dinov2", "vit_small_patch14_reg4_dinov2", "vit_giant_patch14_reg4_dinov2"
CASES = [("timm", SMALL, plain, 224, None, {}), ("timm", SMALL, plain, 518, None, {}),
         ("timm, registers", REGISTERS, plain, 224, None, {}), ("timm, registers", REGISTERS, plain, 518, None, {}),
         ("facebookresearch", SMALL, authors, 224, offset, {}), ("facebookresearch", SMALL, authors, 518, None, {}),
         ("facebookresearch, registers", REGISTERS, authors, 224, None, {}), ("facebookresearch, training", SMALL, training, 224, offset, {}),
         ("facebookresearch, gated, 2 blocks", GIANT, authors, 224, None, {"depth": 2}), ("timm, gated, 2 blocks", GIANT, plain, 224, None, {"depth": 2}),
         ("transformers", SMALL, transformers, 224, offset, {}), ("transformers, registers", REGISTERS, transformers, 224, None, {}),
         ("transformers, gated, 2 blocks", GIANT, transformers, 224, None, {"depth": 2})]

if __name__ == "__main__":
    sys.exit(not all([check(sys.argv[1], sys.argv[2], label, name, save, size, resample, **options)
                      for label, name, save, size, resample, options in CASES if not sys.argv[3:] or label in sys.argv[3:]]))
