#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""images/*.webp and images/webp.npz, the pixels that each must give (Pillow with libwebp; alpha over white); from the repository's root."""
import io

import numpy as np
from PIL import Image

OUT = "tests/golden/images/"


def picture(channels):
    y, x = np.mgrid[0:19, 0:23].astype(np.float64)
    planes = [127 + 100 * np.sin(x / (3.0 + c) + c) * np.cos(y / (5.0 - c)) for c in range(channels)]
    if channels == 4:
        planes[3] = 11.0 * x
    return Image.fromarray(np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8))


def main():
    files, expected = {}, {}
    for name, channels, options in (("lossy", 3, {"quality": 80}), ("lossless", 3, {"lossless": True}), ("alpha", 4, {"quality": 70}),
                                    ("alpha_lossless", 4, {"lossless": True})):
        buffer = io.BytesIO()
        picture(channels).save(buffer, "WEBP", **options)
        files[name + ".webp"] = buffer.getvalue()
        again = Image.open(io.BytesIO(buffer.getvalue()))
        base = Image.new("RGB", again.size, "white")
        base.paste(again.convert("RGB"), mask=again.getchannel("A") if again.mode == "RGBA" else None)
        expected[name + ".webp"] = np.asarray(base)
    buffer = io.BytesIO()
    picture(3).save(buffer, "WEBP", save_all=True, append_images=[picture(3).rotate(90)], duration=100)
    files["animated.webp"] = buffer.getvalue()
    for name, data in files.items():
        with open(OUT + name, "wb") as f:
            f.write(data)
    np.savez_compressed(OUT + "webp.npz", **expected)


main()
