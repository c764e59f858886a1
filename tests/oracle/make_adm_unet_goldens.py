#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Goldens of the architecture adm_unet and of its training, computed in float64; run from the repository's root.

tests/golden/adm_unet_<name>.safetensors; metadata: arch, optim (specs), clip. Images are [B,H,W,C].
weight/<parameter>      f16; all that follows is for these weights
x, t, y, target         a batch (y where the net is class-conditional)
out, loss               output, and its mean squared distance from target
grad/<parameter>        of loss
steps/x, steps/target   batches for training, step k takes batch k modulo their number
steps/t, steps/y        [steps,B]
steps/loss, steps/norm  [steps] before each AdamW step: loss on the image's channels of the output; norm of the gradient
"""
import json
import struct

import torch

from adm_unet import Config, Unet, Weights
from preserving_unet import PreservingUnet

OUT = "tests/golden/adm_unet_{}.safetensors"
STEPS, BATCHES, BATCH = 10, 2, 2
RATE, BETAS, EPS, DECAY = 0.002, (0.9, 0.99), 1e-8, 0.05
CONFIGS = {
    "residual": Config(num_head_channels=4, attention_resolutions=(16, 8)),
    "conv": Config(in_channels=1, num_channels=4, norm_groups=2, resblock_updown=False, attention_resolutions=(8,),
                   use_new_attention_order=True, learn_sigma=False, class_cond=False),
    "added": Config(image_size=8, num_channels=4, channel_mult=(1, 1), num_res_blocks=2, norm_groups=2, num_heads=4,
                    attention_resolutions=(4,), use_scale_shift_norm=False, learn_sigma=False),
    "preserving": Config(image_size=8, num_channels=4, num_heads=2, attention_resolutions=(8,), learn_sigma=False,
                         magnitude_preserving=True),
}
CLIP = {"residual": 1.0, "conv": 1.0, "added": 0.0, "preserving": 0.0}  # 0: none

NAMES = {torch.float16: "F16", torch.float32: "F32", torch.float64: "F64", torch.int32: "I32"}


def write_safetensors(path, tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, tensor in tensors.items():
        raw = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def images(random, *shape):
    """NHWC; standard normal, exact in f16."""
    return torch.randn(shape, generator=random, dtype=torch.float64).half().double()


def planes(x):
    return x.permute(0, 3, 1, 2)


def one_pass(net, c, random, out):
    """A batch, its output, loss and gradients; this also makes the weights."""
    out["x"] = images(random, BATCH, c.image_size, c.image_size, c.in_channels).half()
    out["target"] = images(random, BATCH, c.image_size, c.image_size, c.out_channels).half()
    out["t"] = torch.tensor([37.0, 912.0])
    labels = torch.tensor([c.num_classes - 1, 1], dtype=torch.int32)
    if c.class_cond:
        out["y"] = labels
    result = net.forward(planes(out["x"].double()), out["t"].double(), labels.long())
    loss = (result - planes(out["target"].double())).square().mean()
    loss.backward()
    out["out"] = result.detach().permute(0, 2, 3, 1).float()
    out["loss"] = loss.detach()[None]
    for name, weight in net.w.tensors.items():
        out["weight/" + name] = weight.detach().half()
        out["grad/" + name] = weight.grad.float()


def clip_to(parameters, limit):
    norm = torch.stack([p.grad.square().sum() for p in parameters]).sum().sqrt()
    if 0 < limit < norm:
        for p in parameters:
            p.grad *= limit / norm
    return norm


def curve(net, c, random, clip, out):
    x = images(random, BATCHES * BATCH, c.image_size, c.image_size, c.in_channels).half()
    target = images(random, BATCHES * BATCH, c.image_size, c.image_size, c.in_channels).half()
    t = torch.randint(0, 1000, (STEPS, BATCH), generator=random)
    y = torch.randint(0, c.num_classes, (STEPS, BATCH), generator=random)
    parameters = list(net.w.tensors.values())
    optim = torch.optim.AdamW([{"params": [p for p in parameters if p.dim() >= 2], "weight_decay": DECAY},
                               {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0}],
                              lr=RATE, betas=BETAS, eps=EPS)
    losses, norms = [], []
    for k in range(STEPS):
        rows = slice(k % BATCHES * BATCH, (k % BATCHES + 1) * BATCH)
        optim.zero_grad()
        result = net.forward(planes(x[rows].double()), t[k].double(), y[k])
        loss = (result[:, :c.in_channels] - planes(target[rows].double())).square().mean()
        loss.backward()
        norms.append(clip_to(parameters, clip))
        losses.append(loss.detach())
        optim.step()
    out.update({"steps/x": x, "steps/target": target, "steps/t": t.float(), "steps/loss": torch.stack(losses),
                "steps/norm": torch.stack(norms)})
    if c.class_cond:
        out["steps/y"] = y.int()
    return losses, norms


def main():
    for number, (name, c) in enumerate(CONFIGS.items()):
        random = torch.Generator().manual_seed(100 + number)
        net = (PreservingUnet if c.magnitude_preserving else Unet)(c, Weights(seed=number))
        out = {}
        one_pass(net, c, random, out)
        losses, norms = curve(net, c, random, CLIP[name], out)
        optim = f"adamw:rate={RATE:g},beta1={BETAS[0]:g},beta2={BETAS[1]:g},eps={EPS:g},weight_decay={DECAY:g}"
        write_safetensors(OUT.format(name), out, {"arch": c.spec(), "optim": optim, "clip": f"{CLIP[name]:g}"})
        print(f"{name}: {sum(w.numel() for w in net.w.tensors.values())} parameters")
        print("  loss", " ".join(f"{float(v):.4f}" for v in losses))
        print("  norm", " ".join(f"{float(v):.3f}" for v in norms))


if __name__ == "__main__":
    main()
