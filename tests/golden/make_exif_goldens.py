#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""images/turned_*.{jpg,png,webp} and images/exif.npz: one picture under each EXIF orientation, and what a viewer shows (Pillow's
ImageOps.exif_transpose); from the repository's root."""
import io

import numpy as np
from PIL import Image, ImageOps

OUT = "tests/golden/images/"


def main():
    y, x = np.mgrid[0:9, 0:14]
    picture = Image.fromarray(np.stack([18 * x, 25 * y, 255 - 9 * (x + y)], -1).astype(np.uint8))
    expected = {}
    for name, kind, options in [(f"turned_{o}.jpg", "JPEG", {"quality": 85}) for o in range(2, 9)] + [("turned_6.png", "PNG", {}), ("turned_8.webp", "WEBP", {"lossless": True})]:
        exif = Image.Exif()
        exif[0x0112] = int(name[7])
        buffer = io.BytesIO()
        picture.save(buffer, kind, exif=exif, **options)
        with open(OUT + name, "wb") as f:
            f.write(buffer.getvalue())
        expected[name] = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(buffer.getvalue()))).convert("RGB"))
    np.savez_compressed(OUT + "exif.npz", **expected)


main()
