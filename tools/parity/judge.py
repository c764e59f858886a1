#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""judge.py DUET FOLDER: Inception-v3 as pytorch-fid builds it, with random weights, read by `duet features` from pictures of another size,
in colour and grey, by each way of resizing: the 2048 features, the logits and the 2023 spatial ones against PyTorch, whose inputs are resized
by pytorch-fid's own code, by the formula of TensorFlow 1's resize_bilinear in numpy, and by Pillow's mode F. Needs PyTorch,
torchvision, pytorch-fid, Pillow and numpy.

  python3 tools/parity/judge.py build/release/duet WORK
"""
import os
import subprocess
import sys

import numpy as np
import torch
from PIL import Image
from pytorch_fid import inception as fid

import inception as parity
from resnet import randomize

LIMIT, COUNT = 1e-4, 3
SETTINGS = {"features": "t=-1,tap=13,pool=1", "logits": "t=-1,tap=14,pool=1", "spatial": "t=-1,tap=9,pool=17,channels=7"}


def tensorflow(pictures, size=299):
    """resize_bilinear of TensorFlow 1 without align_corners and half_pixel_centers, in f32 as its kernel does."""
    def places(n):
        at = np.arange(size, dtype=np.float32) * np.float32(n / np.float32(size))
        low = np.minimum(np.floor(at).astype(int), n - 1)
        return low, np.minimum(low + 1, n - 1), at - low.astype(np.float32)
    v = pictures.astype(np.float32)
    (y0, y1, dy), (x0, x1, dx) = places(v.shape[1]), places(v.shape[2])
    dy, dx = dy[None, :, None, None], dx[None, None, :, None]
    top = v[:, y0][:, :, x0] + (v[:, y0][:, :, x1] - v[:, y0][:, :, x0]) * dx
    bottom = v[:, y1][:, :, x0] + (v[:, y1][:, :, x1] - v[:, y1][:, :, x0]) * dx
    return (top + (bottom - top) * dy - 128) / 128


def clean(pictures, size=299):
    def plane(p):
        return np.asarray(Image.fromarray(p.astype(np.float32), mode="F").resize((size, size), Image.BICUBIC)).clip(0, 255)
    return (np.stack([np.stack([plane(p[:, :, c]) for c in range(3)], 2) for p in pictures]) - 128) / 128


def run(net, x):
    """Of inputs [B,299,299,3], already resized and coloured: features, logits, spatial features."""
    kept = {}
    hooks = [net.Mixed_7c.register_forward_hook(lambda _m, _i, out: kept.__setitem__("features", out.mean((2, 3)))),
             net.Mixed_6d.branch1x1.register_forward_hook(lambda _m, _i, out: kept.__setitem__("spatial", out[:, :7].permute(0, 2, 3, 1).flatten(1)))]
    net.transform_input = False
    with torch.no_grad():
        kept["logits"] = net(torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).float())
    for hook in hooks:
        hook.remove()
    return kept


def of_pytorch_fid(net, pictures):
    """pytorch-fid's module, which resizes and scales [0,1] itself; its blocks are those of `net`."""
    kept, fid.fid_inception_v3 = fid.fid_inception_v3, lambda: net
    module = fid.InceptionV3([3], resize_input=True, normalize_input=True).eval()
    fid.fid_inception_v3 = kept
    with torch.no_grad():
        return module(torch.from_numpy(pictures.transpose(0, 3, 1, 2)).float() / 255)[0].flatten(1)


def by_torch(pictures):
    x = torch.from_numpy(pictures.transpose(0, 3, 1, 2)).float() / 255
    x = torch.nn.functional.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False)
    return (2 * x - 1).numpy().transpose(0, 2, 3, 1)


def rms(have, want):
    return float(np.linalg.norm(have - want) / np.linalg.norm(want))


def features(program, work, model, data, reader, setting):
    out = os.path.join(work, "rows.npz")
    subprocess.run([program, "features", model, "--data", data, "--split", "test", "--reader", reader, "--setting", setting, "--out", out, "--fresh",
                    "--exact"], check=True, stdout=subprocess.DEVNULL)
    with np.load(out) as rows:
        return rows["X"]


def main(program, work):
    torch.manual_seed(3)
    net = parity.make()
    randomize(net)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight)
    model, rng, worst = os.path.join(work, "judge.pth"), np.random.default_rng(8), 0.0
    torch.save(net.state_dict(), model)
    for name, size, channels in (("colour 32 x 32", 32, 3), ("grey 28 x 28", 28, 1), ("colour 320 x 320", 320, 3), ("colour 299 x 299", 299, 3)):
        pictures = rng.integers(0, 256, (COUNT, size, size, channels), dtype=np.uint8)
        data = os.path.join(work, f"pictures{size}")
        os.makedirs(os.path.join(data, "test", "all"), exist_ok=True)
        for i, p in enumerate(pictures):
            Image.fromarray(p if channels == 3 else p[:, :, 0]).save(os.path.join(data, "test", "all", f"{i:02d}.png"))
        rgb = pictures if channels == 3 else pictures.repeat(3, 3)
        own, first = of_pytorch_fid(net, rgb).numpy(), None
        for mode, prepared in (("torch", by_torch(rgb)), ("tensorflow", tensorflow(rgb)), ("clean", clean(rgb))):
            want = run(net, prepared)
            errors = {kind: rms(features(program, work, model, data, f"model:resize={mode}", setting), want[kind].numpy())
                      for kind, setting in SETTINGS.items()}
            if mode == "torch":
                errors["pytorch-fid's"] = rms(features(program, work, model, data, "model", SETTINGS["features"]), own)
            worst, first = max(worst, *errors.values()), want["features"].numpy() if first is None else first
            print(f"{name:18s} {mode:10s} " + ", ".join(f"{kind} {e:.1e}" for kind, e in errors.items()) +
                  f"; from torch's {rms(want['features'].numpy(), first):.1e}", flush=True)
    return worst < LIMIT


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1], sys.argv[2]))
