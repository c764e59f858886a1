#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bilinear.npz: pictures enlarged and reduced by torch's interpolate, and by the formula of TensorFlow 1's resize_bilinear (in float64);
in/<name>, torch/<name>/<width>x<height>, tf1/<name>/<width>x<height>; from the repository's root."""
import numpy as np
import torch


def tf1(a, width, height):
    def places(n, to):
        at = np.arange(to) * (n / to)
        low = np.minimum(at.astype(int), n - 1)
        return low, np.minimum(low + 1, n - 1), at - low
    (y0, y1, v), (x0, x1, u) = places(a.shape[0], height), places(a.shape[1], width)
    a, v, u = a.astype(np.float64), v[:, None, None], u[None, :, None]
    return ((a[y0][:, x0] * (1 - u) + a[y0][:, x1] * u) * (1 - v) + (a[y1][:, x0] * (1 - u) + a[y1][:, x1] * u) * v).astype(np.float32)


def main():
    out, rng = {}, np.random.default_rng(4)
    for name, shape in (("colour", (16, 16, 3)), ("grey", (9, 13, 1))):
        a = out[f"in/{name}"] = rng.integers(0, 256, shape, dtype=np.uint8)
        for width, height in ((35, 29), (8, 5), (13, 9)):
            planes = torch.from_numpy(a).permute(2, 0, 1)[None].float()
            resized = torch.nn.functional.interpolate(planes, size=(height, width), mode="bilinear", align_corners=False)
            out[f"torch/{name}/{width}x{height}"] = resized[0].permute(1, 2, 0).numpy()
            out[f"tf1/{name}/{width}x{height}"] = tf1(a, width, height)
    np.savez_compressed("tests/golden/bilinear.npz", **out)


main()
