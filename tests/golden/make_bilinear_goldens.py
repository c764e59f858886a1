#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bilinear.npz: pictures enlarged and reduced by torch's interpolate, by the formula of TensorFlow 1's resize_bilinear (in float64), and by
Pillow's bicubic filter of mode F; in/<name>, torch/<name>/<width>x<height>, tf1/<name>/<width>x<height>, pillow/<name>/<width>x<height>;
crop/<name>, torchvision's evaluation; from the repository's root."""
import numpy as np
import torch
import torchvision
from PIL import Image


def tf1(a, width, height):
    def places(n, to):
        at = np.arange(to) * (n / to)
        low = np.minimum(at.astype(int), n - 1)
        return low, np.minimum(low + 1, n - 1), at - low
    (y0, y1, v), (x0, x1, u) = places(a.shape[0], height), places(a.shape[1], width)
    a, v, u = a.astype(np.float64), v[:, None, None], u[None, :, None]
    return ((a[y0][:, x0] * (1 - u) + a[y0][:, x1] * u) * (1 - v) + (a[y1][:, x0] * (1 - u) + a[y1][:, x1] * u) * v).astype(np.float32)


def pillow(a, width, height):
    planes = [Image.fromarray(a[:, :, c].astype(np.float32)).resize((width, height), Image.BICUBIC) for c in range(a.shape[2])]
    return np.stack([np.asarray(p) for p in planes], 2)


def main():
    out, rng = {}, np.random.default_rng(4)
    for name, shape in (("colour", (16, 16, 3)), ("grey", (9, 13, 1))):
        a = out[f"in/{name}"] = rng.integers(0, 256, shape, dtype=np.uint8)
        for width, height in ((35, 29), (8, 5), (13, 9)):
            planes = torch.from_numpy(a).permute(2, 0, 1)[None].float()
            resized = torch.nn.functional.interpolate(planes, size=(height, width), mode="bilinear", align_corners=False)
            out[f"torch/{name}/{width}x{height}"] = resized[0].permute(1, 2, 0).numpy()
            out[f"tf1/{name}/{width}x{height}"] = tf1(a, width, height)
            out[f"pillow/{name}/{width}x{height}"] = pillow(a, width, height)
    for name, shape in (("wide", (61, 90, 3)), ("high", (75, 64, 1))): # torchvision's Resize and CenterCrop
        a = out[f"in/{name}"] = rng.integers(0, 256, shape, dtype=np.uint8)
        image = torchvision.transforms.Resize(48)(Image.fromarray(a[:, :, 0] if shape[2] == 1 else a))
        cropped = np.asarray(torchvision.transforms.CenterCrop(42)(image))
        out[f"crop/{name}"] = cropped if cropped.ndim == 3 else cropped[:, :, None]
    np.savez_compressed("tests/golden/bilinear.npz", **out)


main()
